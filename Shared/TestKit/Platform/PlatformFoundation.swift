import Foundation

/// What the services of a platform stand on.
struct PlatformFoundation: Sendable {
    let cluster: PostgresServer
    let ownsCluster: Bool
    let database: PostgresEndpoint
    let redis: RedisServer
    let broker: BrokerServer
    let model: PlatformModel

    /// The role of the services.
    static let role = "parley_service"

    /// Starts the servers and brings the database up to date.
    static func make(_ options: PlatformOptions) async throws -> PlatformFoundation {
        let cluster =
            options.ownsPostgres
            ? try await PostgresServer.start(settings: options.postgresSettings, folder: options.postgresFolder)
            : try await PostgresServer.sharedServer()
        async let redis = RedisServer.start()
        async let broker = BrokerServer.start(advertisedPort: options.brokerAdvertisedPort)
        let foundation = PlatformFoundation(
            cluster: cluster,
            ownsCluster: options.ownsPostgres,
            database: try await cluster.makeDatabase(),
            redis: try await redis,
            broker: try await broker,
            model: try PlatformModel()
        )
        try await foundation.migrate()
        return foundation
    }

    /// Applies the migrations as the operator does, and lets the role of the services in.
    private func migrate() async throws {
        let result = try await parleyctl(["migrate"])
        guard result.exit == .exited(0) else {
            throw TestKitError(.commandFailed, "parleyctl migrate: \(result.standardError)")
        }
        // The role belongs to the cluster: several platforms that start together change the same row.
        try await eventually("the role \(Self.role)", timeout: .seconds(60), interval: .milliseconds(50)) {
            try await database.sql("ALTER ROLE \(Self.role) LOGIN")
            return true
        }
    }

    /// Where the servers are.
    var addresses: PlatformAddresses {
        PlatformAddresses(
            postgres: database.port,
            database: database.database,
            redis: redis.port,
            broker: broker.port,
            model: model.server.port
        )
    }

    /// Removes the database, and its cluster when that is this platform's own.
    func discardDatabase() async throws {
        if ownsCluster { try await cluster.discard() } else { try await cluster.drop(database) }
    }

    /// Makes an API key as the operator does.
    func makeKey(tenant: String) async throws -> String {
        let result = try await parleyctl(["keys", "create", "--tenant", tenant])
        let key = result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
        guard result.exit == .exited(0), key.hasPrefix("pk_") else {
            throw TestKitError(.commandFailed, "parleyctl keys create: \(result.standardError)")
        }
        return key
    }

    /// Runs the operator's command line.
    func parleyctl(_ arguments: [String]) async throws -> ChildProcess.CommandResult {
        var configuration = ChildProcess.Configuration()
        configuration.environment = environment([:])
        configuration.workingDirectory = PackageRoot.path
        return try await ChildProcess.run(try BuiltProducts.path("parleyctl"), arguments, configuration)
    }

    /// The environment of a service: this process's without its settings of the platform, the harness's, then `own`.
    func environment(_ own: [String: String]) -> [String: String] {
        let inherited = ChildProcess.inheritedEnvironment().filter { !$0.key.hasPrefix("PARLEY_") }
        let settings = [
            "PARLEY_DATABASE_URL": url(user: Self.role),
            "PARLEY_MIGRATION_DATABASE_URL": url(user: database.user),
            "PARLEY_DATABASE_POOL_SIZE": "6",
            "PARLEY_REDIS_URL": "redis://\(redis.host):\(redis.port)/0",
            "PARLEY_KAFKA_BROKERS": broker.bootstrapServers,
            "PARLEY_KAFKA_PROFILE": "local",
            "PARLEY_TOPIC_PARTITIONS": "4",
            "PARLEY_LEASE_DURATION": "6s",
            "PARLEY_REPUBLISH_AFTER": "2s",
            "PARLEY_MODEL_BASE_URL": model.server.baseURL,
            "PARLEY_MODEL_NAME": "scripted",
            "PARLEY_MODEL_IDLE_TIMEOUT": "15s",
            "PARLEY_MODEL_RETRIES_MAX": "3",
            "PARLEY_MEMORY_TIMEOUT": "10s",
            "PARLEY_MODEL_API_KEY": "model-key-that-no-log-may-show",
            "PARLEY_LOG_LEVEL": "debug",
        ]
        return inherited.merging(settings) { _, new in new }.merging(own) { _, new in new }
    }

    private func url(user: String) -> String {
        "postgres://\(user)@\(database.host):\(database.port)/\(database.database)"
    }
}
