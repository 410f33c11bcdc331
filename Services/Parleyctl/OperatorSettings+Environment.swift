import Configuration
import EventBus
import Postgres

/// What commands need to know, read only when a command needs it.
enum OperatorSettings {
    /// The database, as the role that owns the tables.
    static func ownerDatabase() throws -> PostgresConfiguration {
        var environment = EnvironmentReader(ProcessEnvironment.current())
        let url = environment.secret(
            "PARLEY_MIGRATION_DATABASE_URL",
            help: "Postgres, as the role that owns the tables"
        )
        try environment.finish()
        return database(url)
    }

    /// The database, as the role of the services.
    static func serviceDatabase() throws -> PostgresConfiguration {
        var environment = EnvironmentReader(ProcessEnvironment.current())
        let url = environment.secret("PARLEY_DATABASE_URL", help: "Postgres, as the role of the services")
        try environment.finish()
        return database(url)
    }

    /// The broker, and how topics are made.
    static func bus() throws -> (configuration: BusConfiguration, partitions: Int, replication: Int) {
        var environment = EnvironmentReader(ProcessEnvironment.current())
        let brokers = environment.string("PARLEY_KAFKA_BROKERS", help: "brokers to begin with, HOST:PORT,HOST:PORT")
        let profile = environment.choice(
            "PARLEY_KAFKA_PROFILE",
            default: BusConfiguration.Profile.local,
            help: "local or production"
        )
        let partitions = environment.int(
            "PARLEY_TOPIC_PARTITIONS",
            default: 8,
            in: 1...1000,
            help: "partitions of a topic"
        )
        let replication = environment.int("PARLEY_TOPIC_REPLICATION", default: 1, in: 1...10, help: "copies")
        try environment.finish()
        var configuration = BusConfiguration(bootstrapServers: brokers, profile: profile)
        configuration.clientID = "parleyctl"
        return (configuration, partitions, replication)
    }

    /// The gateway and a key for it.
    static func gateway() throws -> (url: String, key: Secret) {
        var environment = EnvironmentReader(ProcessEnvironment.current())
        let url = environment.url("PARLEY_URL", default: "http://127.0.0.1:8010", help: "the gateway")
        let key = environment.secret("PARLEY_API_KEY", help: "an API key of the gateway")
        try environment.finish()
        return (url.description, key)
    }

    private static func database(_ url: Secret) -> PostgresConfiguration {
        var configuration = PostgresConfiguration(url: url.revealed)
        configuration.applicationName = "parleyctl"
        configuration.poolSize = 2
        return configuration
    }
}
