import JSON
import TestKit
import Testing

/// Personas with `memory: auto` at their limits and in trouble; each test has a platform of its own.
@Suite(.timeLimit(.minutes(4)), .serviceLogs)
struct MemoryAutoFaultTests {
    @Test("A conversation becomes a pattern at as many messages as are set; of a message only so many words count")
    func limits() async throws {
        var options = PlatformOptions()
        options.startsExecutor = false
        options.worker = [
            "PARLEY_MEMORY_LEARN_AT": "2", "PARLEY_MEMORY_TOKENS_MAX": "3", "PARLEY_MEMORY_PREDICTIONS": "1",
        ]
        try await withOwnPlatform(options) { platform in
            let persona = try await platform.rememberingPersona()
            let session = unique("limits")
            for said in ["one two three", "a b c d"] {
                #expect(try await platform.patterns(of: persona).isEmpty)
                try await platform.client.converse(said, session: session, persona: persona)
            }
            let patterns = try await platform.patterns(of: persona)
            #expect(patterns.count == 1)
            #expect(patterns[0].hasSuffix(#"|1|[["one","three","two"],["a","b","c"]]"#))
            #expect(try await platform.memory.memory(session).isEmpty)
            // Two patterns fit; one is told.
            for said in ["one two three", "x y"] {
                try await platform.client.converse(said, session: session, persona: persona)
            }
            #expect(try await platform.patterns(of: persona).count == 2)
            let reply = try await platform.client.converse("one two three", session: session, persona: persona)
            #expect(reply["metadata"]?["memory"]?["patterns"]?.arrayValue?.count == 1)
        }
    }

    @Test("A worker is killed and messages come several times: each is observed once, and what was predicted stays")
    func killed() async throws {
        try await withOwnPlatform { platform in
            let node = unique("node")
            let persona = try await platform.rememberingPersona(node: node)
            let teacher = try await platform.memory.begin(node)
            let call = ScriptedModelReply.toolCalls([.init(name: "echo", arguments: #"{"message":"x"}"#)])
            let marker = platform.model.answer { _, count in
                switch count {
                case 0: call
                case 2, 5: .text("done")
                default: .hang
                }
            }
            let word = String(marker.dropFirst().dropLast())
            func teach(_ future: String) async throws {
                try await platform.memory.observe(teacher, ["start", word])
                try await platform.memory.observe(teacher, [future])
                _ = try await platform.memory.learn(teacher)
            }
            try await teach("one")
            try await platform.tapping(["conversation.inbound"]) { tap in
                let session = unique("killed")
                let sent = try await platform.client.post("start \(marker)", session: session, persona: persona)
                try await eventually("the second model call") { platform.model.requests(marker).count == 2 }
                // What is learned meanwhile does not change what this turn was told.
                try await teach("two")
                let record = try await tap.record("conversation.inbound") { $0["session_id"]?.stringValue == session }
                let text = record.json.string
                try await platform.publish("conversation.inbound", key: session, [text, text])
                try await platform.worker.kill9()
                try await platform.worker.start()
                #expect(try await platform.client.answer(to: sent) == "done")
                let told = platform.model.requests(marker).map(\.memoryText)
                #expect(told.count == 3)
                #expect(told[0]?.contains(#""one""#) == true && told[0]?.contains(#""two""#) == false)
                #expect(told.allSatisfy { $0 == told[0] })
                #expect(try await platform.memory.memory(session) == [[word, "start"].sorted()])

                // Killed before anything of the turn is in the journal.
                let next = try await platform.client.post("start \(marker)", session: session, persona: persona)
                try await eventually("a model call") { platform.model.requests(marker).count == 4 }
                try await platform.worker.kill9()
                try await platform.worker.start()
                try await eventually("another model call") { platform.model.requests(marker).count == 5 }
                try await platform.worker.kill9()
                try await platform.worker.start()
                #expect(try await platform.client.answer(to: next) == "done")
                #expect(platform.model.requests(marker).last?.memoryText?.contains(#""two""#) == true)
                #expect(try await platform.memory.memory(session).count == 2)
            }
        }
    }

    @Test("A memory that fails or takes too long fails no turn, and is counted; what comes late is observed once")
    func trouble() async throws {
        var options = PlatformOptions()
        options.startsExecutor = false
        options.worker["PARLEY_MEMORY_TIMEOUT"] = "2s"
        try await withOwnPlatform(options) { platform in
            let persona = try await platform.rememberingPersona()
            let session = unique("trouble")
            try await platform.client.converse("zero", session: session, persona: persona)
            func count(_ outcome: String) async throws -> Bool {
                let metrics = try await platform.client.onPort(platform.worker.port).get("/metrics")
                let text = String(decoding: metrics.body, as: UTF8.self)
                return text.contains(#"parley_turn_memory_total{outcome="\#(outcome)"} 1"#)
            }
            try await platform.sql("ALTER TABLE memory_observations RENAME TO away")
            let failed = try await platform.client.converse("one", session: session, persona: persona)
            #expect(failed["metadata"] == nil)
            #expect(try await count("failed"))
            try await platform.sql("ALTER TABLE away RENAME TO memory_observations")

            try await platform.locking("memory_sessions", mode: "EXCLUSIVE") {
                let late = try await platform.client.converse("two", session: session, persona: persona)
                #expect(late["metadata"] == nil)
                #expect(try await count("timed_out"))
            }
            try await platform.client.converse("three", session: session, persona: persona)
            // The first is gone with the failure. The late one may be there, once.
            let memory = try await platform.memory.memory(session)
            #expect(memory == [["zero"], ["two"], ["three"]] || memory == [["zero"], ["three"]])
        }
    }

    @Test(
        "A session with more symbols than predictions are for holds up no turn: its message is observed"
    )
    func largeState() async throws {
        var options = PlatformOptions()
        options.startsExecutor = false
        options.worker["PARLEY_MEMORY_TIMEOUT"] = "10s"
        try await withOwnPlatform(options) { platform in
            let persona = try await platform.rememberingPersona()
            let memory = platform.memory
            let session = try await memory.begin(persona, ["config": ["process_predictions": false]])
            let strings = JSONValue.array((0..<1000).map { .string("s\($0 % 100)") })
            for _ in 0..<19 { #expect(try await memory.observe(session, ["strings": strings]).status == 200) }
            // 19,999 symbols of 20,000, and one more with the message.
            let rest = JSONValue.array((0..<999).map { .string("s\($0 % 100)") })
            #expect(try await memory.observe(session, ["strings": rest]).status == 200)
            let fits = try await platform.client.converse("one", session: session, persona: persona)
            #expect(fits["metadata"]?["memory"]?["node_id"]?.stringValue == persona, "at the limit")
            let over = try await platform.client.converse("two", session: session, persona: persona)
            #expect(over["metadata"] == nil, "\(over.string)")
            let metrics = try await platform.client.onPort(platform.worker.port).get("/metrics")
            let text = String(decoding: metrics.body, as: UTF8.self)
            #expect(text.contains(#"parley_turn_memory_total{outcome="failed"} 1"#))
            #expect(try await memory.memory(session).suffix(2) == [["one"], ["two"]])
        }
    }
}
