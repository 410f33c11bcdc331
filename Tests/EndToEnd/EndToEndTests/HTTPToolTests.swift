import HTTPServer
import JSON
import Synchronization
import TestKit
import Testing

/// Tools that are HTTP endpoints, from the operator's file to what they did in the world.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct HTTPToolTests {
    private static func json(_ text: String) -> HTTPResponse {
        HTTPResponse(status: 200, body: .bytes(Array(text.utf8)))
    }

    /// A model that calls a tool once and then says what came of it.
    private static func calling(_ tool: String, _ arguments: String = #"{"n":7}"#, on platform: Platform) -> String {
        platform.model.answer { request, _ in
            request.lastRole == "tool"
                ? .text("The tool said \(request.lastContent)")
                : .toolCalls([.init(name: tool, arguments: arguments)])
        }
    }

    /// As deep as anything may be that is read, and so too deep to stand within an event.
    private static let deep = String(repeating: #"{"n":"#, count: 63) + "{}" + String(repeating: "}", count: 63)

    /// What is no valid event is told to the model in the place of it, and the turn goes on.
    private func expectGoesOn(_ platform: Platform) async throws {
        for (script, reason) in [
            (Self.calling("dig", on: platform), "What the tool answered cannot be passed on"),
            (Self.calling("look_up", Self.deep, on: platform), "The call is not valid"),
        ] {
            let sent = try await platform.client.post("Do \(script)", session: unique("deep"))
            let answer = try await platform.client.answer(to: sent)
            #expect(answer.contains(#""status":"error""#) && answer.contains(reason), "\(answer)")
        }
        let direct = try await Self.call("dig", on: platform)
        #expect(direct["status"] == "error" && direct["payload"] == [:])
    }

    @Test("They are listed, checked, run once each under the run's own key, and their secrets stay in the executor")
    func usual() async throws {
        let server = try await ToolServer { call, _ in
            Self.json(call.path == "/dig" ? Self.deep : #"{"seen":\#(call.arguments["n"]?.string ?? "0")}"#)
        }
        var options = PlatformOptions()
        try options.setTools([
            server.entry("pay", idempotent: false, headers: ["Authorization": "Bearer ${PAY_KEY}"]),
            server.entry("look_up", idempotent: true),
            server.entry("dig", idempotent: true),
        ])
        options.executor["PAY_KEY"] = "the-key-of-the-payments"
        try await withOwnPlatform(options) { platform in
            let tools = try await platform.client.get("/v1/tools").json["tools"]?.arrayValue ?? []
            let pay = try #require(tools.first { $0["name"] == "pay" })
            #expect(pay["idempotent"] == false && pay["timeout_seconds"] == 30)
            #expect(!tools.contains { $0.string.contains("PAY_KEY") || $0.string.contains(String(server.port)) })

            let sent = try await platform.client.post("Do \(Self.calling("pay", on: platform))", session: unique("pay"))
            #expect(try await platform.client.answer(to: sent) == #"The tool said {"seen":7}"#)
            let call = try #require(server.calls.first)
            #expect(call.headers["authorization"] == "Bearer the-key-of-the-payments")
            let runID = try await platform.sql("SELECT event_id FROM tool_runs WHERE turn_id = '\(sent.eventID)'")
            #expect(call.key == "default/\(runID)")
            #expect(server.calls.count == 1)

            let wrong = try await platform.client.post(
                "/v1/tool/request",
                json: ["tool_name": "look_up", "args": ["n": "seven"]]
            )
            #expect(wrong.status == 422)
            let direct = try await platform.client.post(
                "/v1/tool/request?wait=20",
                json: ["tool_name": "look_up", "args": ["n": 9]]
            )
            #expect(direct.json["payload"] == ["seen": 9])
            #expect(!platform.executor.log.contains("the-key-of-the-payments"))
            try await expectGoesOn(platform)
        }
        await server.stop()
    }

    @Test("The executor is killed in a run: an idempotent tool is run again, one that is not answers interrupted")
    func executorKilled() async throws {
        let gate = Gate()
        defer { gate.open() }
        let server = try await ToolServer { _, count in
            if count == 0 { await gate.wait() }
            return Self.json(#"{"paid":true}"#)
        }
        var options = PlatformOptions()
        try options.setTools([
            server.entry("pay", idempotent: false, timeout: 4), server.entry("look_up", idempotent: true, timeout: 20),
        ])
        try await withOwnPlatform(options) { platform in
            let pay = try await platform.client.post("Do \(Self.calling("pay", on: platform))", session: unique("kill"))
            let look = try await platform.client.post(
                "Do \(Self.calling("look_up", on: platform))",
                session: unique("kill")
            )
            try await eventually("both runs") { server.calls.count == 2 }
            try await platform.executor.kill9()
            try await platform.executor.start()
            #expect(try await platform.client.answer(to: look) == #"The tool said {"paid":true}"#)
            let told = try await platform.client.answer(to: pay)
            #expect(told.contains("interrupted"))
            let counts = Dictionary(grouping: server.calls, by: \.path).mapValues(\.count)
            #expect(counts == ["/pay": 1, "/look_up": 2])
            #expect(server.callsPerKey.count == 2)
        }
        await server.stop()
    }

    /// Calls a tool directly.
    private static func call(_ tool: String, on platform: Platform) async throws -> JSONValue {
        let request: JSONValue = ["tool_name": .string(tool), "args": ["n": 1]]
        return try await platform.client.post("/v1/tool/request?wait=20", json: request).json
    }

    @Test("An endpoint that fails five times in a row is left alone for a while, seen from outside, then tried again")
    func breaker() async throws {
        let isBroken = Mutex(true)
        let server = try await ToolServer { _, _ in
            isBroken.withLock(\.self) ? HTTPResponse(status: 500) : Self.json(#"{"seen":1}"#)
        }
        var options = PlatformOptions()
        try options.setTools([server.entry("pay", idempotent: false)])
        options.executor["PARLEY_BREAKER_OPEN"] = "10s"
        try await withOwnPlatform(options) { platform in
            let executor = platform.client.onPort(platform.executor.port)
            func breaker() async throws -> JSONValue? {
                try await executor.get("/health").json["breakers"]?["tool:pay"]
            }
            #expect(try await breaker()?["state"] == "closed")
            for _ in 1...5 {
                #expect(try await Self.call("pay", on: platform)["error"] == "the tool answered with status 500")
            }
            #expect(try await breaker()?["state"] == "open")
            #expect(try await breaker()?["last_error"] == "the tool answered with status 500")
            let refused = try await Self.call("pay", on: platform)
            #expect(refused["error"]?.stringValue?.contains("is not called now") == true)
            #expect(server.calls.count == 5)
            try await eventually("the component") {
                try await executor.get("/health").json["components"]?["tools"]?["status"] == "down"
            }
            #expect(try await executor.get("/readyz").status == 200)
            let metrics = String(decoding: try await executor.get("/metrics").body, as: UTF8.self)
            #expect(metrics.contains("parley_breaker_state{breaker=\"tool:pay\"} 2\n"))
            #expect(platform.executor.log.contains("a circuit breaker opened"))
            isBroken.withLock { $0 = false }
            try await eventually("a call that goes through", timeout: .seconds(60), interval: .milliseconds(500)) {
                try await Self.call("pay", on: platform)["payload"] == ["seen": 1]
            }
            #expect(try await breaker()?["state"] == "closed")
            #expect(server.calls.count == 6)
        }
        await server.stop()
    }

    @Test("An endpoint that does not answer in time fails too, whoever sees first that the time is over")
    func breakerOfTimeouts() async throws {
        let server = try await ToolServer { _, _ in
            try await Task.sleep(for: .seconds(60))
            return Self.json("{}")
        }
        var options = PlatformOptions()
        try options.setTools([server.entry("slow", idempotent: false, timeout: 0.3)])
        try await withOwnPlatform(options) { platform in
            for _ in 1...5 {
                #expect(try await Self.call("slow", on: platform)["status"] == "timeout")
            }
            let executor = platform.client.onPort(platform.executor.port)
            let breaker = try #require(try await executor.get("/health").json["breakers"]?["tool:slow"])
            #expect(breaker["state"] == "open")
            #expect(breaker["last_error"] == "the tool did not answer in time")
        }
        await server.stop()
    }

    /// How many calls are inside a server at once.
    private final class Occupancy: Sendable {
        private let counts = Mutex((now: 0, most: 0))

        var most: Int { counts.withLock(\.most) }

        func enter() {
            counts.withLock { counts in
                counts.now += 1
                counts.most = max(counts.most, counts.now)
            }
        }

        func leave() {
            counts.withLock { $0.now -= 1 }
        }
    }

    @Test("An executor runs as many tools at once as it may and not one more, and in the end it has run all of them")
    func runsAtOnce() async throws {
        let gate = Gate()
        defer { gate.open() }
        let inside = Occupancy()
        let server = try await ToolServer { _, _ in
            inside.enter()
            defer { inside.leave() }
            await gate.wait()
            // Long enough that one who did not wait for its turn would be met here.
            try await Task.sleep(for: .milliseconds(50))
            return Self.json(#"{"done":true}"#)
        }
        var options = PlatformOptions()
        try options.setTools([
            server.entry("pay", idempotent: false), server.entry("look_up", idempotent: true),
        ])
        options.executor["PARLEY_EXECUTOR_RUNS_MAX"] = "2"
        try await withOwnPlatform(options) { platform in
            let markers = ["pay", "look_up"].map { Self.calling($0, on: platform) }
            var sent: [SentMessage] = []
            for number in 0..<10 {
                let message = "Do \(markers[number % 2])"
                sent.append(try await platform.client.post(message, session: unique("at-once")))
            }
            try await eventually("ten turns that wait for their tools", timeout: .seconds(45)) {
                try await platform.sql("SELECT count(*) FROM turns WHERE status = 'waiting'") == "10"
            }
            try await eventually("two runs", timeout: .seconds(45)) { server.calls.count >= 2 }
            // The third must not come, and has had the time to.
            try await Task.sleep(for: .seconds(1))
            #expect(server.calls.count == 2)
            gate.open()
            for message in sent {
                #expect(try await platform.client.answer(to: message) == #"The tool said {"done":true}"#)
            }
            #expect(inside.most == 2)
            #expect(server.callsPerKey.count == 10 && server.calls.count == 10)
        }
        await server.stop()
    }
}
