import Synchronization

/// A flag that is raised once, and that loops can wait for while they rest between two rounds.
package final class ShutdownSignal: Sendable {
    private struct State {
        var isRaised = false
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    /// Makes a signal that is not raised.
    package init() {}

    /// Whether it was raised.
    package var isRaised: Bool { state.withLock(\.isRaised) }

    /// Raises it and wakes everybody who waits.
    package func raise() {
        let waiters = state.withLock { state in
            state.isRaised = true
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.self)
        }
        for waiter in waiters {
            waiter.resume()
        }
    }

    /// Rests for `duration`, or until the signal is raised or the task is cancelled.
    /// - Returns: Whether to stop.
    package func wait(atMost duration: Duration) async -> Bool {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.raised() }
            group.addTask { try? await Task.sleep(for: duration) }
            await group.next()
            group.cancelAll()
        }
        return isRaised || Task.isCancelled
    }

    private func raised() async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isRaised || Task.isCancelled { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}
