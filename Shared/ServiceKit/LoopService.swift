package import EventBus
package import Lifecycle
import Postgres
import Redis
import Synchronization

/// A gate that is opened once, when what the parts of a service need is there.
package final class ReadinessGate: Sendable {
    private let signal = ShutdownSignal()

    /// Makes a gate that is closed.
    package init() {}

    /// Whether it was opened.
    package var isOpen: Bool { signal.isRaised }

    /// Opens it.
    package func open() {
        signal.raise()
    }

    /// Waits until it is open.
    ///
    /// - Throws: `CancellationError` when the task is cancelled before.
    package func wait() async throws {
        while !isOpen {
            _ = await signal.wait(atMost: .seconds(3600))
            try Task.checkCancellation()
        }
    }
}

/// Makes a service of two functions, or one that starts when a gate opens of another.
package struct LoopService: Service {
    /// The service's name.
    package let name: String
    private let body: @Sendable () async throws -> Void
    private let end: @Sendable () async -> Void

    /// Makes a service.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - run: Its work.
    ///   - shutdown: Ends its work.
    package init(
        _ name: String,
        run: @escaping @Sendable () async throws -> Void,
        shutdown: @escaping @Sendable () async -> Void
    ) {
        self.name = name
        body = run
        end = shutdown
    }

    /// Makes a service whose work begins when `gate` opens, or never, when it is shut down before.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - gate: What it waits for.
    ///   - service: Its work.
    package init(_ name: String, after gate: ReadinessGate, _ service: some Service) {
        let stopped = ShutdownSignal()
        self.init(
            name,
            run: {
                while !gate.isOpen {
                    if await stopped.wait(atMost: .milliseconds(20)) { return }
                }
                if stopped.isRaised { return }
                try await service.run()
            },
            shutdown: {
                stopped.raise()
                await service.shutdown()
            }
        )
    }

    /// Does the work.
    package func run() async throws {
        try await body()
    }

    /// Ends the work.
    package func shutdown() async {
        await end()
    }
}

/// Opens the pools, and closes them after everything that uses them.
struct PoolService: Service {
    let name = "pools"
    let database: PostgresClient
    let redis: RedisClient?
    private let stopped = ReadinessGate()

    init(database: PostgresClient, redis: RedisClient?) {
        self.database = database
        self.redis = redis
    }

    func run() async throws {
        database.start()
        redis?.start()
        try? await stopped.wait()
        await database.close()
        await redis?.close()
    }

    func shutdown() async {
        stopped.open()
    }
}

extension LoopService {
    /// A consumer as a service; it joins its group when the gate opens.
    ///
    /// - Parameters:
    ///   - name: The service's name.
    ///   - consumer: The consumer.
    ///   - gate: What it waits for.
    ///   - handler: Handles a record; one that throws is called again with it.
    /// - Returns: The service.
    package static func consuming(
        _ name: String,
        _ consumer: BusConsumer,
        after gate: ReadinessGate,
        handler: @escaping @Sendable (BusRecord) async throws -> Void
    ) -> LoopService {
        LoopService(name, after: gate, BusConsumerService(name: name, consumer: consumer, handler: handler))
    }
}
