import HTTPServer
import JSON
import TestKit
import Testing

/// SIGTERM while something is in the way: a server that is gone, or tools that run.
@Suite(.timeLimit(.minutes(4)), .serviceLogs)
struct ShutdownTests {
    /// Ends every service at the same time.
    /// - Returns: How each ended, by its program, and how long the slowest took.
    private func terminateAll(_ platform: Platform) async throws -> (exits: [String: ChildProcess.Exit], Duration) {
        let clock = ContinuousClock.now
        let exits = try await withThrowingTaskGroup(of: (String, ChildProcess.Exit).self) { group in
            for service in platform.services {
                group.addTask { (service.program, try await service.terminate()) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        return (exits, clock.duration(to: .now))
    }

    private static let allClean: [String: ChildProcess.Exit] = [
        "parley-gateway": .exited(0), "parley-worker": .exited(0), "parley-executor": .exited(0),
    ]

    @Test("With the broker gone every service ends with 0 in time, and what was accepted is answered later")
    func withoutBroker() async throws {
        try await withOwnPlatform { platform in
            try await platform.broker.kill9()
            // Accepted, and on its way to a broker that is not there.
            let sent = try await platform.client.post("Calculate 6 * 7", session: unique("end"))
            let (exits, time) = try await terminateAll(platform)
            #expect(exits == Self.allClean)
            #expect(time < .seconds(25))
            try await platform.broker.server.start()
            for service in platform.services { try await service.start() }
            #expect(try await platform.client.answer(to: sent).contains("42"))
        }
    }

    @Test(
        "With Postgres gone every service ends with 0 in time, although a turn waits for it, and the turn goes on later"
    )
    func withoutPostgres() async throws {
        var options = PlatformOptions()
        options.ownsPostgres = true
        try await withOwnPlatform(options) { platform in
            let gate = Gate()
            defer { gate.open() }
            let marker = platform.model.answer { _, count in
                if count == 0 { await gate.wait() }
                return .text("answered")
            }
            let sent = try await platform.client.post("Wait \(marker)", session: unique("end"))
            try await eventually("the model call", timeout: .seconds(60)) {
                platform.model.requests(marker).count == 1
            }
            try await platform.postgres.stopImmediately()
            gate.open()
            try await eventually("the turn waits for the database", timeout: .seconds(60)) {
                platform.worker.log.contains("a turn waits for it")
            }
            let (exits, time) = try await terminateAll(platform)
            #expect(exits == Self.allClean)
            #expect(time < .seconds(25))
            try await platform.postgres.startAgain()
            for service in platform.services { try await service.start() }
            #expect(try await platform.client.answer(to: sent, timeout: .seconds(60)) == "answered")
        }
    }

    /// A platform with two executors, of which the first runs `pay`, which may run once only, and `look_up`.
    private func withToolsRunning(
        drain: String,
        _ body: @escaping @Sendable (Platform, ToolServer, Gate, [String: SentMessage]) async throws -> Void
    ) async throws {
        let gate = Gate()
        defer { gate.open() }
        let server = try await ToolServer { _, before in
            if before == 0 { await gate.wait() }
            return HTTPResponse(status: 200, body: .bytes(Array(#"{"done":true}"#.utf8)))
        }
        var options = PlatformOptions()
        options.environment["PARLEY_EXECUTOR_DRAIN"] = drain
        try options.setTools([
            server.entry("pay", idempotent: false, timeout: 30), server.entry("look_up", idempotent: true, timeout: 30),
        ])
        try await withOwnPlatform(options) { platform in
            var sent: [String: SentMessage] = [:]
            for tool in ["pay", "look_up"] {
                let marker = platform.model.answer { request, _ in
                    request.lastRole == "tool"
                        ? .text("The tool said \(request.lastContent)")
                        : .toolCalls([.init(name: tool, arguments: #"{"n":7}"#)])
                }
                sent[tool] = try await platform.client.post("Do \(marker)", session: unique(tool))
            }
            try await eventually("two tools that run", timeout: .seconds(60)) { server.calls.count == 2 }
            try await body(platform, server, gate, sent)
        }
        await server.stop()
    }

    @Test("An executor that stops lets its tools come to their end")
    func toolsEnd() async throws {
        try await withToolsRunning(drain: "15s") { platform, server, gate, sent in
            async let exit = platform.executor.terminate()
            try await eventually("the stop", timeout: .seconds(60)) { platform.executor.log.contains("stop requested") }
            // What would be cut off is cut off at once: a gate that opened with the stop would show nothing.
            try await Task.sleep(for: .milliseconds(1500))
            gate.open()
            #expect(try await exit == .exited(0))
            for message in sent.values {
                #expect(try await platform.client.answer(to: message).contains("done"))
            }
            #expect(server.calls.count == 2)
        }
    }

    @Test("What takes longer is cut off: another executor runs it again where that may be, or it is interrupted")
    func toolsCutOff() async throws {
        try await withToolsRunning(drain: "300ms") { platform, server, gate, sent in
            let clock = ContinuousClock.now
            #expect(try await platform.executor.terminate() == .exited(0))
            #expect(clock.duration(to: .now) < .seconds(15))
            let pay = try #require(sent["pay"])
            #expect(try await platform.client.answer(to: pay).contains("interrupted"), "told without another executor")
            try await platform.executor.start()
            let lookUp = try #require(sent["look_up"])
            #expect(try await platform.client.answer(to: lookUp).contains("done"))
            #expect(server.callsPerKey.values.sorted() == [1, 2])
        }
    }
}
