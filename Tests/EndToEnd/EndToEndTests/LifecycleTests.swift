import JSON
import TestKit
import Testing

/// Stops, crashes and restarts; each test has a platform of its own.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct LifecycleTests {
    private static let slow = (1...20).map { "word\($0)" }.joined(separator: " ")

    /// With leases so short that a lost worker's turns go on soon.
    private func options(_ worker: [String: String] = [:]) -> PlatformOptions {
        var options = PlatformOptions()
        options.environment["PARLEY_LEASE_DURATION"] = "2500ms"
        options.worker = worker
        return options
    }

    private func assistantCount(_ platform: Platform, _ session: String) async throws -> Int {
        try await platform.client.history(session).filter { $0["role"] == "assistant" }.count
    }

    @Test("SIGTERM: each service ends with 0 well within the deadline, and a turn that runs comes to its end")
    func sigterm() async throws {
        try await withOwnPlatform(options()) { platform in
            let session = unique("term")
            let marker = platform.model.answer { _, _ in .text(Self.slow).delayed(piece: .milliseconds(80)) }
            let sent = try await platform.client.post("Slowly \(marker)", session: session)
            try await eventually("the model call") { platform.model.requests(marker).count == 1 }
            var clock = ContinuousClock.now
            #expect(try await platform.worker.terminate() == .exited(0))
            #expect(clock.duration(to: .now) < .seconds(20))
            // The worker is gone, and the answer is there: it was finished first.
            #expect(try await platform.client.answer(to: sent) == Self.slow)
            #expect(platform.model.requests(marker).count == 1)

            // A message that is accepted meanwhile waits for the next worker.
            let meanwhile = try await platform.client.post("meanwhile", session: session)
            try await platform.worker.start()
            #expect(try await platform.client.answer(to: meanwhile) == "You said: meanwhile")

            let stream = try await platform.client.stream(session, after: "0")
            let socket = try await platform.client.webSocket(session, after: "0")
            _ = try await stream.events { $0.turnID == meanwhile.eventID && $0.isFinal }
            clock = .now
            #expect(try await platform.gateway.terminate() == .exited(0))
            #expect(clock.duration(to: .now) < .seconds(8))
            // Clients are told to come back.
            let end = try await eventuallyValue("the end of the WebSocket") { () -> SessionWebSocket.Incoming? in
                let next = try await socket.next()
                if case .closed = next { return next }
                return nil
            }
            #expect(end == .closed(1013) || end == .closed(1001))
            stream.cancel()
            clock = .now
            #expect(try await platform.executor.terminate() == .exited(0))
            #expect(try await platform.worker.terminate() == .exited(0))
            #expect(clock.duration(to: .now) < .seconds(20))
        }
    }

    @Test("SIGTERM in a turn that takes too long: the worker ends with 0, and the next worker ends the turn")
    func handOver() async throws {
        try await withOwnPlatform(options(["PARLEY_WORKER_DRAIN": "500ms"])) { platform in
            let session = unique("over")
            let marker = platform.model.answer { _, count in count == 0 ? .hang : .text("done by another") }
            let sent = try await platform.client.post("Slowly \(marker)", session: session)
            try await eventually("the model call") { platform.model.requests(marker).count == 1 }
            let clock = ContinuousClock.now
            #expect(try await platform.worker.terminate() == .exited(0))
            #expect(clock.duration(to: .now) < .seconds(8))
            let turn = try await platform.client.get("/v1/turns/\(sent.eventID)")
            #expect(turn.json["status"] == "running")
            try await platform.worker.start()
            #expect(try await platform.client.answer(to: sent) == "done by another")
            #expect(try await assistantCount(platform, session) == 1)
        }
    }

    @Test("A worker that is killed in mid-turn: the next one answers within seconds, once")
    func workerKilled() async throws {
        try await withOwnPlatform(options()) { platform in
            let session = unique("kill")
            let marker = platform.model.answer { request, count in
                // The tool's result is there when the call comes that is cut off.
                switch count {
                case 0: .toolCalls([.init(name: "calculator", arguments: #"{"expression":"6*7"}"#)])
                case 1: .text("void words that are never finished").delayed(piece: .milliseconds(200))
                default: .text("It is \(request.lastContent.contains("42") ? "42" : "unknown")")
                }
            }
            let stream = try await platform.client.stream(session)
            defer { stream.cancel() }
            let sent = try await platform.client.post("Slowly \(marker)", session: session)
            var iterator = stream.makeIterator()
            var events = try await iterator.events { $0.type == "delta" }
            try await platform.worker.kill9()
            let clock = ContinuousClock.now
            try await platform.worker.start()
            events += try await iterator.events(through: \.isFinal)
            #expect(clock.duration(to: .now) < .seconds(20))
            #expect(events.last?.json["message"] == "It is 42")
            #expect(events.isInOrder)
            #expect(events.contains { $0.type == "turn.restarted" })
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(turn["attempt"]?.intValue == 2)
            // The first model call and the tool are in the journal: neither was repeated.
            #expect(platform.model.requests(marker).count == 3)
            #expect(try await platform.sql("SELECT count(*) FROM tool_runs") == "1")
            #expect(try await assistantCount(platform, session) == 1)

            let late = try await platform.client.stream(session, after: "0")
            let told = try await late.events(through: \.isFinal)
            late.cancel()
            #expect(told.last == events.last)
        }
    }

    @Test("A broker that loses all its data, and services that are killed: what was accepted is answered, once")
    func brokerAndServicesKilled() async throws {
        try await withOwnPlatform(options()) { platform in
            let sessions = (0..<5).map { _ in unique("lost") }
            let gate = Gate()
            defer { gate.open() }
            let marker = platform.model.answer { request, _ in
                await gate.wait()
                return .text("You said: \(request.lastUserMessage)")
            }
            var sent: [SentMessage] = []
            for session in sessions {
                sent.append(try await platform.client.post("first \(marker)", session: session))
                sent.append(try await platform.client.post("second \(marker)", session: session))
            }
            try await platform.worker.kill9()
            try await platform.executor.kill9()
            try await platform.broker.kill9()
            // Accepted while the broker is away: the gateway needs Postgres only.
            sent.append(try await platform.client.post("Calculate 1 + 1", session: sessions[0]))
            try await platform.gateway.kill9()
            try await platform.broker.server.start()
            gate.open()
            try await platform.worker.start()
            try await platform.executor.start()
            try await platform.gateway.start()
            for message in sent {
                let turn = try await platform.client.finishedTurn(message.eventID, timeout: .seconds(40))
                #expect(turn["status"] == "completed")
            }
            let counts = try await platform.sql(
                """
                SELECT count(*), count(DISTINCT session_id || turn_seq) FROM session_events WHERE role = 'assistant'
                """
            )
            #expect(counts == "\(sent.count)|\(sent.count)")
        }
    }
}
