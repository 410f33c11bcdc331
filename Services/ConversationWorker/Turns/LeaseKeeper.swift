import Lifecycle
import Observability
import ServiceKit
import Store

/// Keeps the leases of running turns alive, ends turns whose lease was lost, and takes over turns whose worker was.
///
/// It stops after the scheduler, because turns that come to their end need their leases until then.
/// Taking over needs no broker: a turn with a dead lease is a row that any worker finds.
final class LeaseKeeper: Service {
    let name = "leases"
    private let turns: TurnStore
    private let outbox: OutboxStore
    private let scheduler: TurnScheduler
    private let slots: TurnSlots
    private let interval: Duration
    private let logger: Logger
    private let shutdownSignal = ShutdownSignal()

    /// How often at least it looks for turns that nobody works on.
    static let lookIntervalMax = Duration.seconds(2)

    /// Makes a keeper.
    /// - Parameters:
    ///   - turns: The leases.
    ///   - outbox: Knows the tenants.
    ///   - scheduler: Runs what is taken over.
    ///   - slots: How much may run.
    ///   - leaseDuration: How long a lease lives; a third of it is the rhythm.
    ///   - logger: For what is taken over, and what could not be done.
    init(
        turns: TurnStore,
        outbox: OutboxStore,
        scheduler: TurnScheduler,
        slots: TurnSlots,
        leaseDuration: Duration,
        logger: Logger
    ) {
        self.turns = turns
        self.outbox = outbox
        self.scheduler = scheduler
        self.slots = slots
        interval = leaseDuration / 3
        self.logger = logger
    }

    func run() async throws {
        await withDiscardingTaskGroup { group in
            // Side by side: much to take over must not make the leases of what runs late.
            group.addTask { await self.repeating(every: self.interval) { try await self.beat() } }
            group.addTask {
                // Twice as often: whoever waits for a lost worker's turn waits for the lease and then for this.
                await self.repeating(every: min(self.interval / 2, Self.lookIntervalMax)) { try await self.takeOver() }
            }
        }
    }

    func shutdown() async {
        scheduler.stopFollowing()
        shutdownSignal.raise()
    }

    private func repeating(every interval: Duration, _ work: () async throws -> Void) async {
        while await !shutdownSignal.wait(atMost: interval) {
            do {
                try await work()
            } catch {
                logger.warning("leases could not be kept: trying again", [.error: .error(error)])
            }
        }
    }

    private func beat() async throws {
        for turn in try await turns.heartbeat(scheduler.running).lost {
            logger.warning(
                "a turn's lease was lost: another worker has it",
                [.turnID: .string(turn.key.turnID), .attempt: .integer(turn.attempt)]
            )
            scheduler.endLease(of: turn)
        }
    }

    private func takeOver() async throws {
        if scheduler.isClosing { return }
        let sessions = try await turns.abandonedSessions(
            tenants: try await outbox.tenants(),
            limit: max(1, min(slots.freeCount, 100))
        )
        try await withThrowingDiscardingTaskGroup { group in
            for session in sessions where !scheduler.isClosing && slots.tryAcquire() {
                group.addTask { try await self.takeOver(session) }
            }
        }
    }

    /// Takes a session's first unfinished turn; the caller has taken a slot for it.
    private func takeOver(_ session: TurnKey) async throws {
        do {
            guard let turn = try await turns.claim(session).turn else {
                slots.release()
                return
            }
            logger.info(
                "took over a turn that nobody worked on",
                [.turnID: .string(turn.key.turnID), .attempt: .integer(turn.attempt)]
            )
            scheduler.launch(turn)
        } catch {
            slots.release()
            throw error
        }
    }
}
