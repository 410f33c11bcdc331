/// Polls until `condition` holds, and throws a ``TestKitError`` when it has not after `timeout`.
///
/// An error that the condition throws counts as "not yet"; the last one is named in the failure.
package func eventually(
    _ what: String = "the condition",
    timeout: Duration = .seconds(10),
    interval: Duration = .milliseconds(10),
    _ condition: () async throws -> Bool
) async throws {
    _ = try await eventuallyValue(what, timeout: timeout, interval: interval) { try await condition() ? true : nil }
}

/// Polls until `value` gives something, and gives that; throws a ``TestKitError`` when it has not after `timeout`.
package func eventuallyValue<Value>(
    _ what: String = "a value",
    timeout: Duration = .seconds(10),
    interval: Duration = .milliseconds(10),
    _ value: () async throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now + timeout
    var lastError: (any Error)?
    while true {
        do {
            if let result = try await value() { return result }
            lastError = nil
        } catch let error as CancellationError {
            throw error
        } catch {
            lastError = error
        }
        guard clock.now < deadline else { break }
        try await Task.sleep(for: interval)
    }
    let cause = lastError.map { "; last error: \($0)" } ?? ""
    throw TestKitError(.timeout, "\(what) did not come within \(timeout)\(cause)")
}
