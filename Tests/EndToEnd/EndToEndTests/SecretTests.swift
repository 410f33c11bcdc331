import JSON
import TestKit
import Testing

/// No secret and no text of a user is in a log line, a metric, or an error that leaves the process.
@Suite(.timeLimit(.minutes(1)), .serviceLogs)
struct SecretTests {
    @Test("What users say, keys and what tools are given are in no log and no metric, at the most talkative level")
    func logs() async throws {
        var options = PlatformOptions()
        options.environment["PARLEY_LOG_LEVEL"] = "trace"
        try await withOwnPlatform(options) { platform in
            let marker = "Xyzzy7Plugh"
            let session = unique("secret")
            let client = platform.client
            // Through every way in, with what goes well and what goes wrong.
            let fine = try await client.post("Calculate 1 + 1 \(marker)", session: session)
            _ = try await client.finishedTurn(fine.eventID)
            let failing = platform.model.answer { _, _ in .error(400, message: "you said \(marker)") }
            let failed = try await client.post("\(marker) \(failing)", session: session)
            _ = try await client.finishedTurn(failed.eventID)
            let calling = platform.model.answer { _, count in
                count == 0 ? .toolCalls([.init(name: "echo", arguments: "{\"\(marker)\":1}")]) : .text(marker)
            }
            let called = try await client.post("Call \(calling)", session: session)
            #expect(try await client.answer(to: called) == marker)
            let socket = try await client.webSocket(session, after: called.eventID.isEmpty ? nil : "0")
            try await socket.send(["message": .string(marker), "metadata": ["note": .string(marker)]])
            try await socket.send("{\"message\":\"\(marker)")
            _ = try await socket.next()
            try await socket.close()
            let call: JSONValue = ["tool_name": "echo", "args": ["message": .string(marker)]]
            #expect(try await client.post("/v1/tool/request?wait=20", json: call).json["status"] == "success")
            var errors: [[UInt8]] = []
            for body in [
                "{\"message\":\"\(marker)\",\"session_id\":\"\(marker) \"}", "{\"message\":\"\(marker)",
                "{\"message\":[\"\(marker)\"]}",
            ] {
                errors.append(try await client.request("POST", "/v1/session/message", body: Array(body.utf8)).body)
            }
            errors.append(try await client.with(key: "pk_\(marker)").get("/v1/tools").body)
            errors.append(try await client.get("/v1/nothing/\(marker)?secret=\(marker)").body)
            try await platform.publish("conversation.inbound", key: session, ["{\"message\":\"\(marker)"])
            try await platform.publish("tool.requests", key: session, ["{\"args\":\"\(marker)\"}"])
            try await eventually("the dead letters") {
                try await platform.sql("SELECT count(*) FROM dead_letters") == "2"
            }

            let key = try #require(client.key)
            for error in errors {
                let text = String(decoding: error, as: UTF8.self)
                #expect(!text.contains(marker), "\(text)")
            }
            for service in [platform.gateway, platform.worker, platform.executor] {
                let metrics = try await client.onPort(service.port).get("/metrics")
                #expect(metrics.status == 200)
                _ = try await service.terminate()
                let log = service.log
                #expect(log.split(separator: "\n").count > 5, "the service logs")
                for secret in [marker, key, "model-key-that-no-log-may-show"] {
                    let lines = log.split(separator: "\n").filter { $0.contains(secret) }
                    #expect(lines.isEmpty, "\(service.program) logs a secret: \(lines.first ?? "")")
                    #expect(!String(decoding: metrics.body, as: UTF8.self).contains(secret))
                }
            }
        }
    }

    @Test("Every line of a log is JSON with a time, a level and a message")
    func shape() async throws {
        try await withPlatform { platform in
            let sent = try await platform.client.post("hello")
            _ = try await platform.client.finishedTurn(sent.eventID)
            for service in [platform.gateway, platform.worker, platform.executor] {
                // The last line may be on its way.
                for line in service.log.split(separator: "\n").dropLast() {
                    let json = try? JSONValue.parse(String(line))
                    #expect(json?["level"]?.stringValue != nil, "\(service.program): \(line)")
                }
            }
        }
    }
}
