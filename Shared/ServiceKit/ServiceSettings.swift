package import EventBus
package import Observability
package import Postgres
package import Redis
package import Resilience
package import Store

/// What every service of the platform needs to know.
package struct ServiceSettings: Sendable {
    /// The service's name, in logs and as the owner of leases.
    package var name: String
    /// Log lines below this level are not written.
    package var logLevel: LogLevel
    /// The database, as the role that row-level security binds.
    package var database: PostgresConfiguration
    /// The cache; nil runs without one.
    package var redis: RedisConfiguration?
    /// The broker.
    package var bus: BusConfiguration
    /// How the partitions of a group's topics are shared out.
    package var sharing: PartitionSharing
    /// Leases, deadlines and limits of the durable core.
    package var store: StoreConfiguration
    /// How long finished things are kept.
    package var retention: RetentionConfiguration
    /// How often the handler of a record may fail, for a reason that lies in the record, before it is a dead letter.
    ///
    /// Default 5.
    package var recordAttemptsMax = 5
    /// How topics are made.
    package var topicLayout: TopicLayout
    /// When circuit breakers open, and for how long.
    package var breakers: CircuitBreakerStateMachine.Limits
    /// Where the service's own HTTP endpoints listen.
    package var httpHost: String
    /// The port of the service's own HTTP endpoints; 0 takes a free one.
    package var httpPort: UInt16

    /// Makes settings with the defaults of everything that has one.
    package init(name: String, databaseURL: String, brokers: String, profile: BusConfiguration.Profile) {
        self.name = name
        logLevel = .info
        database = PostgresConfiguration(url: databaseURL)
        database.applicationName = name
        database.serverSettings = StoreConfiguration.serverSettings
        redis = nil
        bus = BusConfiguration(bootstrapServers: brokers, profile: profile)
        bus.clientID = name
        sharing = profile == .local ? .leases : .broker
        store = StoreConfiguration()
        retention = RetentionConfiguration()
        if profile == .production {
            store.leaseDuration = .seconds(15)
            store.republishAfter = .seconds(60)
        }
        topicLayout = TopicLayout()
        breakers = CircuitBreakerStateMachine.Limits()
        httpHost = "127.0.0.1"
        httpPort = 0
    }
}

/// Who says which process of a group reads which partitions.
package enum PartitionSharing: String, Sendable, CaseIterable {
    /// Leases in Postgres: for brokers whose groups are slow or unreliable, as the local one's are.
    case leases
    /// The broker's consumer groups.
    case broker
}
