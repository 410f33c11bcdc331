import Synchronization

/// How many turns run at once: a turn holds a slot from its claim to its end or its rest.
///
/// Who finds none waits in line.
///
/// It is what bounds the worker: while no slot is free the handlers of the inbound topic wait, the bus reaches its
/// in-flight limit and pauses the partitions.
final class TurnSlots: Sendable {
    private struct State {
        var free: Int
        var waiters: [(id: Int, continuation: CheckedContinuation<Void, any Error>)] = []
        var cancelled: Set<Int> = []
        var nextID = 0
        var isClosed = false
    }

    private let state: Mutex<State>

    /// Makes `count` slots.
    init(count: Int) {
        precondition(count > 0, "a worker without slots runs nothing")
        state = Mutex(State(free: count))
    }

    /// How many slots are free.
    var freeCount: Int { state.withLock(\.free) }

    /// How many wait in line.
    var waitingCount: Int { state.withLock(\.waiters.count) }

    /// Takes a slot, as soon as there is one.
    /// - Throws: `CancellationError` when the task is cancelled while it waits, or the slots are closed.
    func acquire() async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let answer: Result<Void, any Error>? = state.withLock { state in
                    if state.isClosed || state.cancelled.remove(id) != nil { return .failure(CancellationError()) }
                    if state.free > 0 {
                        state.free -= 1
                        return .success(())
                    }
                    state.waiters.append((id, continuation))
                    return nil
                }
                if let answer { continuation.resume(with: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Void, any Error>? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                    state.cancelled.insert(id)
                    return nil
                }
                return state.waiters.remove(at: index).continuation
            }
            waiter?.resume(throwing: CancellationError())
        }
        state.withLock { _ = $0.cancelled.remove(id) }
    }

    /// Takes a slot if one is free now.
    func tryAcquire() -> Bool {
        state.withLock { state in
            if state.free == 0 || state.isClosed { return false }
            state.free -= 1
            return true
        }
    }

    /// Gives out no more slots: whoever waits for one leaves it to another worker.
    func close() {
        let waiters = state.withLock { state in
            state.isClosed = true
            defer { state.waiters = [] }
            return state.waiters.map(\.continuation)
        }
        for waiter in waiters {
            waiter.resume(throwing: CancellationError())
        }
    }

    /// Gives a slot back.
    func release() {
        let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            if state.waiters.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiters.removeFirst().continuation
        }
        next?.resume()
    }
}
