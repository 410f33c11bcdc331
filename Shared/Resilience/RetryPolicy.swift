/// How long to wait before something that failed is tried again, and how often.
///
/// The wait is drawn evenly from 0 up to a ceiling that doubles with each try ("full jitter": M. Brooker, "Exponential
/// Backoff And Jitter", AWS Architecture Blog 2015), so that many that failed together do not come back together. What
/// the other side asks for (`Retry-After`) is the least that is waited.
///
/// It says when; whether a failure may be repeated at all is for the caller to know: only what is idempotent, or has
/// not begun.
package struct RetryPolicy: Sendable, Equatable {
    /// Tries after the first one.
    package var retriesMax: Int
    /// The ceiling of the first wait.
    package var baseDelay: Duration
    /// The highest ceiling.
    package var delayMax: Duration
    /// Who asks for a longer wait than this is not waited for: the caller may have something else to try.
    package var retryAfterMax: Duration

    /// Makes a policy.
    package init(
        retriesMax: Int = 3,
        baseDelay: Duration = .milliseconds(500),
        delayMax: Duration = .seconds(20),
        retryAfterMax: Duration = .seconds(60)
    ) {
        precondition(retriesMax >= 0, "there is no negative number of retries")
        precondition(baseDelay > .zero && delayMax >= baseDelay, "delays are positive, the highest is not the lowest")
        self.retriesMax = retriesMax
        self.baseDelay = baseDelay
        self.delayMax = delayMax
        self.retryAfterMax = retryAfterMax
    }

    /// For loops that go on as long as the process does: it tries without end.
    package static func endless(from baseDelay: Duration, to delayMax: Duration) -> RetryPolicy {
        RetryPolicy(retriesMax: .max, baseDelay: baseDelay, delayMax: delayMax)
    }

    /// The longest wait before the try that follows `retry` retries (from 0).
    package func ceiling(retry: Int) -> Duration {
        // 2^20 times any base is past every highest ceiling in use, and does not overflow.
        min(delayMax, baseDelay * (1 << max(0, min(retry, 20))))
    }

    /// Draws a wait without regard to how many tries there were.
    ///
    /// - Parameters:
    ///   - retry: How many retries there were before, from 0.
    ///   - random: A number in 0..<1.
    /// - Returns: How long to wait before the next try.
    package func pause(retry: Int, random: Double) -> Duration {
        ceiling(retry: retry) * random
    }

    /// Decides whether there is another try.
    ///
    /// - Parameters:
    ///   - retry: How many retries there were before, from 0.
    ///   - random: A number in 0..<1.
    ///   - retryAfter: How long the other side asks to wait.
    ///   - remaining: Time until the caller's deadline; nil: there is none. A wait that reaches it is not begun.
    /// - Returns: How long to wait before the next try, or nil if there must be none.
    package func delay(
        retry: Int,
        random: Double,
        retryAfter: Duration? = nil,
        remaining: Duration? = nil
    ) -> Duration? {
        guard retry < retriesMax else { return nil }
        var delay = pause(retry: retry, random: random)
        if let retryAfter {
            guard retryAfter <= retryAfterMax else { return nil }
            delay = max(delay, retryAfter)
        }
        if let remaining, delay >= remaining { return nil }
        return delay
    }
}
