import Synchronization

/// One command and whoever waits for its answer.
///
/// It ends exactly once; a later answer is dropped.
final class RedisRequest: Sendable {
    typealias Completion = @Sendable (Result<RedisValue, any Error>) -> Void

    private enum State {
        case created
        case waiting(Completion)
        case ended
    }

    let bytes: [UInt8]
    let deadline: ContinuousClock.Instant
    private let state = Mutex<State>(.created)

    init(bytes: [UInt8], deadline: ContinuousClock.Instant) {
        self.bytes = bytes
        self.deadline = deadline
    }

    /// - Returns: Whether the command may be sent; false when it was cancelled before.
    func begin(_ completion: @escaping Completion) -> Bool {
        state.withLock { state in
            guard case .created = state else { return false }
            state = .waiting(completion)
            return true
        }
    }

    /// Whether somebody still waits.
    var isWaiting: Bool {
        state.withLock { state in
            if case .waiting = state { true } else { false }
        }
    }

    func end(_ result: Result<RedisValue, any Error>) {
        let completion: Completion? = state.withLock { state in
            defer { state = .ended }
            guard case .waiting(let completion) = state else { return nil }
            return completion
        }
        completion?(result)
    }
}
