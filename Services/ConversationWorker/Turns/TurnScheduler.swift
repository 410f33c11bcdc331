import Lifecycle
import Observability
import ServiceKit
import Store
import Synchronization

/// Where claimed turns run: each is a child task of ``run()``, so that none outlives the worker unnoticed.
final class TurnScheduler: Service {
    private struct Running {
        let turn: ClaimedTurn
        let lease: TurnLease
    }

    private struct State {
        var running: [TurnKey: Running] = [:]
        /// Launched and not over, also between two turns of a session.
        var workCount = 0
        /// Since when no turn is begun, if so.
        var closingSince: ContinuousClock.Instant?
        var isClosing: Bool { closingSince != nil }
        /// Claimed, and left to another worker.
        var left: [ClaimedTurn] = []
    }

    /// How long the handing over may take; then the leases run out by themselves.
    private static let handOverTimeout = Duration.seconds(2)

    let name = "turns"
    private let runner: TurnRunner
    private let slots: TurnSlots
    private let drainTimeout: Duration
    private let state = Mutex(State())
    private let launches: AsyncStream<ClaimedTurn>
    private let launched: AsyncStream<ClaimedTurn>.Continuation

    /// Makes a scheduler.
    /// - Parameters:
    ///   - runner: Runs a turn.
    ///   - slots: Each turn that is launched holds one.
    ///   - drainTimeout: How long turns may go on after ``stopFollowing()``; what runs longer is left to others.
    init(runner: TurnRunner, slots: TurnSlots, drainTimeout: Duration) {
        self.runner = runner
        self.slots = slots
        self.drainTimeout = drainTimeout
        // Bounded by the slots: every launch holds one.
        (launches, launched) = AsyncStream.makeStream(of: ClaimedTurn.self, bufferingPolicy: .unbounded)
    }

    /// Starts a turn that was claimed.
    ///
    /// The caller holds a slot, which is the turn's from now on.
    func launch(_ turn: ClaimedTurn) {
        if case .terminated = launched.yield(turn) { leave(turn) }
    }

    /// The turns that run now, with the leases they run under.
    var running: [ClaimedTurn] { state.withLock { $0.running.values.map(\.turn) } }

    /// Whether no further turn is taken up.
    var isClosing: Bool { state.withLock(\.isClosing) }

    /// Stops a turn that another worker has by now; a newer claim of it is left alone.
    func endLease(of turn: ClaimedTurn) {
        let running = state.withLock { $0.running[turn.key] }
        if let running, running.turn.epoch == turn.epoch { running.lease.end() }
    }

    /// Runs turns until it is shut down, then waits for those that run, and hands over what takes too long.
    ///
    /// A turn that is handed over goes on from its journal, on another worker.
    func run() async throws {
        await withDiscardingTaskGroup { group in
            for await turn in launches {
                if isClosing {
                    leave(turn)
                    continue
                }
                state.withLock { $0.workCount += 1 }
                group.addTask {
                    await self.work(turn)
                    self.state.withLock { $0.workCount -= 1 }
                }
            }
            let deadline = state.withLock { $0.closingSince ?? .now } + drainTimeout
            while state.withLock(\.workCount) > 0, .now < deadline, !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(20))
            }
            group.cancelAll()
        }
        await handOver()
    }

    /// From now on no turn is begun: other workers have room for it.
    func stopFollowing() {
        state.withLock { $0.closingSince = $0.closingSince ?? .now }
    }

    /// Takes up no further turn; those that run come to their end.
    func shutdown() async {
        stopFollowing()
        launched.finish()
    }

    private func leave(_ turn: ClaimedTurn) {
        state.withLock { $0.left.append(turn) }
        slots.release()
    }

    /// Ends the leases of the turns that are left, so that nobody has to wait until they run out.
    private func handOver() async {
        let left = state.withLock(\.left)
        if left.isEmpty { return }
        do {
            let turns = runner.turns
            let released = try await withTimeout(Self.handOverTimeout) { try await turns.release(left) }
            runner.logger.info("turns are left to other workers", [.count: .integer(released.count)])
        } catch {
            runner.logger.warning("turns are left until their leases run out", [.error: .error(error)])
        }
    }

    private func work(_ first: ClaimedTurn) async {
        defer { slots.release() }
        var turn = first
        while true {
            let lease = TurnLease()
            let claimsNext = state.withLock { state in
                state.running[turn.key] = Running(turn: turn, lease: lease)
                return !state.isClosing
            }
            let result = await runner.run(turn, under: lease, claimsNext: claimsNext)
            state.withLock { state in
                // This worker may hold a newer claim of the same turn already, which must keep its heartbeats.
                if state.running[turn.key]?.turn.epoch == turn.epoch { state.running[turn.key] = nil }
                // Otherwise what went wrong may go wrong again: the rest of the lease is the pause before the next try.
                if case .dropped = result, state.isClosing { state.left.append(turn) }
            }
            guard case .ended(let next?) = result else { return }
            turn = next
        }
    }
}
