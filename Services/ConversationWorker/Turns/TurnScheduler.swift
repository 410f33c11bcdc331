import Lifecycle
import Observability
import Store
import Synchronization

/// Where claimed turns run: each is a child task of ``run()``, so that none outlives the worker unnoticed.
final class TurnScheduler: Service {
    private struct State {
        var running: [TurnKey: ClaimedTurn] = [:]
        /// Launched and not over, also between two turns of a session.
        var workCount = 0
        var isClosing = false
    }

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
    ///   - drainTimeout: How long turns may go on after the shutdown; what runs longer is left to another worker.
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
        // Shut down: the turn's lease runs out, and another worker takes it over.
        if case .terminated = launched.yield(turn) { slots.release() }
    }

    /// The turns that run now, with the leases they run under.
    var running: [ClaimedTurn] { state.withLock { Array($0.running.values) } }

    /// Whether no further turn is taken up.
    var isClosing: Bool { state.withLock(\.isClosing) }

    /// Runs turns until it is shut down, then waits for those that run, and leaves what takes too long.
    ///
    /// A turn that is left goes on from its journal, on another worker.
    func run() async throws {
        await withDiscardingTaskGroup { group in
            for await turn in launches {
                state.withLock { $0.workCount += 1 }
                group.addTask {
                    await self.work(turn)
                    self.state.withLock { $0.workCount -= 1 }
                }
            }
            let deadline = ContinuousClock.now + drainTimeout
            while state.withLock(\.workCount) > 0, .now < deadline, !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(20))
            }
            group.cancelAll()
        }
    }

    /// From now on no turn is followed by the next one of its session: other workers have room for it.
    func stopFollowing() {
        state.withLock { $0.isClosing = true }
    }

    /// Takes up no further turn; those that run come to their end.
    func shutdown() async {
        stopFollowing()
        launched.finish()
    }

    private func work(_ first: ClaimedTurn) async {
        defer { slots.release() }
        var turn = first
        while true {
            let claimsNext = state.withLock { state in
                state.running[turn.key] = turn
                return !state.isClosing
            }
            let result = await runner.run(turn, claimsNext: claimsNext)
            state.withLock { state in
                // This worker may hold a newer claim of the same turn already, which must keep its heartbeats.
                if state.running[turn.key]?.epoch == turn.epoch { state.running[turn.key] = nil }
            }
            guard case .ended(let next?) = result else { return }
            turn = next
        }
    }
}
