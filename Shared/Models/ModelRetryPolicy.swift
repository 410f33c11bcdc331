/// When a failed try of a model call is repeated.
///
/// The wait is drawn evenly from 0 up to a ceiling that doubles with each try ("full jitter"), so that many workers
/// that failed together do not come back together; a provider's `Retry-After` is the least it waits.
package struct ModelRetryPolicy: Sendable, Equatable {
    /// Tries after the first one.
    package var retriesMax = 3
    /// The ceiling of the first wait.
    package var baseDelay: Duration = .milliseconds(500)
    /// The highest ceiling.
    package var delayMax: Duration = .seconds(20)
    /// A provider that asks for a longer wait than this is not waited for: the caller may have a fallback.
    package var retryAfterMax: Duration = .seconds(60)

    /// The defaults.
    package init() {}

    /// Decides whether a failed try is repeated, and when.
    ///
    /// - Parameters:
    ///   - error: how the try failed.
    ///   - retry: how many retries there were before, from 0.
    ///   - random: a number in 0..<1.
    ///   - remaining: time until the call must be over; nil: no such limit.
    /// - Returns: how long to wait before the next try, or nil if there must be none.
    package func delay(after error: ModelError, retry: Int, random: Double, remaining: Duration?) -> Duration? {
        guard retry < retriesMax, isRepeated(error.code) else { return nil }
        let ceiling = min(delayMax, baseDelay * (1 << min(retry, 20)))
        var delay = ceiling * random
        if let retryAfter = error.retryAfter {
            guard retryAfter <= retryAfterMax else { return nil }
            delay = max(delay, retryAfter)
        }
        if let remaining, delay >= remaining { return nil }
        return delay
    }

    /// A try that timed out is not repeated: it has used the time that the call had.
    private func isRepeated(_ code: ModelError.Code) -> Bool {
        code == .connectFailed || code == .rateLimited || code == .unavailable || code == .incomplete
    }
}
