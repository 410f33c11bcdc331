import Lifecycle
package import Observability
package import Store
import Synchronization

/// Publishes what stayed behind in the outbox: events of a part that was killed between commit and publish, and events
/// that nobody has processed within the deadline.
///
/// Every instance of every service runs one; they share the rows.
package final class OutboxRelay: Service {
    /// The service's name.
    package let name = "outbox-relay"
    private let outbox: OutboxStore
    private let publisher: OutboxPublisher
    private let interval: Duration
    private let batchMax: Int
    private let logger: Logger
    private let shutdownSignal = ShutdownSignal()

    /// Makes a relay.
    /// - Parameters:
    ///   - outbox: The rows.
    ///   - publisher: Sends them.
    ///   - interval: How often it looks. Default 500 ms.
    ///   - batchMax: How many rows it takes at once. Default 500.
    ///   - logger: For what it could not do.
    package init(
        outbox: OutboxStore,
        publisher: OutboxPublisher,
        interval: Duration = .milliseconds(500),
        batchMax: Int = 500,
        logger: Logger
    ) {
        self.outbox = outbox
        self.publisher = publisher
        self.interval = interval
        self.batchMax = batchMax
        self.logger = logger
    }

    /// Looks and publishes until it is shut down.
    package func run() async throws {
        var notice = RareNotice()
        while await !shutdownSignal.wait(atMost: interval) {
            // Rows that are read are put off, which helps nobody while they cannot be sent.
            if publisher.isRefusing { continue }
            do {
                while try await relayOnce() == batchMax, !shutdownSignal.isRaised {}
            } catch {
                if notice.isDue(now: .now) {
                    logger.warning("the outbox cannot be read: it is tried until it can", [.error: .error(error)])
                }
            }
        }
    }

    /// Ends the run.
    package func shutdown() async {
        shutdownSignal.raise()
    }

    private func relayOnce() async throws -> Int {
        let events = try await outbox.due(tenants: try await outbox.tenants(), limit: batchMax)
        if events.isEmpty { return 0 }
        logger.info("publishing events that stayed behind", [.count: .integer(events.count)])
        await publisher.publish(events)
        return events.count
    }
}
