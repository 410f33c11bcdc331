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
}
