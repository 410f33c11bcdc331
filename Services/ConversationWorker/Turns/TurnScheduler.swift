import Lifecycle
import Observability
import Store
import Synchronization

/// Where claimed turns run: each is a child task of ``run()``, so that none outlives the worker unnoticed.
final class TurnScheduler: Service {
    private struct State {
        var running: [TurnKey: ClaimedTurn] = [:]
        var isClosing = false
    }

    let name = "turns"
    private let runner: TurnRunner
    private let slots: TurnSlots
    private let metrics: WorkerMetrics
    private let state = Mutex(State())
    private let launches: AsyncStream<ClaimedTurn>
    private let launched: AsyncStream<ClaimedTurn>.Continuation

    /// Makes a scheduler.
    init(runner: TurnRunner, slots: TurnSlots, metrics: WorkerMetrics) {
        self.runner = runner
        self.slots = slots
        self.metrics = metrics
        // Bounded by the slots: every launch holds one.
        (launches, launched) = AsyncStream.makeStream(of: ClaimedTurn.self, bufferingPolicy: .unbounded)
    }

    /// Starts a turn that was claimed.
    ///
    /// The caller holds a slot, which is the turn's from now on.
    func launch(_ turn: ClaimedTurn) {
        launched.yield(turn)
    }

    /// The turns that run now, with the leases they run under.
    var running: [ClaimedTurn] { state.withLock { Array($0.running.values) } }

    /// Runs turns until it is shut down, then waits for those that run.
    func run() async throws {
        await withDiscardingTaskGroup { group in
            for await turn in launches {
                group.addTask { await self.work(turn) }
            }
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
            state.withLock { _ = $0.running.removeValue(forKey: turn.key) }
            guard case .ended(let next?) = result else { return }
            turn = next
        }
    }
}
