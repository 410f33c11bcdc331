import Synchronization

/// Hands batches of records from a thread to one task, and says how much more may come.
final class BatchQueue: Sendable {
    private struct State {
        var records: [BusRecord] = []
        var waiting: CheckedContinuation<Void, Never>?
        var isStopped = false
        var isFull = false
    }

    private let recordsMax: Int
    private let state = Mutex(State())
    private let wakeup: Wakeup

    init(recordsMax: Int, wakeup: Wakeup) {
        self.recordsMax = recordsMax
        self.wakeup = wakeup
    }

    /// True after ``stop()``.
    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// How many records may be offered.
    ///
    /// At 0 the thread is woken when there is room again.
    var room: Int {
        state.withLock { state in
            let room = max(0, recordsMax - state.records.count)
            state.isFull = room == 0
            return room
        }
    }

    /// Adds records; never more than ``room`` said.
    func offer(_ records: [BusRecord]) {
        guard !records.isEmpty else { return }
        let waiting = state.withLock { state in
            state.records += records
            let waiting = state.waiting
            state.waiting = nil
            return waiting
        }
        waiting?.resume()
    }

    /// Takes all records; waits for some.
    ///
    /// Nil when stopped.
    func next() async -> [BusRecord]? {
        while true {
            let (records, isStopped, wasFull) = state.withLock { state in
                let taken = state.records
                let wasFull = state.isFull
                state.records = []
                state.isFull = false
                return (taken, state.isStopped, wasFull)
            }
            if isStopped { return nil }
            if wasFull {
                wakeup.signal()
            }
            if !records.isEmpty { return records }
            await withCheckedContinuation { continuation in
                let isWaiting = state.withLock { state in
                    guard state.records.isEmpty, !state.isStopped else { return false }
                    state.waiting = continuation
                    return true
                }
                if !isWaiting {
                    continuation.resume()
                }
            }
        }
    }

    /// Ends the queue for both sides; what it still holds is gone.
    func stop() {
        let waiting = state.withLock { state in
            state.isStopped = true
            let waiting = state.waiting
            state.waiting = nil
            return waiting
        }
        waiting?.resume()
        wakeup.signal()
    }
}
