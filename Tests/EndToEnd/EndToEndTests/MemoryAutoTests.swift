import JSON
import TestKit
import Testing

/// Personas with `memory: auto`: conversations that teach the next ones.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct MemoryAutoTests {
    @Test("What one session said is predicted in the next: the model is told, and the reply names the pattern")
    func usual() async throws {
        try await withPlatform { platform in
            let persona = try await platform.rememberingPersona()
            let marker = platform.model.answer { _, _ in .text("ok") }
            let word = String(marker.dropFirst().dropLast())
            let first = unique("teacher")
            for said in ["Wake up!", "COFFEE, hot coffee", "work"] {
                let reply = try await platform.client.converse("\(said) \(marker)", session: first, persona: persona)
                #expect(reply["metadata"] == ["memory": ["node_id": .string(persona), "patterns": []]])
            }
            #expect(platform.model.requests(marker).allSatisfy { $0.memoryText == nil })
            let events = [[word, "up", "wake"], ["coffee", "coffee", "hot", word], [word, "work"]].map { $0.sorted() }
            #expect(try await platform.memory.memory(first) == events)
            // The end of a session teaches.
            #expect(try await platform.patterns(of: persona).isEmpty)
            #expect(try await platform.client.request("DELETE", "/sessions/\(first)").status == 200)
            #expect(try await platform.client.request("DELETE", "/sessions/\(first)").status == 404)
            let pattern = try #require(try await platform.patterns(of: persona).first)
            let name = String(pattern.prefix(40))
            #expect(try await platform.memory.pattern(name, persona)?["pattern_data"] == json(events))

            let second = unique("pupil")
            let stream = try await platform.client.stream(second)
            defer { stream.cancel() }
            let reply = try await platform.client.converse("wake up \(marker)", session: second, persona: persona)
            let metadata: JSONValue = ["memory": ["node_id": .string(persona), "patterns": [.string(name)]]]
            #expect(reply["metadata"] == metadata)
            #expect(try await stream.events(through: \.isFinal).last?.json["metadata"] == metadata)
            let request = try #require(platform.model.requests(marker).last)
            #expect(request.messages.map { $0["role"]?.stringValue } == ["system", "system", "user"])
            let text = try #require(request.memoryText)
            #expect(text.contains("pattern \(name)"))
            #expect(text.contains(#"then followed \#(json(Array(events.dropFirst())).string)"#))
            let turn = try await platform.client.get("/v1/turns/\(reply["turn_id"]?.stringValue ?? "")").json
            let steps = turn["steps"]?.arrayValue ?? []
            #expect(steps.map { $0["kind"]?.stringValue } == ["policy", "memory", "policy", "budget", "model"])
            #expect(steps.dropFirst().first?["response"]?["text"]?.stringValue == text)

            // The same memory is used by hand and by itself.
            try await platform.memory.observe(second, ["by hand"])
            try await platform.client.converse("work \(marker)", session: second, persona: persona)
            #expect(try await platform.memory.memory(second) == [events[0], ["by hand"], events[2]])
        }
    }

    @Test("A persona without memory observes nothing, and its replies say nothing of a memory")
    func off() async throws {
        try await withPlatform { platform in
            let session = unique("forgetful")
            let persona = try await platform.rememberingPersona()
            let result = try await platform.parleyctl(["personas", "set", "--memory", "off", persona])
            #expect(result.exit == .exited(0))
            for spoken in [persona, nil] {
                let reply = try await platform.client.converse("Hello", session: session, persona: spoken)
                #expect(reply["metadata"] == nil)
            }
            #expect(try await platform.client.get("/sessions/\(session)/stm").status == 404)
        }
    }

    @Test("Tenants with personas, nodes and sessions of the same name know nothing of each other's memory")
    func tenants() async throws {
        try await withPlatform { platform in
            let name = unique("tenant")
            let other = try await platform.makeTenant(name)
            let persona = try await platform.rememberingPersona()
            try await platform.remember(persona, tenant: name)
            let marker = platform.model.answer { _, _ in .text("ok") }
            let session = unique("shared")
            for said in ["wake \(marker)", "coffee \(marker)"] {
                try await platform.client.converse(said, session: session, persona: persona)
            }
            #expect(try await platform.client.request("DELETE", "/sessions/\(session)").status == 200)
            let theirs = try await other.converse("wake \(marker)", session: session, persona: persona)
            #expect(theirs["metadata"]?["memory"]?["patterns"] == [])
            #expect(platform.model.requests(marker).last?.memoryText == nil)
            #expect(try await platform.patterns(of: persona, tenant: name).isEmpty)
            let mine = try await platform.client.converse("wake \(marker)", session: session, persona: persona)
            #expect(mine["metadata"]?["memory"]?["patterns"]?.arrayValue?.count == 1)
            #expect(try await MemoryClient(other).memory(session).count == 1)
        }
    }

    @Test("What a memory that expires still holds is learned, once, and the conversation begins another one")
    func expiry() async throws {
        try await withPlatform { platform in
            let node = unique("node")
            let persona = try await platform.rememberingPersona(node: node)
            let session = unique("expiring")
            for said in ["wake", "coffee"] {
                try await platform.client.converse(said, session: session, persona: persona)
            }
            let extended = try await platform.memory.post("/sessions/\(session)/extend?ttl_seconds=1")
            #expect(extended.status == 200)
            try await eventually("the end of the memory", timeout: .seconds(60)) {
                try await platform.sql("SELECT count(*) FROM memory_sessions WHERE session_id = '\(session)'") == "0"
            }
            let patterns = try await platform.patterns(of: node)
            #expect(patterns.count == 1)
            #expect(patterns[0].hasSuffix(#"|1|[["wake"],["coffee"]]"#))
            let left = try await platform.sql(
                "SELECT count(*) FROM memory_observations WHERE session_id = '\(session)'"
            )
            #expect(left == "0")
            let reply = try await platform.client.converse("wake", session: session, persona: persona)
            #expect(reply["metadata"]?["memory"]?["patterns"] == [.string(String(patterns[0].prefix(40)))])
            #expect(try await platform.memory.memory(session) == [["wake"]])
        }
    }
}
