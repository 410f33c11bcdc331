/// Waits for work that cannot be called back, such as a transaction on its way, no longer than until a moment.
package enum TimeBound {
    /// Does work, and leaves it to itself when it takes too long: a task group would wait for it.
    /// - Parameters:
    ///   - deadline: Until when to wait.
    ///   - work: What to do; it is cancelled when nobody waits for it any more, and must do no harm when it ends late.
    /// - Returns: What came of it; nil when it took too long, or the task that waits was cancelled.
    package static func wait<Value: Sendable>(
        until deadline: ContinuousClock.Instant,
        for work: @escaping @Sendable () async throws -> Value
    ) async -> Result<Value, any Error>? {
        let (stream, continuation) = AsyncStream.makeStream(of: Result<Value, any Error>.self)
        // unstructured: see above. It ends by itself.
        let running = Task {
            do { continuation.yield(.success(try await work())) } catch { continuation.yield(.failure(error)) }
        }
        // unstructured: it goes when the work is done.
        let timer = Task {
            try await Task.sleep(until: deadline, clock: .continuous)
            continuation.finish()
        }
        defer {
            running.cancel()
            timer.cancel()
        }
        var iterator = stream.makeAsyncIterator()
        return await iterator.next()
    }
}
