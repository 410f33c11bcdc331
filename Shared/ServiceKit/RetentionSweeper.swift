import Lifecycle
package import Observability
package import Store

/// Removes what is older than it has to be, again and again.
///
/// Every instance of every service runs one; a lock in the database lets one of them work at a time.
package final class RetentionSweeper: Service {
    /// The service's name.
    package let name = "retention"
    private let store: RetentionStore
    private let outbox: OutboxStore
    private let interval: Duration
    private let logger: Logger
    private let shutdownSignal = ShutdownSignal()

    /// Makes a sweeper.
    /// - Parameters:
    ///   - store: Removes rows.
    ///   - outbox: Knows the tenants.
    ///   - interval: How long it rests after its work.
    ///   - logger: For what it could not do.
    package init(store: RetentionStore, outbox: OutboxStore, interval: Duration, logger: Logger) {
        self.store = store
        self.outbox = outbox
        self.interval = interval
        self.logger = logger
    }

    /// Removes until it is shut down.
    package func run() async throws {
        while await !shutdownSignal.wait(atMost: interval) {
            do {
                let tenants = try await outbox.tenants()
                for kind in RetentionStore.Kind.allCases {
                    while try await store.removeBatch(kind, tenants: tenants), !shutdownSignal.isRaised {}
                }
            } catch {
                logger.warning("old rows could not be removed: trying again", [.error: .error(error)])
            }
        }
    }

    /// Ends the run.
    package func shutdown() async {
        shutdownSignal.raise()
    }
}
