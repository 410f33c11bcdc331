import Observability
import Synchronization

/// Stands between the thread that receives a topic's records and the tasks that handle them.
///
/// Handler tasks take work under the lock and park when there is none. A parked task is woken only while fewer than
/// `wakingMax` woken ones have not arrived: with cheap handlers a few tasks do everything without being suspended, with
/// slow ones each that takes work wakes the next.
final class TopicDispatcher: Sendable {
    /// How a record ended.
    enum Outcome: Sendable {
        case finished(DispatchStateMachine.Work)
        /// To be tried again at this time.
        case failed(DispatchStateMachine.Work, retryAt: ContinuousClock.Instant)
        /// Cut off: it stays unfinished.
        case abandoned(DispatchStateMachine.Work)
    }

    /// What the receiving thread does next.
    struct Turn: Sendable {
        var isStopping = false
        var flow = DispatchStateMachine.Flow()
        /// How many records may be received.
        var room = 0
        /// Whether partitions are paused because the topic has been at its limit for long.
        var isHoldingBack = false
        var commits: [Int32: Int64] = [:]
        var waitMilliseconds = 0
    }

    private struct State {
        var machine: DispatchStateMachine
        var parked: [CheckedContinuation<Void, Never>] = []
        var wakingCount = 0
        var isStopped = false
        /// Since when there has been no room, if so.
        var fullSince: ContinuousClock.Instant?
        var nextCommit: ContinuousClock.Instant
        var metrics = BusMetrics()
    }

    private let wakingMax = 2
    private let commitInterval: Duration
    private let commitRecordsMax: Int
    private let holdBackAfter: Duration
    private let state: Mutex<State>
    /// Wakes the receiving thread.
    let wakeup: Wakeup

    init(configuration: BusConfiguration) throws {
        commitInterval = configuration.commitInterval
        commitRecordsMax = configuration.commitRecordsMax
        holdBackAfter = configuration.holdBackAfter
        wakeup = try Wakeup()
        let limits = DispatchStateMachine.Limits(
            inFlightRecordsMax: configuration.inFlightRecordsMax,
            inFlightBytesMax: configuration.inFlightBytesMax,
            partitionWindowRecordsMax: configuration.partitionWindowRecordsMax
        )
        state = Mutex(State(machine: DispatchStateMachine(limits: limits), nextCommit: .now))
    }

    /// What was done so far.
    var metrics: BusMetrics {
        state.withLock { state in
            var metrics = state.metrics
            metrics.inFlight = UInt64(state.machine.inFlightCount)
            metrics.drops = state.machine.staleCount
            return metrics
        }
    }

    /// How many handlers run.
    var runningCount: Int { state.withLock { $0.machine.runningCount } }

    /// The partitions that are ours.
    var assignedPartitions: [Int32] { state.withLock { $0.machine.assignedPartitions } }

    // MARK: Handler tasks

    /// Ends a record and takes the next one; waits for one.
    ///
    /// Nil when the topic stops.
    func next(after outcome: Outcome?) async -> DispatchStateMachine.Work? {
        var outcome = outcome
        var isWoken = false
        while true {
            let step = take(after: outcome, isWoken: isWoken)
            outcome = nil
            step.woken?.resume()
            if step.signalsThread {
                wakeup.signal()
            }
            if step.work != nil || step.isStopped {
                return step.work
            }
            await withCheckedContinuation { continuation in
                let isParked = state.withLock { state in
                    // A record that came since the look above must not wait for the next one.
                    guard !state.machine.isReady, !state.isStopped else { return false }
                    state.parked.append(continuation)
                    return true
                }
                if !isParked {
                    state.withLock { $0.wakingCount += 1 }
                    continuation.resume()
                }
            }
            isWoken = true
        }
    }

    private struct Step {
        var work: DispatchStateMachine.Work?
        var isStopped = false
        var woken: CheckedContinuation<Void, Never>?
        var signalsThread = false
    }

    private func take(after outcome: Outcome?, isWoken: Bool) -> Step {
        state.withLock { state in
            if isWoken {
                state.wakingCount -= 1
            }
            var step = Step()
            if let outcome {
                step.signalsThread = end(outcome, &state)
            }
            guard !state.isStopped else {
                step.isStopped = true
                return step
            }
            step.work = state.machine.next()
            if state.machine.isReady, state.wakingCount < wakingMax, let parked = state.parked.popLast() {
                state.wakingCount += 1
                step.woken = parked
            }
            return step
        }
    }

