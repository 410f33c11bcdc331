import Synchronization

/// Hands requests that are ready at the same moment to one call, so that many small transactions share one round trip
/// and one flush to disk.
///
/// ```swift
/// let commits = GroupCommit<Append, EventSequence>(configuration: .init()) { appends in await store.append(appends) }
/// group.addTask { await commits.run() }          // ends after close(), when the queue is empty
/// let sequence = try await commits.submit(append)
/// ```
package final class GroupCommit<Request: Sendable, Response: Sendable>: Sendable {
    /// The limits of a group commit.
    package struct Configuration: Sendable {
        /// Batches that may run at the same moment.
        package var concurrency = 2
        /// Requests in a batch at most.
        package var batchMax = 128
        /// Requests that may wait; one more fails with `PostgresError` code `overloaded`.
        package var queueMax = 10_000

        /// Makes a configuration with the documented defaults.
        package init(concurrency: Int = 2, batchMax: Int = 128, queueMax: Int = 10_000) {
            precondition(concurrency > 0 && batchMax > 0 && queueMax > 0, "limits of a group commit are positive")
            self.concurrency = concurrency
            self.batchMax = batchMax
            self.queueMax = queueMax
        }
    }

    /// Carries out requests together: one result for each, in order.
    package typealias Execute = @Sendable ([Request]) async -> [Result<Response, any Error>]

    private typealias Machine = GroupCommitStateMachine<String>
    private typealias Reply = CheckedContinuation<Response, any Error>

    private struct Pending {
        let request: Request
        let reply: Reply
    }

    private struct State {
        var machine: Machine
        var pending: [Machine.RequestID: Pending] = [:]
        /// Cancelled before they came into the queue.
        var withdrawn: Set<Machine.RequestID> = []
        var lastID: Machine.RequestID = 0
        /// Workers that sleep until there may be something to do.
        var sleepers: [CheckedContinuation<Void, Never>] = []

        mutating func takeSleepers() -> [CheckedContinuation<Void, Never>] {
            defer { sleepers = [] }
            return sleepers
        }
    }

    private let configuration: Configuration
    private let execute: Execute
    private let key: (@Sendable (Request) -> String?)?
    private let isRetriedAlone: @Sendable (any Error) -> Bool
    private let state: Mutex<State>

    /// Makes a group commit; nothing is carried out before `run`.
    /// - Parameters:
    ///   - configuration: The limits.
    ///   - key: Requests of the same key never run in two batches at the same moment, and keep their order; nil: any
    ///     may. A key is held while its batch runs, retries included.
    ///   - isRetriedAlone: Whether a request of a batch of several that failed with such an error is tried by itself,
    ///     so that one bad request harms only itself. What else became of the batch does not matter: some of it may be
    ///     answered without the transaction that failed. By default any error but a `PostgresError` whose
    ///     `isConnectionFailure` is true and a cancellation.
    ///   - execute: Carries out requests together: one result for each, in order.
    package init(
        configuration: Configuration = Configuration(),
        key: (@Sendable (Request) -> String?)? = nil,
        isRetriedAlone: @escaping @Sendable (any Error) -> Bool = { error in
            if error is CancellationError { return false }
            return !((error as? PostgresError)?.isConnectionFailure ?? false)
        },
        execute: @escaping Execute
    ) {
        self.configuration = configuration
        self.execute = execute
        self.key = key
        self.isRetriedAlone = isRetriedAlone
        state = Mutex(State(machine: Machine(batchMax: configuration.batchMax, queueMax: configuration.queueMax)))
    }

    /// How many requests wait for a batch.
    package var queuedCount: Int { state.withLock { $0.machine.queuedCount } }

    /// Carries out batches until `close` was called and the queue is empty.
    ///
    /// Call it once, in a task of its own; when that task is cancelled it closes first and still finishes what was
    /// accepted.
    package func run() async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                for _ in 0..<configuration.concurrency { group.addTask { await self.work() } }
            }
        } onCancel: {
            close()
        }
    }

    /// Takes no more requests; `run` returns after the last accepted one.
    package func close() {
        let sleepers = state.withLock { state in
            state.machine.close()
            return state.takeSleepers()
        }
        for sleeper in sleepers { sleeper.resume() }
    }

    /// Waits until the request was carried out.
    /// - Parameter request: What to do.
    /// - Returns: What `execute` answered for it.
    /// - Throws: The request's own error; `PostgresError` with code `overloaded` or `closed`; `CancellationError` where
    ///   the task was cancelled while the request still waited.
    package func submit(_ request: Request) async throws -> Response {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        defer { state.withLock { _ = $0.withdrawn.remove(id) } }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { reply in
                accept(Pending(request: request, reply: reply), id: id)
            }
        } onCancel: {
            withdraw(id)
        }
    }

    private func accept(_ pending: Pending, id: Machine.RequestID) {
        let requestKey = key?(pending.request)
        let (failure, sleeper) = state.withLock { state -> ((any Error)?, CheckedContinuation<Void, Never>?) in
            guard state.withdrawn.remove(id) == nil else { return (CancellationError(), nil) }
            switch state.machine.enqueue(id, key: requestKey) {
            case .queued:
                state.pending[id] = pending
                return (nil, state.sleepers.popLast())
            case .overloaded:
                return (PostgresError(.overloaded, "the commit queue is full: slow down or raise queueMax"), nil)
            case .closed:
                return (PostgresError(.closed, "the commit queue is closed"), nil)
            }
        }
        sleeper?.resume()
        if let failure { pending.reply.resume(throwing: failure) }
    }

    private func withdraw(_ id: Machine.RequestID) {
        let reply: Reply? = state.withLock { state in
            guard state.pending[id] != nil else {
                state.withdrawn.insert(id)
                return nil
            }
            guard state.machine.cancel(id) else { return nil }
            return state.pending.removeValue(forKey: id)?.reply
        }
        reply?.resume(throwing: CancellationError())
    }

    private func work() async {
        while true {
            let (batch, requests, isDone) = state.withLock { state -> (Machine.Batch?, [Request], Bool) in
                guard let batch = state.machine.nextBatch() else { return (nil, [], state.machine.isDrained) }
                return (batch, batch.ids.compactMap { state.pending[$0]?.request }, false)
            }
            if let batch {
                let results = await carryOut(requests)
                finish(batch, results)
            } else if isDone {
                return
            } else {
                await sleep()
            }
        }
    }

    private func carryOut(_ requests: [Request]) async -> [Result<Response, any Error>] {
        var results = await executeChecked(requests)
        guard requests.count > 1 else { return results }
        for (index, request) in requests.enumerated() where mayBeFaultOfAnother(results[index]) {
            results[index] = await executeChecked([request])[0]
        }
        return results
    }

    private func mayBeFaultOfAnother(_ result: Result<Response, any Error>) -> Bool {
        guard case .failure(let error) = result else { return false }
        return isRetriedAlone(error)
    }

    private func executeChecked(_ requests: [Request]) async -> [Result<Response, any Error>] {
        let results = await execute(requests)
        precondition(results.count == requests.count, "a group commit needs one result for each request")
        return results
    }

    private func finish(_ batch: Machine.Batch, _ results: [Result<Response, any Error>]) {
        let (replies, sleepers) = state.withLock { state in
            state.machine.finished(batch)
            let replies = batch.ids.compactMap { state.pending.removeValue(forKey: $0)?.reply }
            // Keys became free and the end may have come: whoever sleeps looks again.
            let isNews = !batch.keys.isEmpty || state.machine.isDrained
            return (replies, isNews ? state.takeSleepers() : [])
        }
        for sleeper in sleepers { sleeper.resume() }
        for (reply, result) in zip(replies, results) { reply.resume(with: result) }
    }

    private func sleep() async {
        await withCheckedContinuation { continuation in
            let isNews = state.withLock { state in
                // Something may have come since the worker looked.
                guard !state.machine.hasBatch, !state.machine.isDrained else { return true }
                state.sleepers.append(continuation)
                return false
            }
            if isNews { continuation.resume() }
        }
    }
}
