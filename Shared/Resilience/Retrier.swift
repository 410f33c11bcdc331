/// Makes a call and repeats it as a ``RetryPolicy`` says.
package struct Retrier: Sendable {
    /// Where time and chance come from, so that tests decide both.
    package struct Surroundings: Sendable {
        /// The present.
        package var now: @Sendable () -> ContinuousClock.Instant
        /// Waits; throws when the task is cancelled.
        package var sleep: @Sendable (Duration) async throws -> Void
        /// A number in 0..<1.
        package var random: @Sendable () -> Double

        /// The real ones.
        package init() {
            now = { ContinuousClock.now }
            sleep = { try await Task.sleep(for: $0) }
            random = { Double.random(in: 0..<1) }
        }
    }

    /// What an error says about another try.
    package enum Verdict: Sendable, Equatable {
        /// There is no use in it, or it may do harm.
        case giveUp
        /// It may succeed; the other side may have asked to wait that long.
        case again(after: Duration? = nil)
    }

    /// How often and when.
    package let policy: RetryPolicy
    private let surroundings: Surroundings

    /// Makes a retrier.
    package init(_ policy: RetryPolicy, surroundings: Surroundings = Surroundings()) {
        self.policy = policy
        self.surroundings = surroundings
    }

    /// Makes the call until it succeeds, fails for good, or there is no time or no try left.
    ///
    /// - Parameters:
    ///   - deadline: When the caller needs an answer; nil: it can wait.
    ///   - call: The call; gets the number of the try, from 1, and keeps to the deadline by itself. Its errors say by
    ///     ``DependencyError`` whether another try may follow.
    /// - Returns: What the call returns.
    /// - Throws: The call's last error, or `CancellationError` when the task was cancelled while it waited.
    package func run<Value>(
        deadline: ContinuousClock.Instant? = nil,
        _ call: (_ attempt: Int) async throws -> Value
    ) async throws -> Value {
        var retry = 0
        while true {
            do {
                return try await call(retry + 1)
            } catch {
                guard case .again(let retryAfter) = Verdict(of: error),
                    let delay = delay(retry: retry, retryAfter: retryAfter, deadline: deadline)
                else { throw error }
                retry += 1
                try await surroundings.sleep(delay)
            }
        }
    }

    /// Decides whether there is another try; for calls that are no single function.
    ///
    /// - Parameters:
    ///   - retry: How many retries there were before, from 0.
    ///   - retryAfter: How long the other side asks to wait.
    ///   - deadline: When the caller needs an answer.
    /// - Returns: How long to wait before it, or nil if there must be none.
    package func delay(
        retry: Int,
        retryAfter: Duration? = nil,
        deadline: ContinuousClock.Instant? = nil
    ) -> Duration? {
        policy.delay(
            retry: retry,
            random: surroundings.random(),
            retryAfter: retryAfter,
            remaining: deadline.map { surroundings.now().duration(to: $0) }
        )
    }

    /// Waits between two tries.
    /// - Throws: `CancellationError`.
    package func wait(_ delay: Duration) async throws {
        try await surroundings.sleep(delay)
    }
}
