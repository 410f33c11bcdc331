import Errors
import Observability
import Resilience
import Synchronization

/// A clock that moves only when a test moves it, and that remembers who slept how long.
final class ManualTime: Sendable {
    private struct State {
        var now = ContinuousClock.now
        var slept: [Duration] = []
    }

    private let state = Mutex(State())

    var now: ContinuousClock.Instant { state.withLock(\.now) }
    var slept: [Duration] { state.withLock(\.slept) }

    func advance(by duration: Duration) {
        state.withLock { $0.now = $0.now.advanced(by: duration) }
    }

    /// Chance that always says `random`; a sleep passes at once.
    func surroundings(random: Double) -> Retrier.Surroundings {
        var surroundings = Retrier.Surroundings()
        surroundings.now = { self.now }
        surroundings.random = { random }
        surroundings.sleep = { duration in
            try Task.checkCancellation()
            self.state.withLock { state in
                state.now = state.now.advanced(by: duration)
                state.slept.append(duration)
            }
        }
        return surroundings
    }
}

/// Keeps log lines.
final class LinesSink: LogSink {
    private let bytes = Mutex<[String]>([])

    func write(_ line: [UInt8]) {
        bytes.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
    }

    var lines: [String] { bytes.withLock(\.self) }
}

/// A dependency's error that says what a test wants it to say.
struct TestFailure: DependencyError, DescribedError {
    let description: String
    let outcome: CircuitBreakerStateMachine.Outcome
    let verdict: Retrier.Verdict

    init(
        _ description: String,
        _ outcome: CircuitBreakerStateMachine.Outcome = .failure,
        verdict: Retrier.Verdict = .again()
    ) {
        self.description = description
        self.outcome = outcome
        self.verdict = verdict
    }
}
