import Synchronization

/// One piece of work for one connection, and whoever waits for its end.
///
/// It ends exactly once.
final class PostgresJob: Sendable {
    /// What is to be done.
    enum Work: Sendable {
        /// Send the statements in one round trip; they take effect together or not at all.
        case pipeline(EncodedPipeline)
        /// Run a script of several statements (simple protocol).
        case script(String)
        /// Hand the connection itself over.
        case lease
    }

    /// What came of it.
    enum Outcome: Sendable {
        case results([PostgresResult])
        case leased(PoolStateMachine.ConnectionID)
    }

    typealias Completion = @Sendable (Result<Outcome, any Error>) -> Void

    private enum State {
        case created
        case running(Completion)
        case ended
    }

    let id: UInt64
    let work: Work
    private let state = Mutex<State>(.created)
    private let cancelled = Atomic<Bool>(false)

    init(id: UInt64, work: Work) {
        self.id = id
        self.work = work
    }

    /// Whether the caller has lost interest; the outcome is still delivered.
    var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    /// Sets who is told of the end.
    /// - Returns: Whether the job may start; false when it was cancelled before, and then nobody is told.
    func begin(_ completion: @escaping Completion) -> Bool {
        state.withLock { state in
            guard case .created = state else { return false }
            state = .running(completion)
            return true
        }
    }

    /// The caller has lost interest.
    /// - Returns: Whether the job runs or waits and should be stopped.
    func cancel() -> Bool {
        cancelled.store(true, ordering: .releasing)
        return state.withLock { state in
            switch state {
            case .created:
                state = .ended
                return false
            case .running: return true
            case .ended: return false
            }
        }
    }

    /// Tells the waiting caller, the first time only.
    func end(_ result: Result<Outcome, any Error>) {
        let completion: Completion? = state.withLock { state in
            guard case .running(let completion) = state else { return nil }
            state = .ended
            return completion
        }
        completion?(result)
    }
}
