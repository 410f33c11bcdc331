import EventLoop
import Synchronization

/// Posts messages over some connections, each as fast as its answers come.
enum AcceptLoad {
    /// What came of it.
    struct Outcome: Sendable {
        /// Answers with 200.
        var accepted = 0
        /// Other answers.
        var refused = 0
        /// The time it took.
        var elapsed = Duration.zero

        /// Answers with 200 a second.
        var perSecond: Double { Double(accepted) / elapsed.seconds }
    }

    private final class State: @unchecked Sendable {
        // Unchecked, because the loop's thread alone touches it until the run is over.
        var outcome = Outcome()
        var connections: [LoadConnection] = []
        var isOver = false
        var serial = 0
    }

    /// Runs for `duration` against the gateway at `port`.
    ///
    /// Messages go round `sessions` sessions, of the text of an ordinary question.
    static func run(
        port: UInt16,
        key: String,
        connections: Int,
        sessions: Int,
        duration: Duration
    ) async throws -> Outcome {
        let loop = try EpollLoop.start(name: "load")
        let state = State()
        let head = LoadProtocols.postHead("/v1/session/message", key: key)
        let started = ContinuousClock.now
        loop.execute {
            do {
                for _ in 0..<connections {
                    let connection = try LoadConnection(port: port, loop: loop)
                    state.connections.append(connection)
                    connection.onInput = { connection in
                        while let answer = LoadProtocols.answer(in: connection.input) {
                            connection.consume(answer.size)
                            if state.isOver { return }
                            if answer.status == 200 { state.outcome.accepted += 1 } else { state.outcome.refused += 1 }
                            connection.send(next(state, sessions: sessions, head: head))
                        }
                    }
                    connection.send(next(state, sessions: sessions, head: head))
                }
            } catch {
                state.outcome.refused += 1
            }
        }
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

    private static func next(_ state: State, sessions: Int, head: [UInt8]) -> [UInt8] {
        state.serial += 1
        let body = #"{"session_id":"accept-\#(state.serial % sessions)","message":"\#(Workload.message)"}"#
        return LoadProtocols.post(head: head, body: body.utf8)
    }
}

/// What is sent in every benchmark.
enum Workload {
    /// A message of ordinary length: 96 bytes.
    static let message =
        "Please tell me in a few words what the weather is like on the other side of the hill, thank you."
}

extension Duration {
    /// The duration in seconds.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }

    /// The duration in milliseconds.
    var milliseconds: Double { seconds * 1000 }
}
