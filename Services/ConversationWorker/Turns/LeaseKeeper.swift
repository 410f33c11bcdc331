import Lifecycle
import Observability
import ServiceKit
import Store

/// Keeps the leases of running turns alive, and takes over turns whose worker was lost.
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
        while await !shutdownSignal.wait(atMost: interval) {
            do {
                _ = try await turns.heartbeat(scheduler.running)
                if !scheduler.isClosing { try await takeOver() }
            } catch {
                logger.warning("leases could not be kept: trying again", [.error: .error(error)])
            }
        }
    }

    func shutdown() async {
        scheduler.stopFollowing()
        shutdownSignal.raise()
    }

    private func takeOver() async throws {
        let sessions = try await turns.abandonedSessions(
            tenants: try await outbox.tenants(),
            limit: max(1, min(slots.freeCount, 100))
        )
        for session in sessions where !scheduler.isClosing && slots.tryAcquire() {
            do {
                guard let turn = try await turns.claim(session).turn else {
                    slots.release()
                    continue
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
}
