import Configuration
import EventBus
import Postgres
import ServiceKit

/// What commands need to know, read only when a command needs it.
enum OperatorSettings {
    /// How to reach the broker, and how topics are made.
    struct Bus {
        /// The broker.
        var configuration: BusConfiguration
        /// How topics are made.
        var layout: TopicLayout
    }

    /// The database, as the role that owns the tables.
    static func ownerDatabase() throws -> PostgresConfiguration {
        try read { environment in
            database(environment.secret("PARLEY_MIGRATION_DATABASE_URL", help: ownerHelp))
        }
    }

    /// The database, as the role of the services.
    static func serviceDatabase() throws -> PostgresConfiguration {
        try read { environment in
            database(environment.secret("PARLEY_DATABASE_URL", help: serviceHelp))
        }
    }

    /// The broker.
    static func bus() throws -> Bus {
        try read { environment in
            let brokers = environment.string("PARLEY_KAFKA_BROKERS", help: brokersHelp)
            return readBus(&environment, brokers: brokers)
        }
    }

    /// The consumer groups of the services.
    static func groups() throws -> (worker: String, executor: String) {
        try read { environment in readGroups(&environment) }
    }

    /// The gateway and a key for it.
    static func gateway() throws -> (url: String, key: Secret) {
        try read { environment in
            let url = readURL(&environment)
            return (url, environment.secret("PARLEY_API_KEY", help: keyHelp))
        }
    }

    /// Reads every setting of every command; none must be there.
    static func readAll(_ environment: inout EnvironmentReader) {
        _ = readURL(&environment)
        _ = environment.optionalSecret("PARLEY_API_KEY", help: keyHelp)
        _ = environment.optionalSecret("PARLEY_DATABASE_URL", help: serviceHelp)
        _ = environment.optionalSecret("PARLEY_MIGRATION_DATABASE_URL", help: ownerHelp)
        let brokers = environment.optionalString("PARLEY_KAFKA_BROKERS", help: brokersHelp)
        _ = readBus(&environment, brokers: brokers ?? "")
        _ = readGroups(&environment)
    }

    /// A row for each setting: its key, its default and what it means.
    static var overview: [[String]] {
        var environment = EnvironmentReader([:])
        readAll(&environment)
        return environment.settings.map { ["  " + $0.key, $0.defaultText ?? "-", $0.help] }
    }

    /// Settings that services read and commands do not, which may stand in the same environment.
    static func keysOfServices() -> Set<String> {
        var environment = EnvironmentReader([:])
        _ = ServiceSettings(name: "parleyctl", httpPort: 0, environment: &environment)
        return Set(environment.settings.map(\.key))
    }

    private static let keyHelp = "an API key of the gateway"
    private static let serviceHelp = "Postgres, as the role of the services"
    private static let ownerHelp = "Postgres, as the role that owns the tables"
    private static let brokersHelp = "brokers to begin with, HOST:PORT,HOST:PORT"

    private static func read<Value>(_ body: (inout EnvironmentReader) -> Value) throws -> Value {
        var environment = EnvironmentReader(ProcessEnvironment.current())
        let value = body(&environment)
        try environment.finish()
        return value
    }

    private static func readURL(_ environment: inout EnvironmentReader) -> String {
        environment.url("PARLEY_URL", default: "http://127.0.0.1:8010", help: "the gateway").description
    }

    private static func readGroups(_ environment: inout EnvironmentReader) -> (worker: String, executor: String) {
        let worker = environment.string(
            "PARLEY_WORKER_GROUP",
            default: "parley-worker",
            help: "group that workers share"
        )
        let executor = environment.string(
            "PARLEY_EXECUTOR_GROUP",
            default: "parley-executor",
            help: "group that executors share"
        )
        return (worker, executor)
    }

    private static func readBus(_ environment: inout EnvironmentReader, brokers: String) -> Bus {
        let profile = environment.choice(
            "PARLEY_KAFKA_PROFILE",
            default: BusConfiguration.Profile.local,
            help: "local or production"
        )
        var configuration = BusConfiguration(bootstrapServers: brokers, profile: profile)
        configuration.clientID = "parleyctl"
        configuration.adminTimeout = .seconds(5)
        configuration.security = BusSecurity(environment: &environment)
        return Bus(configuration: configuration, layout: TopicLayout(environment: &environment))
    }

    private static func database(_ url: Secret) -> PostgresConfiguration {
        var configuration = PostgresConfiguration(url: url.revealed)
        configuration.applicationName = "parleyctl"
        configuration.poolSize = 2
        return configuration
    }
}
