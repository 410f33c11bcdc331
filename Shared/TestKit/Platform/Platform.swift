import HTTPClient
import Synchronization

/// How a ``Platform`` is started.
package struct PlatformOptions: Sendable {
    /// Settings for every service, over the harness's own.
    package var environment: [String: String] = [:]
    /// Settings for the gateway alone.
    package var gateway: [String: String] = [:]
    /// Settings for the worker alone.
    package var worker: [String: String] = [:]
    /// Settings for the executor alone.
    package var executor: [String: String] = [:]
    /// How many files the gateway may have open when it starts, and how many at most; nil: as many as this process.
    package var gatewayOpenFiles: (soft: Int, hard: Int)?
    /// Whether the gateway is started; a test may start it later.
    package var startsGateway = true
    /// Whether the worker is started; a test may start it later.
    package var startsWorker = true
    /// Whether the executor is started; a test may start it later.
    package var startsExecutor = true
    /// Whether the platform has a Postgres cluster of its own, which the test may break.
    package var ownsPostgres = false
    /// Where its own Postgres cluster keeps its files; nil (the default) means the folder of this test process.
    package var postgresFolder: String?
    /// Settings of a Postgres of its own, beside those of the tests.
    package var postgresSettings: [String: String] = [:]
    /// The port that the broker tells its clients to come to; nil (the default) means its own.
    ///
    /// A test that puts something between broker and clients names that here.
    package var brokerAdvertisedPort: UInt16?
    /// Settings for every service that are known only when the servers run, such as a way around to one of them.
    package var rewire: @Sendable (PlatformAddresses) async throws -> [String: String] = { _ in [:] }
    /// Settings of the platform's own worker alone that depend on the addresses.
    package var rewireFirstWorker: @Sendable (PlatformAddresses) async throws -> [String: String] = { _ in [:] }

    /// The defaults.
    package init() {}
}

/// Where the servers of a platform listen, all on 127.0.0.1.
package struct PlatformAddresses: Sendable {
    /// The port of Postgres.
    package let postgres: UInt16
    /// The platform's database.
    package let database: String
    /// The port of Redis.
    package let redis: UInt16
    /// The port of the broker.
    package let broker: UInt16
    /// The port of the model.
    package let model: UInt16
    /// The address of the database for the role of the services, through another port.
    package func databaseURL(port: UInt16) -> String {
        "postgres://\(PlatformFoundation.role)@127.0.0.1:\(port)/\(database)"
    }
}

