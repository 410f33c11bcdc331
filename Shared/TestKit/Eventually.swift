/// Polls until `condition` holds, and throws a ``TestKitError`` when it has not after `timeout`.
///
/// An error that the condition throws counts as "not yet"; the last one is named in the failure. The time between two
/// looks begins at `interval` and grows to five times as much: looking may cost a process, and what takes long does not
/// come sooner by it.
package func eventually(
    _ what: String = "the condition",
    timeout: Duration = .seconds(45),
    interval: Duration = .milliseconds(10),
    _ condition: () async throws -> Bool
) async throws {
    _ = try await eventuallyValue(what, timeout: timeout, interval: interval) { try await condition() ? true : nil }
}

/// Polls until `value` gives something, and gives that; throws a ``TestKitError`` when it has not after `timeout`.
package func eventuallyValue<Value>(
    _ what: String = "a value",
    timeout: Duration = .seconds(45),
    interval: Duration = .milliseconds(10),
    _ value: () async throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now + timeout
    var pause = interval
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
        try await Task.sleep(for: pause)
        pause = min(pause * 1.2, interval * 5)
    }
    let cause = lastError.map { "; last error: \($0)" } ?? ""
    throw TestKitError(.timeout, "\(what) did not come within \(timeout)\(cause)")
}
