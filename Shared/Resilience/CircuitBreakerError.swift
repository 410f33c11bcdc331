import Errors

/// A call was not made, because the calls before it failed.
package struct CircuitBreakerError: DependencyError, DescribedError, Sendable, Equatable {
    /// What kind of failure it is.
    package enum Code: String, Sendable, CaseIterable {
        /// The breaker is open, or half open while another call probes.
        case open
    }

    /// What kind of failure it is.
    package let code: Code
    /// The breaker's name.
    package let breaker: String
    /// After how long it may be worth trying again.
    package let retryAfter: Duration

    /// The same call may succeed later.
    package var isRetriable: Bool { true }

    /// The dependency was not called: it says nothing new.
    package var outcome: CircuitBreakerStateMachine.Outcome { .unknown }
    /// The call may be made later.
    package var verdict: Retrier.Verdict { .again(after: retryAfter) }

    /// The code, the breaker, and when to try again.
    package var description: String {
        "CircuitBreakerError.\(code.rawValue): \(breaker) has failed repeatedly and is not called;"
            + " try again in \(retryAfter.wholeSecondsRoundedUp) s"
    }

    /// Makes an error.
    package init(breaker: String, retryAfter: Duration) {
        code = .open
        self.breaker = breaker
        self.retryAfter = retryAfter
    }
}

extension Duration {
    /// Whole seconds, rounded up and at least 1, as `Retry-After` (RFC 9110, 10.2.3) says it.
    package var wholeSecondsRoundedUp: Int64 {
        let (seconds, attoseconds) = components
        return max(1, attoseconds > 0 ? seconds + 1 : seconds)
    }
}
