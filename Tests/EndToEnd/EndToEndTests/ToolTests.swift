import JSON
import TestKit
import Testing

/// Tools: called directly, and by a model that makes mistakes.
@Suite(.timeLimit(.minutes(1)), .serviceLogs)
struct ToolTests {
    @Test("The registry names every tool with its parameters")
    func registry() async throws {
        try await withPlatform { platform in
            let tools = try await platform.client.get("/v1/tools").json["tools"]?.arrayValue ?? []
            let names = Set(tools.compactMap { $0["name"]?.stringValue })
            #expect(names.isSuperset(of: ["echo", "calculator", "timestamp"]))
            #expect(tools.allSatisfy { $0["parameters"]?["type"] == "object" })
        }
    }

    @Test("A direct call that waits has the result in its answer")
    func waiting() async throws {
        try await withPlatform { platform in
            let call: JSONValue = ["tool_name": "echo", "args": ["message": "Echo test"]]
            let response = try await platform.client.post("/v1/tool/request?wait=20", json: call)
            #expect(response.status == 200)
            #expect(response.json["status"] == "success")
            #expect(response.json["payload"] == ["message": "Echo test"])
            let eventID = try #require(response.json["event_id"]?.stringValue)
            let run = try await platform.client.get("/v1/tool/runs/\(eventID)")
            #expect(run.json["payload"] == ["message": "Echo test"])
            #expect(run.json["tool_name"] == "echo")
        }
    }

    @Test("A direct call that does not wait is looked up by its id")
    func notWaiting() async throws {
        try await withPlatform { platform in
            let session = unique("direct")
            let call: JSONValue = [
                "tool_name": "calculator", "args": ["expression": "1/0"], "session_id": .string(session),
            ]
            let response = try await platform.client.post("/v1/tool/request", json: call)
            #expect(response.json["status"] == "accepted")
            #expect(response.json["session_id"]?.stringValue == session)
            let eventID = try #require(response.json["event_id"]?.stringValue)
            let run = try await eventuallyValue("the run") {
                let run = try await platform.client.get("/v1/tool/runs/\(eventID)")
                return run.status == 200 && run.json["status"] != "running" ? .some(run.json) : .none
            }
            #expect(run["status"] == "error")
            #expect(run["error"]?.stringValue?.isEmpty == false)
            try await eventually("an empty outbox") {
                try await platform.sql("SELECT count(*) FROM outbox WHERE session_id = '\(session)'") == "0"
            }
        }
    }

    @Test(
        "A direct call that makes no sense is refused",
        arguments: [
            (#"{"args":{}}"#, 422, ["tool_name"]),
            (#"{"tool_name":7}"#, 422, ["tool_name"]),
            (#"{"tool_name":"echo","args":[]}"#, 422, ["args"]),
            (#"{"tool_name":"echo","args":{}}"#, 422, ["args"]),
            (#"{"tool_name":"echo","args":{"message":7}}"#, 422, ["args"]),
            (#"{"tool_name":"echo","args":{"message":"x"},"session_id":"a b"}"#, 422, ["session_id"]),
            (#"{"tool_name":"echo","args":{"message":"x"},"metadata":7}"#, 422, ["metadata"]),
            (#"{"tool_name":"echo","args":{"message":"x"},"tenant_id":"other"}"#, 422, ["tenant_id"]),
            (#"{"tool_name":"nothing","args":{}}"#, 404, []),
            (#"[]"#, 422, ["body"]),
            (#"{"#, 400, []),
        ]
    )
    func refused(body: String, status: Int, fields: [String]) async throws {
        try await withPlatform { platform in
            let response = try await platform.client.request("POST", "/v1/tool/request", body: Array(body.utf8))
            #expect(response.status == status)
            #expect(response.fields == fields)
            #expect(response.json["detail"]?.stringValue?.isEmpty == false)
        }
    }

    @Test("The wait may be 30 seconds, and not longer")
    func waitLimit() async throws {
        try await withPlatform { platform in
            let call: JSONValue = ["tool_name": "echo", "args": ["message": "x"]]
            #expect(try await platform.client.post("/v1/tool/request?wait=30", json: call).status == 200)
            let over = try await platform.client.post("/v1/tool/request?wait=31", json: call)
            #expect(over.status == 422)
            #expect(over.fields == ["wait"])
        }
    }

    @Test("A model that calls tools in 8 rounds is answered; one that never stops fails the turn honestly")
    func rounds() async throws {
        try await withPlatform { platform in
            let call = ScriptedModelReply.toolCalls([.init(name: "echo", arguments: #"{"message":"again"}"#)])
            let obedient = platform.model.answer { request, _ in request.toolNames.isEmpty ? .text("enough") : call }
            let sent = try await platform.client.post("Go on \(obedient)", session: unique("rounds"))
            #expect(try await platform.client.answer(to: sent) == "enough")
            #expect(platform.model.requests(obedient).count == 9)

            let endless = platform.model.answer { _, _ in call }
            let other = try await platform.client.post("Go on \(endless)", session: unique("rounds"))
            let turn = try await platform.client.finishedTurn(other.eventID)
            #expect(turn["status"] == "failed")
            #expect(turn["error"]?["code"] == "tool_rounds_exceeded")
            #expect(platform.model.requests(endless).count == 9)
        }
    }

    @Test("Several calls in one answer are all run, and the model sees every result in order")
    func severalCalls() async throws {
        try await withPlatform { platform in
            let marker = platform.model.answer { request, count in
                if count > 0 {
                    let results = request.messages.filter { $0["role"] == "tool" }
                    let texts = results.compactMap { $0["content"]?.stringValue }
                    return .text(texts.map { $0.contains("one") ? "1" : $0.contains("two") ? "2" : "3" }.joined())
                }
                return .toolCalls(
                    ["one", "two", "three"].map { .init(name: "echo", arguments: #"{"message":"\#($0)"}"#) }
                )
            }
            let sent = try await platform.client.post("Call \(marker)", session: unique("several"))
            #expect(try await platform.client.answer(to: sent) == "123")
        }
    }

    @Test(
        "Calls that are wrong are told to the model, which can do better",
        arguments: [
            ("echo", "{ no JSON"), ("echo", "[1]"), ("echo", #"{"message":7}"#), ("echo", "{}"),
            ("no_such_tool", "{}"), ("not a name!", "{}"), ("calculator", #"{"expression":"2 +"}"#),
        ]
    )
    func wrongCalls(tool: String, arguments: String) async throws {
        try await withPlatform { platform in
            let marker = platform.model.answer { request, count in
                if count == 0 { return .toolCalls([.init(name: tool, arguments: arguments)]) }
                return .text("sorry: \(request.lastRole) \(request.lastContent.contains("error"))")
            }
            let sent = try await platform.client.post("Call \(marker)", session: unique("wrong"))
            let answer = try await platform.client.answer(to: sent)
            #expect(answer == "sorry: tool true")
        }
    }
}
