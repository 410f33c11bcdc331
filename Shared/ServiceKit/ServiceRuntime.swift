package import Domain
package import EventBus
import Glibc
package import Lifecycle
package import Observability
package import Postgres
package import Redis
package import Resilience
package import Store
import Synchronization

/// The parts that every service has, made once and in one place.
package final class ServiceRuntime: Sendable {
    /// What it was made from.
    package let settings: ServiceSettings
    /// For everything that is worth a line.
    package let logger: Logger
    /// What is counted.
    package let metrics: MetricsRegistry
    /// How the components are.
    package let health: HealthRegistry
    /// The circuit breakers of what the service depends on.
    package let breakers: CircuitBreakerRegistry
    /// The pool.
    package let database: PostgresClient
    /// The cache, if there is one.
    package let redis: RedisClient?
    /// The producer.
    package let producer: BusProducer
    /// The rows of events on their way.
    package let outbox: OutboxStore
    /// Sends them right after their commit.
    package let publisher: OutboxPublisher
    /// Keeps the broker's topics.
    package let topics: TopicKeeper
    /// Checks what is consumed.
    package let gate: RecordGate
    /// Opens when database and broker can be used.
    package let readiness = ReadinessGate()
    /// Names this process in leases: another one for each start.
    package let owner: String

    /// Makes the parts; nothing runs before ``services(_:)`` do.
    ///
    /// - Throws: When the settings make no sense, or a library is too old.
    package init(_ settings: ServiceSettings) throws {
        self.settings = settings
        let logger = Logger(service: settings.name, level: settings.logLevel)
        self.logger = logger
        metrics = MetricsRegistry()
        health = HealthRegistry()
        let breakers = CircuitBreakerRegistry(limits: settings.breakers, metrics: metrics, logger: logger)
        self.breakers = breakers
        owner = "\(settings.name)/\(getpid())/\(Identifier.make())"
        let databaseBreaker = breakers.breaker("postgres")
        database = try PostgresClient(configuration: settings.database, breaker: databaseBreaker, logger: logger)
        redis = try settings.redis.map {
            try RedisClient(configuration: $0, breaker: breakers.breaker("redis"), logger: logger)
        }
        let brokerBreaker = breakers.breaker("broker")
        let topics = try TopicKeeper(configuration: settings.bus, topics: settings.topicLayout.topics, logger: logger) {
            brokerBreaker.recover()
        }
        self.topics = topics
        producer = try BusProducer(configuration: settings.bus, logger: logger) { _ in topics.nudge() }
        outbox = OutboxStore(database: database, configuration: settings.store)
        publisher = OutboxPublisher(producer: producer, outbox: outbox, breaker: brokerBreaker, logger: logger)
        gate = RecordGate(
            RecordGate.Parts(
                producer: producer,
                deadLetters: DeadLetterStore(database: database),
                outbox: outbox,
                tenants: KnownTenants(store: TenantStore(database: database)),
                databaseBreaker: databaseBreaker,
                logger: logger
            ),
            metrics: metrics,
            attemptsMax: settings.recordAttemptsMax
        )
        health.register("postgres")
        health.register("broker", isRequired: false)
        if redis != nil { health.register("redis", isRequired: false) }
    }

    /// Adds a component to `/health` that is as its breakers are: down when all are open, degraded when some are.
    ///
    /// - Parameters:
    ///   - name: The component's name.
    ///   - breakers: Its breakers.
    ///   - isBack: Asked every second while one of them is not closed; true closes them.
    ///   - problem: Why it is degraded though its breakers are closed; nil when it is not.
    package func watch(
        _ name: String,
        _ breakers: [CircuitBreaker],
        isBack: (@Sendable () async -> Bool)? = nil,
        problem: (@Sendable () -> String?)? = nil
    ) {
        health.register(name, isRequired: false)
        let watched = WatchedComponent(name: name, breakers: breakers, isBack: isBack, problem: problem)
        watchedComponents.withLock { $0.append(watched) }
    }

    /// Does something again and again from the start of the process to its end.
    ///
    /// - Parameters:
    ///   - interval: The rest between two rounds.
    ///   - name: What it is, in the log.
    ///   - work: A round.
    func every(_ interval: Duration, _ name: String, _ work: @escaping @Sendable () async -> Void) {
        let stopped = ShutdownSignal()
        let service = LoopService(
            name,
            run: {
                while await !stopped.wait(atMost: interval) { await work() }
            },
            shutdown: { stopped.raise() }
        )
        rounds.withLock { $0.append(service) }
    }

    private let rounds = Mutex<[LoopService]>([])

    /// Who has which partitions, by group; empty where the broker's groups say so.
    private let members = Mutex<[String: GroupMember]>([:])
    private let consumers = Mutex<[BusConsumer]>([])

    /// What ``watch(_:_:isBack:problem:)`` added.
    let watchedComponents = Mutex<[WatchedComponent]>([])

    /// A consumer of the platform's topics, in the group of a role.
    ///
    /// - Parameters:
    ///   - group: The group.
    ///   - topics: What it reads.
    ///   - concurrency: How many records of a topic are handled at once.
    ///   - drainTimeout: How long handlers that run may go on after a stop.
    /// - Returns: The consumer.
    /// - Throws: `BusError`.
    package func consumer(
        group: String,
        topics: [Topic],
        concurrency: Int,
        drainTimeout: Duration
    ) throws -> BusConsumer {
        let keeper = self.topics
        var bus = settings.bus
        bus.drainTimeout = drainTimeout
        let consumer = try BusConsumer(
            configuration: bus,
            group: group,
            topics: topics.map(\.rawValue),
            logger: logger,
            shares: settings.sharing == .leases ? member(of: group).shares : nil,
            concurrency: concurrency
        ) { _ in keeper.nudge() }
        consumers.withLock { $0.append(consumer) }
        health.register("consumers")
        return consumer
    }

    /// The process as a member of a group, the same for all consumers of the group.
    private func member(of group: String) -> GroupMember {
        members.withLock { members in
            if let member = members[group] { return member }
            let bus = settings.bus
            let member = GroupMember(
                store: GroupStore(database: database, group: group, member: owner, lease: bus.shareLease),
                shares: PartitionShares(partitionCount: settings.topicLayout.partitions),
                interval: bus.heartbeatInterval,
                lease: bus.shareLease,
                logger: logger
            )
            members[group] = member
            return member
        }
    }

    /// The runs of tools, as this process sees them; it is a service to be run.
    package func toolRuns() -> ToolRunStore {
        ToolRunStore(
            database: database,
            configuration: settings.store,
            owner: owner,
            ownersAreMembers: settings.sharing == .leases
        )
    }

    /// Whether there are consumers, and whether each has had its part of the partitions.
    ///
    /// Who replaces one instance after another must not stop the next before this one gets records.
    var haveConsumersJoined: Bool? {
        let consumers = consumers.withLock { $0 }
        if consumers.isEmpty { return nil }
        return consumers.allSatisfy(\.hasJoined) && members.withLock { $0.values.allSatisfy(\.hasJoined) }
    }

    /// All services of the process, in the order in which they start: what the service's own parts stand on first.
    package func services(_ own: [any Service]) -> [any Service] {
        let shared: [any Service] = [
            PoolService(database: database, redis: redis),
            LoopService("topics", run: topics.run, shutdown: topics.shutdown),
            LoopService("outbox", run: outbox.run, shutdown: outbox.close),
            BusProducerService(name: "producer", producer: producer),
            publisher,
            StartupCheck(runtime: self),
            LoopService("outbox-relay", after: readiness, relay),
            LoopService("retention", after: readiness, sweeper),
            MemoryTrimmer(),
        ]
        let groups = members.withLock { Array($0.values) }
        let rounds = rounds.withLock(\.self)
        return shared + rounds + groups.map { LoopService($0.name, after: readiness, $0) } + own
    }

    private var sweeper: RetentionSweeper {
        let retention = settings.retention
        return RetentionSweeper(
            store: RetentionStore(database: database, configuration: retention, store: settings.store),
            outbox: outbox,
            interval: retention.interval,
            logger: logger
        )
    }

    private var relay: OutboxRelay {
        OutboxRelay(outbox: outbox, publisher: publisher, logger: logger)
    }
}
