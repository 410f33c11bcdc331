import EventLoop

/// Holds conversations over WebSockets: each sends a message, waits for the final answer, and sends the next.
enum TurnLoad {
    /// What came of it.
    struct Outcome: Sendable {
        /// Turns that were answered.
        var answered = 0
        /// Turns that failed, and messages that were not accepted.
        var failed = 0
        /// From sending a message to the final answer, for each turn.
        var latencies: [Duration] = []
        /// The time it took.
        var elapsed = Duration.zero

        /// Turns a second.
        var perSecond: Double { Double(answered) / elapsed.seconds }

        /// The latency that a part of all turns stays below.
        func latency(_ part: Double) -> Duration {
            let sorted = latencies.sorted()
            return sorted.isEmpty ? .zero : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
        }
    }

    private final class State: @unchecked Sendable {
        // Unchecked, because the loop's thread alone touches it until the run is over.
        var outcome = Outcome()
        var connections: [LoadConnection] = []
        var isOver = false
        var serial = 0
    }

    private final class Conversation {
        var isOpen = false
        var turns = 0
        var sent = ContinuousClock.now
    }

    /// After so many turns a session ends and another one begins.
    private static let turnsPerSession = 10

    /// Runs `sessions` conversations for `duration`, the first `warmUp` of which does not count.
    static func run(
        port: UInt16,
        key: String,
        sessions: Int,
        warmUp: Duration,
        duration: Duration,
        label: String
    ) async throws -> Outcome {
        let loop = try EpollLoop.start(name: "load")
        let state = State()
        loop.execute {
            do {
                for index in 0..<sessions {
                    try converse("\(label)-\(index)", port: port, key: key, loop: loop, state: state)
                }
            } catch {
                state.outcome.failed += 1
            }
        }
        try await Task.sleep(for: warmUp)
        await onLoop(loop) { state.outcome = Outcome() }
        let started = ContinuousClock.now
        try await Task.sleep(for: duration)
        return await withCheckedContinuation { continuation in
            loop.execute {
                state.isOver = true
                state.outcome.elapsed = started.duration(to: .now)
                for connection in state.connections {
                    connection.end()
                }
                loop.stop()
                continuation.resume(returning: state.outcome)
            }
        }
    }

    /// Opens connections that say nothing.
    /// - Returns: What ends them.
    static func idle(port: UInt16, key: String, count: Int) async throws -> @Sendable () -> Void {
        let loop = try EpollLoop.start(name: "idle")
        let state = State()
        for index in 0..<count {
            await onLoop(loop) {
                guard let connection = try? LoadConnection(port: port, loop: loop) else { return }
                state.connections.append(connection)
                connection.send(LoadProtocols.upgrade("/v1/session/idle-\(index)/stream", key: key))
            }
        }
        guard await onLoop(loop, { state.connections.count }) == count else {
            throw BenchmarkError("not every connection could be opened: raise the limit of open files")
        }
        return {
            loop.execute {
                for connection in state.connections {
                    connection.end()
                }
            }
        }
    }

    private static func converse(
        _ session: String,
        port: UInt16,
        key: String,
        loop: EpollLoop,
        state: State
    ) throws {
        state.serial += 1
        let name = "\(session)-\(state.serial)"
        let begin = {
            do {
                try converse(session, port: port, key: key, loop: loop, state: state)
            } catch {
                state.outcome.failed += 1
            }
        }
        let connection = try LoadConnection(port: port, loop: loop)
        let conversation = Conversation()
        state.connections.append(connection)
        connection.onInput = { connection in
            if !conversation.isOpen {
                guard let end = LoadProtocols.endOfHead(connection.input) else { return }
                connection.consume(end)
                conversation.isOpen = true
                say(conversation, connection)
            }
            while let frame = LoadProtocols.frame(in: connection.input) {
                let kind = kind(of: frame.payload)
                connection.consume(frame.size)
                if state.isOver { return }
                switch kind {
                case .answer:
                    state.outcome.answered += 1
                    state.outcome.latencies.append(conversation.sent.duration(to: .now))
                    conversation.turns += 1
                    if conversation.turns == turnsPerSession {
                        connection.end()
                        begin()
                        return
                    }
                    say(conversation, connection)
                case .failure:
                    state.outcome.failed += 1
                    say(conversation, connection)
                case .other:
                    break
                }
            }
        }
        connection.onEnd = { if !state.isOver { state.outcome.failed += 1 } }
        connection.send(LoadProtocols.upgrade("/v1/session/\(name)/stream", key: key))
    }

    private static func say(_ conversation: Conversation, _ connection: LoadConnection) {
        conversation.sent = .now
        connection.send(LoadProtocols.textFrame(#"{"message":"\#(Workload.message)"}"#))
    }

    private enum Kind {
        case answer
        case failure
        case other
    }

    /// Events say their type near their beginning; reading the whole JSON would cost more than the turn.
    private static func kind(of payload: ArraySlice<UInt8>) -> Kind {
        let text = String(decoding: payload.prefix(64), as: UTF8.self)
        if text.contains(#""type":"message""#) { return .answer }
        if text.contains(#""type":"turn.failed""#) || text.contains(#""type":"error""#) { return .failure }
        return .other
    }

    private static func onLoop<Value: Sendable>(
        _ loop: EpollLoop,
        _ work: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            loop.execute { continuation.resume(returning: work()) }
        }
    }
}
