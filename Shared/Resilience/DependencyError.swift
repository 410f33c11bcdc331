/// An error that says what it means for the next calls of the dependency it comes from.
///
/// Each module that calls a dependency lets its own error conform, so that what counts and what may be repeated is said
/// in one place, beside the error's codes.
package protocol DependencyError: Error {
    /// What it says about the dependency.
    ///
    /// The caller's own errors (bad input, 4xx) are a `success`: the dependency answered. A time that passed is a
    /// `failure`.
    var outcome: CircuitBreakerStateMachine.Outcome { get }
    /// Whether the call may be made again; only if that does no harm.
    var verdict: Retrier.Verdict { get }
}

extension CircuitBreakerStateMachine.Outcome {
    /// What an error says about the dependency that was called: nothing when the call was cancelled, and a failure when
    /// the error does not say.
    package init(of error: any Error) {
        if error is CancellationError {
            self = .unknown
        } else {
            self = (error as? any DependencyError)?.outcome ?? .failure
        }
    }
}

extension Retrier.Verdict {
    /// Whether a call that failed so may be made again: not when the error does not say.
    package init(of error: any Error) {
        self = (error as? any DependencyError)?.verdict ?? .giveUp
    }
}
