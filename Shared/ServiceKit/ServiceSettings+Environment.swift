package import Configuration
import EventBus
package import HTTPServer
import Observability
import Postgres
import Redis
import Resilience
import Store

extension ServiceSettings {
    /// Reads what every service needs to know.
    ///
    /// - Parameters:
    ///   - name: The service's name.
    ///   - httpPort: The default of its port.
    ///   - environment: Where the settings stand.
    package init(name: String, httpPort: Int, environment: inout EnvironmentReader) {
        let databaseURL = environment.secret(
            "PARLEY_DATABASE_URL",
            help: "Postgres, as a role that row-level security binds: postgres://parley_service:…@127.0.0.1/parley"
        )
        let brokers = environment.string("PARLEY_KAFKA_BROKERS", help: "brokers to begin with, HOST:PORT,HOST:PORT")
        let profile = environment.choice(
            "PARLEY_KAFKA_PROFILE",
            default: BusConfiguration.Profile.local,
            help: "local: one broker on this machine, short deadlines; production: a Kafka cluster"
        )
        self.init(name: name, databaseURL: databaseURL.revealed, brokers: brokers, profile: profile)
        readServer(httpPort: httpPort, &environment)
        readDatabase(&environment)
        readBus(&environment)
        readStore(&environment)
        readRetention(&environment)
        breakers.failuresMax = environment.int(
            "PARLEY_BREAKER_FAILURES",
            default: breakers.failuresMax,
            in: 1...1000,
            help: "failures in a row after which a dependency is not called for a while"
        )
        breakers.openDuration = environment.duration(
            "PARLEY_BREAKER_OPEN",
            default: breakers.openDuration,
            in: .milliseconds(100) ... .seconds(3600),
            help: "how long it is not called, if nothing shows before that it is back"
        )
    }

    private mutating func readServer(httpPort: Int, _ environment: inout EnvironmentReader) {
        let level = environment.string(
            "PARLEY_LOG_LEVEL",
            default: LogLevel.info.name,
            help: "least level that is logged: trace, debug, info, warning, error or critical"
        )
        if let level = LogLevel(name: level) {
            logLevel = level
        } else {
            environment.fail(
                "PARLEY_LOG_LEVEL",
                .malformed,
                "is no level: trace, debug, info, warning, error, critical"
            )
        }
        httpHost = environment.string("PARLEY_HTTP_HOST", default: httpHost, help: "address to listen on")
        self.httpPort = UInt16(
            environment.int(
                "PARLEY_HTTP_PORT",
                default: httpPort,
                in: 0...65_535,
                help: "port to listen on; 0: a free one"
            )
        )
    }

    private mutating func readDatabase(_ environment: inout EnvironmentReader) {
        database.poolSize = environment.int(
            "PARLEY_DATABASE_POOL_SIZE",
            default: database.poolSize,
            in: 1...500,
            help: "connections to Postgres at most"
        )
        database.acquireTimeout = environment.duration(
            "PARLEY_DATABASE_ACQUIRE_TIMEOUT",
            default: database.acquireTimeout,
            help: "how long to wait for a free connection"
        )
        guard let url = environment.optionalSecret("PARLEY_REDIS_URL", help: "Redis; without it nothing is cached")
        else { return }
        do {
            redis = try RedisConfiguration(url: url.revealed)
        } catch {
            environment.fail("PARLEY_REDIS_URL", .malformed, "is no Redis URL: redis://:PASSWORD@HOST:PORT/NUMBER")
        }
    }

    private mutating func readBus(_ environment: inout EnvironmentReader) {
        bus.security = BusSecurity(environment: &environment)
        sharing = environment.choice(
            "PARLEY_PARTITION_SHARING",
            default: sharing,
            help: "who shares partitions out. leases: Postgres; broker: its groups. Default by PARLEY_KAFKA_PROFILE"
        )
        recordAttemptsMax = environment.int(
            "PARLEY_RECORD_ATTEMPTS_MAX",
            default: recordAttemptsMax,
            in: 1...100,
            help: "times that a record's own fault may fail its handler before it is a dead letter"
        )
        topicLayout = TopicLayout(environment: &environment)
    }

    private mutating func readStore(_ environment: inout EnvironmentReader) {
        store.leaseDuration = environment.duration(
            "PARLEY_LEASE_DURATION",
            default: store.leaseDuration,
            in: .milliseconds(300) ... .seconds(600),
            help: "how long a turn is held without a heartbeat: a lost worker's turns go on after it"
        )
        store.republishAfter = environment.duration(
            "PARLEY_REPUBLISH_AFTER",
            default: store.republishAfter,
            in: .milliseconds(100) ... .seconds(3600),
            help: "after how long an event that nobody processed is published again"
        )
        store.publishAfterMax = environment.duration(
            "PARLEY_PUBLISH_AFTER",
            default: store.publishAfterMax,
            in: .milliseconds(100) ... .seconds(3600),
            help: "after how long any service publishes an event whose own has not said that it did"
        )
        store.openTurnsPerSessionMax = environment.int(
            "PARLEY_SESSION_OPEN_TURNS_MAX",
            default: store.openTurnsPerSessionMax,
            in: 1...1_000_000,
            help: "accepted and unfinished turns of a session; one more is refused with 429"
        )
        store.openTurnsPerTenantMax = environment.int(
            "PARLEY_TENANT_OPEN_TURNS_MAX",
            default: store.openTurnsPerTenantMax,
            in: 1...1_000_000_000,
            help: "accepted and unfinished turns of a tenant; a gateway refuses one more with 429"
        )
        store.idempotencyRetention = environment.duration(
            "PARLEY_IDEMPOTENCY_RETENTION",
            default: store.idempotencyRetention,
            in: .seconds(60) ... .seconds(30 * 86_400),
            help: "how long the answer to a request with an Idempotency-Key is kept"
        )
    }

    private mutating func readRetention(_ environment: inout EnvironmentReader) {
        retention.journal = environment.duration(
            "PARLEY_RETENTION_JOURNAL",
            default: retention.journal,
            in: .seconds(3600) ... .seconds(400 * 86_400),
            help: "how long steps of a turn and runs of tools are kept: 7 days longer than dead letters, and more"
        )
        retention.deadLetters = environment.duration(
            "PARLEY_RETENTION_DEAD_LETTERS",
            default: retention.deadLetters,
            in: .seconds(3600) ... .seconds(365 * 86_400),
            help: "how long a dead letter is kept"
        )
        if !retention.outlastsRedelivery {
            environment.fail(
                "PARLEY_RETENTION_JOURNAL",
                .conflict,
                "must be longer than PARLEY_RETENTION_DEAD_LETTERS and the 7 days that a topic may keep a record: one "
                    + "that is sent again after its run was forgotten would run its tool a second time"
            )
        }
        retention.usage = environment.duration(
            "PARLEY_RETENTION_USAGE",
            default: retention.usage,
            in: .seconds(86_400) ... .seconds(3650 * 86_400),
            help: "how long the tokens that a tenant used on a day are kept"
        )
        retention.interval = environment.duration(
            "PARLEY_RETENTION_INTERVAL",
            default: retention.interval,
            in: .milliseconds(100) ... .seconds(86_400),
            help: "how often what is older is removed"
        )
    }

    /// Where the service's own HTTP server listens, with default limits.
    package var http: HTTPServerConfiguration {
        var configuration = HTTPServerConfiguration()
        configuration.host = httpHost
        configuration.port = httpPort
        return configuration
    }
}
