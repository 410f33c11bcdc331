/// Decides what a group of services does next; it does nothing itself and reads no clock.
///
/// ```
/// running  ── stop requested, a service ended ──▶ stopping  (shut down the last one that runs, then the one before…)
/// stopping ── last service ended ──▶ finished
/// stopping ── deadline, second stop request ──▶ cancelling  (all tasks are cancelled)
/// cancelling ── last service ended ──▶ finished
/// cancelling ── grace is over ──▶ finished, by force
/// ```
struct ServiceGroupStateMachine: Sendable {
    /// What the group shall do.
    enum Action: Equatable, Sendable {
        /// Nothing.
        case none
        /// Start the timer of the deadline and shut this service down.
        case beginStopping(Int)
        /// Shut this service down.
        case shutDown(Int)
        /// Cancel all tasks and start the timer of the grace.
        case cancel
        /// Everything has ended.
        case finish(ExitReason)
        /// Something does not end: leave the process.
        case forceExit(ExitReason)
    }

    private enum State: Sendable {
        case running
        case stopping(current: Int)
        case cancelling
        case finished
    }

    private var state = State.running
    /// Services that have not ended.
    private var alive: Set<Int>
    /// Calls of `shutdown()` that have not returned.
    private var shutdownsRunning = 0
    private var status = ExitReason.clean

    init(serviceCount: Int) {
        precondition(serviceCount > 0, "a group needs a service")
        alive = Set(0..<serviceCount)
    }

    /// Somebody wants the process to stop (a signal, a cancelled task).
    mutating func stopRequested() -> Action {
        switch state {
        case .running: beginStopping()
        case .stopping: cancel(.interrupted)
        case .cancelling, .finished: .none
        }
    }

    /// A service's run has ended.
    ///
    /// Before a stop was requested that is a failure too.
    mutating func serviceEnded(_ index: Int, hasFailed: Bool) -> Action {
        alive.remove(index)
        switch state {
        case .running:
            status = .serviceFailed
            return alive.isEmpty ? finish() : beginStopping()
        case .stopping(let current):
            if hasFailed { status = .serviceFailed }
            guard let next = alive.max() else { return finishWhenDone() }
            guard index == current else { return .none }
            state = .stopping(current: next)
            shutdownsRunning += 1
            return .shutDown(next)
        case .cancelling:
            return finishWhenDone()
        case .finished:
            return .none
        }
    }

    /// A call of a service's `shutdown()` has returned.
    mutating func shutdownReturned() -> Action {
        shutdownsRunning -= 1
        return finishWhenDone()
    }

    /// The time for an orderly stop is over.
    mutating func deadlineReached() -> Action {
        guard case .stopping = state else { return .none }
        // What has not come to its end by then is for others to take over: no failure, as long as it ends.
        return cancel(status)
    }

    /// The time after cancellation is over.
    mutating func graceOver() -> Action {
        guard case .cancelling = state else { return .none }
        state = .finished
        return .forceExit(status == .clean ? .deadlineExceeded : status)
    }

    private mutating func beginStopping() -> Action {
        guard let last = alive.max() else { return finish() }
        state = .stopping(current: last)
        shutdownsRunning += 1
        return .beginStopping(last)
    }

    private mutating func cancel(_ reason: ExitReason) -> Action {
        state = .cancelling
        status = reason
        return .cancel
    }

    private mutating func finishWhenDone() -> Action {
        if case .finished = state { return .none }
        return alive.isEmpty && shutdownsRunning == 0 ? finish() : .none
    }

    private mutating func finish() -> Action {
        state = .finished
        return .finish(status)
    }
}
