import HTTPServer
import JSON
import TestKit
import Testing

/// Turns whose tool never answers, or whose tool's answer is lost.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct LostToolTests {
    /// A model that calls a tool once and then says what came of it.
    private static func calling(_ tool: String, on platform: Platform) -> String {
        platform.model.answer { request, _ in
            request.lastRole == "tool"
                ? .text("The tool said \(request.lastContent)")
                : .toolCalls([.init(name: tool, arguments: #"{"n":7}"#)])
        }
    }

    @Test("Without an executor a turn goes on with a timeout, and an executor that comes late runs nothing")
    func nobodyThere() async throws {
        let server = try await ToolServer()
        var options = PlatformOptions()
        try options.setTools([
            server.entry("pay", idempotent: false, timeout: 0.5),
            server.entry("look_up", idempotent: true, timeout: 0.5),
        ])
        options.startsExecutor = false
        options.worker["PARLEY_TOOL_GRACE"] = "0s"
        try await withOwnPlatform(options) { platform in
            for tool in ["pay", "look_up"] {
                let sent = try await platform.client.post(
                    "Do \(Self.calling(tool, on: platform))",
                    session: unique("nobody")
                )
                let answer = try await platform.client.answer(to: sent)
                #expect(answer.contains("timeout"))
                let turn = try await platform.client.finishedTurn(sent.eventID)
                #expect(turn["attempt"] == 1)
            }
            try await eventually("an empty outbox") { try await platform.sql("SELECT count(*) FROM outbox") == "0" }
            try await platform.executor.start()
            // The requests are still on the topic; the one behind them shows that the executor has seen them.
            let later = try await platform.client.post(
                "Do \(Self.calling("look_up", on: platform))",
                session: unique("nobody")
            )
            #expect(try await platform.client.answer(to: later).contains("done"))
            #expect(server.calls.count == 1)
            #expect(try await platform.sql("SELECT count(*) FROM tool_runs WHERE status = 'timeout'") == "2")
        }
        await server.stop()
    }

    @Test("A result that is lost on its way is told again from the executor's record; the tool is not run again")
    func resultLost() async throws {
        let gate = Gate()
        defer { gate.open() }
        let server = try await ToolServer { _, _ in
            await gate.wait()
            return HTTPResponse(status: 200, body: .bytes(Array(#"{"paid":7}"#.utf8)))
        }
        var options = PlatformOptions()
        try options.setTools([server.entry("pay", idempotent: false, timeout: 4)])
        options.worker["PARLEY_TOOL_GRACE"] = "0s"
        try await withOwnPlatform(options) { platform in
            let sent = try await platform.client.post(
                "Do \(Self.calling("pay", on: platform))",
                session: unique("lost")
            )
            try await eventually("the run") { server.calls.count == 1 }
            try await platform.worker.kill9()
            gate.open()
            try await eventually("the end of the run") {
                try await platform.sql("SELECT status FROM tool_runs") == "success"
            }
            // Both ways that the result could take are cut off.
            try await platform.sql("DELETE FROM outbox WHERE topic = 'tool.results'")
            try await platform.broker.kill9()
            try await platform.broker.server.start()
            try await platform.worker.start()
            #expect(try await platform.client.answer(to: sent) == #"The tool said {"paid":7}"#)
            #expect(server.calls.count == 1)
        }
        await server.stop()
    }
}
