extension CircuitBreakerStateMachine.Outcome {
    /// What the status of an HTTP answer says about the server.
    ///
    /// A 4xx is the caller's own fault, but for 408 (a time that passed) and 429 (slow down).
    package init(httpStatus: Int) {
        switch httpStatus {
        case 408, 500...: self = .failure
        case 429: self = .unknown
        default: self = .success
        }
    }
}

extension Retrier.Verdict {
    /// Whether a request that was answered with this status may be sent again, if it does no harm to do so.
    ///
    /// - Parameters:
    ///   - httpStatus: The answer's status.
    ///   - retryAfter: The answer's `Retry-After`, see ``RetryAfter``.
    package init(httpStatus: Int, retryAfter: Duration? = nil) {
        switch httpStatus {
        case 408, 425, 429, 500, 502, 503, 504: self = .again(after: retryAfter)
        default: self = .giveUp
        }
    }
}
