import Foundation
import JSON
import TestKit
import Testing

/// A model that remembers by tools, in the memory that the API shows.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct MemoryToolTests {
    @Test("A model observes, learns and predicts; the API sees the same memory, and the prediction names its pattern")
    func usual() async throws {
        try await withPlatform { platform in
            let session = unique("remember")
            func call(_ tool: String, _ arguments: String) async throws -> JSONValue {
                let directive = platform.model.answer { request, _ in
                    request.lastRole == "tool"
                        ? .text(request.lastContent) : .toolCalls([.init(name: tool, arguments: arguments)])
                }
                let sent = try await platform.client.post("Do \(directive)", session: session)
                return try JSONValue.parse(Array(try await platform.client.answer(to: sent).utf8))
            }
            let first = try await call("memory_observe", #"{"strings":["wake"],"metadata":{"day":"monday"}}"#)
            #expect(first == ["node_id": "default", "stm_length": 1])
            #expect(try await call("memory_observe", #"{"strings":["coffee"]}"#)["stm_length"] == 2)
            #expect(try await platform.memory.memory(session) == [["wake"], ["coffee"]])
            let name = try #require(try await call("memory_learn", "{}")["pattern_name"]?.stringValue)
            #expect(name.hasPrefix("PTRN|"))
            #expect(try await platform.memory.memory(session).isEmpty)
            _ = try await call("memory_observe", #"{"strings":["wake"]}"#)
            let predicted = try await call("memory_predict", #"{"limit":100}"#)["predictions"]?.arrayValue ?? []
            let mine = try #require(predicted.first { "PTRN|" + ($0["name"]?.stringValue ?? "") == name })
            #expect(mine["future"] == [["coffee"]])
            let tools = try await platform.client.get("/v1/tools").json["tools"]?.arrayValue ?? []
            let observe = try #require(tools.first { $0["name"] == "memory_observe" })
            #expect(observe["idempotent"] == false)
        }
    }

    @Test("A request that comes several times observes once")
    func redelivered() async throws {
        try await withPlatform { platform in
            let session = unique("again")
            func request(_ word: String) -> JSONValue {
                [
                    "event_id": .string(unique("call")), "session_id": .string(session),
                    "tool_name": "memory_observe", "args": ["strings": [.string(word)]],
                ]
            }
            let first = request("a").string
            try await platform.tapping(["tool.results"]) { tap in
                try await platform.publish("tool.requests", key: session, [first, first])
                _ = try await tap.record("tool.results") { $0["session_id"]?.stringValue == session }
                // After the answer too. What comes behind in the same session is handled behind.
                let last = request("b")
                try await platform.publish("tool.requests", key: session, [first, first, last.string])
                let result = try await tap.record("tool.results") { $0["event_id"] == last["event_id"] }
                #expect(result.json["status"] == "success")
            }
            #expect(try await platform.memory.memory(session) == [["a"], ["b"]])
        }
    }

    @Test("What the memory could not learn is refused, and what is good is observed and learned after it")
    func refused() async throws {
        try await withPlatform { platform in
            let session = unique("bad")
            func request(_ arguments: JSONValue) -> JSONValue {
                [
                    "event_id": .string(unique("call")), "session_id": .string(session),
                    "tool_name": "memory_observe", "args": arguments,
                ]
            }
            let bad: [(JSONValue, String)] = [
                (["strings": ["a"], "metadata": ["k": "\u{0}"]], "metadata"),
                (["strings": ["a"], "metadata": ["k\u{0}": 1]], "metadata"), (["strings": ["\u{0}"]], "strings[0]"),
                (["strings": ["a"], "emotives": ["joy": 1e308]], "emotives"),
            ]
            try await platform.tapping(["tool.results"]) { tap in
                for (arguments, field) in bad {
                    let call = request(arguments)
                    try await platform.publish("tool.requests", key: session, [call.string])
                    let result = try await tap.record("tool.results") { $0["event_id"] == call["event_id"] }
                    #expect(result.json["status"] != "success", "\(arguments.string)")
                    #expect(result.json.string.contains(field), "\(result.json.string)")
                }
                for word in ["a", "b"] {
                    let good = request(["strings": [.string(word)], "metadata": ["k": .string(word)]])
                    try await platform.publish("tool.requests", key: session, [good.string])
                    let result = try await tap.record("tool.results") { $0["event_id"] == good["event_id"] }
                    #expect(result.json["status"] == "success")
                }
            }
            #expect(try await platform.memory.memory(session) == [["a"], ["b"]])
            #expect(try await platform.memory.learn(session).hasPrefix("PTRN|"))
        }
    }

    @Test("Sessions of two tenants with the same name have each their own memory")
    func tenants() async throws {
        try await withPlatform { platform in
            let other = try await platform.makeTenant(unique("tenant"))
            let session = unique("shared")
            func call(_ client: PlatformClient, _ tool: String, _ arguments: JSONValue) async throws -> JSONValue {
                let body: JSONValue = [
                    "tool_name": .string(tool), "args": arguments, "session_id": .string(session),
                ]
                let run = try await client.post("/v1/tool/request?wait=30", json: body)
                #expect(run.json["status"] == "success", "\(run.json.string)")
                return run.json["payload"] ?? .null
            }
            let secret = unique("secret")
            for word in ["wake", secret] {
                _ = try await call(platform.client, "memory_observe", ["strings": [.string(word)]])
            }
            _ = try await call(platform.client, "memory_learn", [:])
            _ = try await call(platform.client, "memory_observe", ["strings": [.string(secret)]])
            let mine = try await call(platform.client, "memory_predict", [:])
            #expect(mine["predictions"]?.arrayValue?.isEmpty == false)
            let observed = try await call(other, "memory_observe", ["strings": [.string(secret)]])
            #expect(observed["stm_length"] == 1)
            let theirs = try await call(other, "memory_predict", [:])
            #expect(theirs["predictions"] == [])
            #expect(try await MemoryClient(other).memory(session) == [[secret]])
        }
    }

    @Test("A persona is offered the memory tools that it has, and what a policy denies it is not run")
    func personas() async throws {
        var options = PlatformOptions()
        _ = try options.setPolicies(personas: ["amnesiac": ["denied_tools": ["memory_*"]]])
        try await withOwnPlatform(options) { platform in
            try await platform.sql(
                """
                INSERT INTO personas (tenant_id, persona_id, tools)
                VALUES ('default', 'reader', '{echo,memory_predict}'), ('default', 'amnesiac', NULL)
                """
            )
            let marker = platform.model.answer { request, _ in
                request.lastRole == "tool"
                    ? .text(request.lastContent)
                    : .toolCalls([.init(name: "memory_observe", arguments: #"{"strings":["a"]}"#)])
            }
            let plain = platform.model.answer { _, _ in .text("ok") }
            try await platform.client.converse("Hello \(plain)", session: unique("s"), persona: "reader")
            #expect(platform.model.requests(plain).last?.toolNames.sorted() == ["echo", "memory_predict"])
            let session = unique("denied")
            let reply = try await platform.client.converse("Go \(marker)", session: session, persona: "amnesiac")
            let answer = reply["message"]?.stringValue ?? ""
            #expect(answer.contains("denied") || answer.contains("does not allow"), "\(answer)")
            #expect(try await platform.client.get("/sessions/\(session)/stm").status == 404)
            // Another persona may.
            try await platform.client.converse("Go \(marker)", session: session, persona: "other")
            #expect(try await platform.memory.memory(session) == [["a"]])
        }
    }
}