    /// Tells the machine; answers whether the receiving thread should look.
    private func end(_ outcome: Outcome, _ state: inout State) -> Bool {
        switch outcome {
        case .finished(let work):
            state.machine.finished(work)
            state.metrics.finished += 1
        case .failed(let work, let retryAt):
            state.machine.failed(work, retryAt: retryAt)
            state.metrics.retries += 1
            return true
        case .abandoned(let work):
            state.machine.abandoned(work)
        }
        if state.isStopped {
            return true
        }
        if state.fullSince != nil, state.machine.hasRoomAgain {
            return true
        }
        return state.machine.finishedSinceCommit == commitRecordsMax
    }

    // MARK: Receiving thread

    /// What to do now.
    func turn(now: ContinuousClock.Instant = .now) -> Turn {
        let (turn, woken) = state.withLock { state -> (Turn, [CheckedContinuation<Void, Never>]) in
            var turn = Turn()
            turn.isStopping = state.isStopped
            state.machine.advance(to: now)
            let isFullForLong = state.fullSince.map { now - $0 >= holdBackAfter } ?? false
            turn.flow = state.machine.flow(holdBack: isFullForLong)
            turn.room = state.machine.room
            turn.isHoldingBack = state.machine.isHoldingBack
            if turn.room > 0 {
                state.fullSince = nil
            } else if state.fullSince == nil {
                state.fullSince = now
            }
            if now >= state.nextCommit || state.machine.finishedSinceCommit >= commitRecordsMax {
                turn.commits = state.machine.takeCommits()
                state.nextCommit = now + commitInterval
            }
            turn.waitMilliseconds = waitMilliseconds(state, now)
            return (turn, wake(&state))
        }
        for continuation in woken {
            continuation.resume()
        }
        return turn
    }

    /// Hands in records.
    func received(_ records: [BusRecord]) {
        let woken = state.withLock { state in
            state.metrics.consumed += UInt64(records.count)
            for record in records {
                state.machine.received(record)
            }
            return wake(&state)
        }
        for continuation in woken {
            continuation.resume()
        }
    }

    /// Partitions have come.
    func assigned(_ partitions: [Int32]) {
        state.withLock { state in
            state.metrics.rebalances += 1
            state.machine.assigned(partitions)
        }
    }

    /// No more records of these partitions are started.
    func revoking(_ partitions: [Int32]) {
        state.withLock { $0.machine.revoking(partitions) }
    }

    /// How many handlers run for records of these partitions.
    func runningCount(in partitions: [Int32]) -> Int {
        state.withLock { $0.machine.runningCount(in: partitions) }
    }

    /// Partitions have gone.
    func revoked(_ partitions: [Int32]) {
        state.withLock { state in
            state.metrics.rebalances += 1
            state.machine.revoked(partitions)
        }
    }

    /// The offsets to commit now, whatever the time.
    func takeCommits() -> [Int32: Int64] {
        state.withLock { $0.machine.takeCommits() }
    }

    /// Commits failed: they are offered again.
    func commitFailed(_ offsets: [Int32: Int64]) {
        state.withLock { state in
            for (partition, offset) in offsets {
                state.machine.commitFailed(partition: partition, offset: offset)
            }
        }
    }

    /// The client was built anew.
    func clientReset() {
        state.withLock { state in
            state.metrics.resets += 1
            state.machine.revoked(state.machine.assignedPartitions)
        }
    }

    /// Starts nothing more: handler tasks end after the record that they have.
    func stop() {
        let parked = state.withLock { state in
            state.isStopped = true
            let parked = state.parked
            state.parked = []
            state.wakingCount += parked.count
            return parked
        }
        for continuation in parked {
            continuation.resume()
        }
        wakeup.signal()
    }

    private func wake(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        var woken: [CheckedContinuation<Void, Never>] = []
        while state.machine.isReady, state.wakingCount < wakingMax, let parked = state.parked.popLast() {
            state.wakingCount += 1
            woken.append(parked)
        }
        return woken
    }

    /// How long the thread may wait for a signal: until a retry or a commit is due; a second when nothing is.
    private func waitMilliseconds(_ state: State, _ now: ContinuousClock.Instant) -> Int {
        var until = now + .seconds(1)
        if let deadline = state.machine.nextDeadline {
            until = min(until, deadline)
        }
        if state.machine.inFlightCount > 0 || state.machine.finishedSinceCommit > 0 {
            until = min(until, max(state.nextCommit, now + .milliseconds(1)))
        }
        if let fullSince = state.fullSince {
            until = min(until, max(fullSince + holdBackAfter, now + .milliseconds(5)))
        }
        return max(0, (until - now).wholeMilliseconds)
    }
}