/// The whole platform on this machine: a database of its own, Redis, a broker, a scripted model, and the three services
/// as the executables that the build made, with short deadlines.
///
/// Everything dies with the test process, however that ends.
package final class Platform: Sendable {
    /// The gateway.
    package let gateway: PlatformService
    /// The worker.
    package let worker: PlatformService
    /// The executor.
    package let executor: PlatformService
    /// A client with a key of the default tenant.
    package let client: PlatformClient

    private static let shared = SharedServer { try await Platform.start(PlatformOptions()) }
    private static let running = Mutex<[ObjectIdentifier: Platform]>([:])
    private let foundation: PlatformFoundation
    private let environment: [String: String]
    private let pool: HTTPClientPool
    private let added = Mutex<[PlatformService]>([])

    private init(_ foundation: PlatformFoundation, _ options: PlatformOptions) async throws {
        self.foundation = foundation
        let pool = try HTTPClientPool()
        let rewired = try await options.rewire(foundation.addresses)
        let environment = options.environment.merging(rewired) { _, new in new }
        func service(
            _ program: String,
            _ own: [String: String],
            openFiles: (soft: Int, hard: Int)? = nil
        ) throws -> PlatformService {
            let settings = foundation.environment(environment.merging(own) { _, new in new })
            return try PlatformService(program, environment: settings, openFiles: openFiles, pool: pool)
        }
        self.environment = environment
        self.pool = pool
        gateway = try service("parley-gateway", options.gateway, openFiles: options.gatewayOpenFiles)
        let ways = try await options.rewireFirstWorker(foundation.addresses)
        worker = try service("parley-worker", options.worker.merging(ways) { _, new in new })
        executor = try service("parley-executor", options.executor)
        let key = try await foundation.makeKey(tenant: "default")
        client = PlatformClient(port: gateway.port, key: key, pool: pool)
    }

    /// The database, as a superuser whom row-level security does not bind.
    package var database: PostgresEndpoint { foundation.database }
    /// The cluster that the database is in.
    package var postgres: PostgresServer { foundation.cluster }
    /// The cache.
    package var redis: RedisServer { foundation.redis }
    /// The broker.
    package var broker: BrokerServer { foundation.broker }
    /// The model.
    package var model: PlatformModel { foundation.model }

    static func sharedPlatform() async throws -> Platform {
        try await shared.get()
    }

    static func start(_ options: PlatformOptions) async throws -> Platform {
        let platform = try await Platform(try await PlatformFoundation.make(options), options)
        running.withLock { $0[ObjectIdentifier(platform)] = platform }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if options.startsGateway { group.addTask { try await platform.gateway.start() } }
                if options.startsWorker { group.addTask { try await platform.worker.start() } }
                if options.startsExecutor { group.addTask { try await platform.executor.start() } }
                try await group.waitForAll()
            }
        } catch {
            try? await platform.discard()
            throw error
        }
        return platform
    }

    /// Prepares one more service, such as a second worker; it is not started, and ends with the platform.
    package func addService(_ program: String, _ settings: [String: String] = [:]) throws -> PlatformService {
        let own = foundation.environment(environment.merging(settings) { _, new in new })
        let service = try PlatformService(program, environment: own, pool: pool)
        added.withLock { $0.append(service) }
        return service
    }

    /// Every service, in the order gateway, worker, executor, added ones.
    package var services: [PlatformService] {
        [gateway, worker, executor] + added.withLock { $0 }
    }

    /// Runs SQL as a superuser and gives its output, one row a line with columns parted by `|`.
    @discardableResult
    package func sql(_ text: String) async throws -> String {
        try await database.sql(text)
    }

    /// Makes a tenant with an API key.
    /// - Returns: A client with that key.
    package func makeTenant(_ tenantID: String) async throws -> PlatformClient {
        try await sql("INSERT INTO tenants (tenant_id, name) VALUES ('\(tenantID)', '\(tenantID)')")
        return client.with(key: try await foundation.makeKey(tenant: tenantID))
    }

    /// Runs the operator's command line against this platform.
    package func parleyctl(_ arguments: [String]) async throws -> ChildProcess.CommandResult {
        try await foundation.parleyctl(arguments)
    }

    /// The last lines of every service of every platform that runs, for the report of a failed test.
    package static func recentLogs(lines: Int = 15) -> String {
        let platforms = running.withLock { Array($0.values) }
        return platforms.flatMap(\.services).map { service in
            let log = service.log.split(separator: "\n").suffix(lines).joined(separator: "\n")
            return "--- \(service.program) on port \(service.port)\n\(log)"
        }.joined(separator: "\n")
    }

    /// Ends everything at once.
    func discard() async throws {
        _ = Self.running.withLock { $0.removeValue(forKey: ObjectIdentifier(self)) }
        for service in services where service.isRunning {
            if ChildProcess.countsLines { _ = try await service.terminate() } else { try await service.kill9() }
        }
        model.server.stop()
        try await broker.kill9()
        try await redis.kill9()
        await pool.shutDown()
        try await foundation.discardDatabase()
    }
}

/// Runs `body` with the platform that all tests of this process share.
package func withPlatform<T>(_ body: (Platform) async throws -> T) async throws -> T {
    try await body(try await Platform.sharedPlatform())
}

/// Runs `body` with a platform of its own, whose parts it may break; takes about two seconds to start.
package func withOwnPlatform<T>(
    _ options: PlatformOptions = PlatformOptions(),
    _ body: (Platform) async throws -> T
) async throws -> T {
    let platform = try await Platform.start(options)
    return try await cleaningUp({ try await platform.discard() }, after: { try await body(platform) })
}
