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
    /// Whether the worker is started; a test may start it later.
    package var startsWorker = true
    /// Whether the executor is started; a test may start it later.
    package var startsExecutor = true

    /// The defaults.
    package init() {}
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

    private init(_ foundation: PlatformFoundation, _ options: PlatformOptions) async throws {
        self.foundation = foundation
        let pool = try HTTPClientPool()
        func service(_ program: String, _ own: [String: String]) throws -> PlatformService {
            let settings = options.environment.merging(own) { _, new in new }
            return try PlatformService(program, environment: foundation.environment(settings), pool: pool)
        }
        gateway = try service("parley-gateway", options.gateway)
        worker = try service("parley-worker", options.worker)
        executor = try service("parley-executor", options.executor)
        let key = try await foundation.makeKey(tenant: "default")
        client = PlatformClient(port: gateway.port, key: key, pool: pool)
    }

    /// The database, as a superuser whom row-level security does not bind.
    package var database: PostgresEndpoint { foundation.database }
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
        let platform = try await Platform(try await PlatformFoundation.make(), options)
        running.withLock { $0[ObjectIdentifier(platform)] = platform }
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await platform.gateway.start() }
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
        return platforms.flatMap { [$0.gateway, $0.worker, $0.executor] }.map { service in
            let log = service.log.split(separator: "\n").suffix(lines).joined(separator: "\n")
            return "--- \(service.program) on port \(service.port)\n\(log)"
        }.joined(separator: "\n")
    }

    /// Ends everything at once.
    func discard() async throws {
        _ = Self.running.withLock { $0.removeValue(forKey: ObjectIdentifier(self)) }
        for service in [gateway, worker, executor] where service.isRunning {
            try await service.kill9()
        }
        model.server.stop()
        try await broker.kill9()
        try await redis.kill9()
        try await foundation.cluster.drop(database)
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
