package import EventLoop
package import Observability
package import Resilience
import Synchronization

/// A pool of connections to one database.
///
/// ```swift
/// let client = try PostgresClient(configuration: configuration, loop: loop, logger: logger)
/// client.start()
/// let result = try await client.query("SELECT name FROM things WHERE id = $1", [.int(7)])
/// let name = try result.rows.first?.string("name")
/// try await client.batch(settings: [("parley.tenants", "acme")], [(insert, [.text("a")]), (update, [.text("b")])])
/// await client.close()
/// ```
///
/// After an outage of the server the pool opens its connections again by itself.
package final class PostgresClient: Sendable {
    let pool: PostgresPool
    private let breaker: CircuitBreaker?
    private let ownsLoop: Bool
    private let isClosed = Atomic<Bool>(false)

    /// Makes a client; nothing is opened before `start` or the first call.
    /// - Parameters:
    ///   - configuration: Where the database is, and the limits.
    ///   - loop: The loop that drives the connections; nil: one of its own. libpq resolves host names on the loop's
    ///     thread, so share a loop with other work only where the host is an address or a socket.
    ///   - breaker: Refuses calls at once while the server does not answer; closes when the pool has connected again.
    ///   - logger: Where lost connections are reported.
    /// - Throws: `PostgresError` with code `invalidParameter` for limits that make no sense; `EventLoopError` when the
    ///   process is out of descriptors or threads.
    package init(
        configuration: PostgresConfiguration,
        loop: EpollLoop? = nil,
        breaker: CircuitBreaker? = nil,
        logger: Logger = .disabled
    ) throws {
        try configuration.validate()
        self.breaker = breaker
        ownsLoop = loop == nil
        pool = PostgresPool(
            configuration: configuration,
            loop: try loop ?? EpollLoop.start(name: "postgres"),
            breaker: breaker,
            logger: logger
        )
    }

    /// Begins to open `connectionsMin` connections.
    ///
    /// Calls made before the server answers wait, up to `acquireTimeout`.
    package func start() {
        pool.start()
    }

    /// Fails callers that wait for a connection, lets running statements end, and closes every connection.
    ///
    /// A second time it does nothing.
    package func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        await pool.close()
        if ownsLoop { pool.loop.stop() }
    }

    /// The numbers of the pool at this moment.
    package var statistics: PostgresPoolStatistics { pool.statistics }

    /// Runs one statement in a transaction of its own.
    /// - Parameters:
    ///   - statement: What to run.
    ///   - parameters: Values of `$1`…
    /// - Returns: Its result.
    /// - Throws: `PostgresError`; `CancellationError` where the task was cancelled and the statement did not take
    ///   effect or its effect is unknown.
    package func query(
        _ statement: PostgresStatement,
        _ parameters: [PostgresParameter] = []
    ) async throws -> PostgresResult {
        var pipeline = EncodedPipeline()
        try pipeline.append(statement, parameters)
        return try Self.single(try await run(pipeline, on: nil))
    }

    /// Runs statements in one transaction and one round trip: the cheapest way to write.
    ///
    /// The server treats the whole pipeline up to its end as one transaction (PostgreSQL manual, "Pipeline Mode"):
    /// all statements take effect or none. Statements cannot use the results of earlier ones, and must not be
    /// transaction commands themselves.
    /// - Parameters:
    ///   - settings: Server settings for this transaction only, as `SET LOCAL` does.
    ///   - statements: What to run, in order.
    /// - Returns: One result per statement.
    /// - Throws: `PostgresError` whose `statementIndex` names the statement at fault; `CancellationError`.
    package func batch(
        settings: [(String, String)] = [],
        _ statements: [(PostgresStatement, [PostgresParameter])]
    ) async throws -> [PostgresResult] {
        var pipeline = EncodedPipeline()
        try pipeline.append(settings: settings)
        for (statement, parameters) in statements { try pipeline.append(statement, parameters) }
        guard !statements.isEmpty else { return [] }
        return try await run(pipeline, on: nil)
    }

    /// Runs a pipeline on any connection, or on a leased one.
    func run(
        _ pipeline: EncodedPipeline,
        on connection: PoolStateMachine.ConnectionID?,
        isCancellable: Bool = true
    ) async throws -> [PostgresResult] {
        let outcome = try await run(.pipeline(pipeline), on: connection, isCancellable: isCancellable)
        guard case .results(let results) = outcome else { preconditionFailure("a pipeline ended with a lease") }
        return results
    }

    /// Asks the server for a sign of life, whatever the breaker says; an answer closes it.
    /// - Throws: As `query`.
    package func ping() async throws {
        var pipeline = EncodedPipeline()
        try pipeline.append("SELECT 1", [])
        do {
            _ = try await submit(.pipeline(pipeline), on: nil)
            breaker?.recover()
        } catch let error as PostgresError {
            if error.outcome == .failure { breaker?.fail(error) }
            throw error
        }
    }

    /// Runs any work; see `PostgresJob.Work`.
    ///
    /// What runs on a leased connection has passed the breaker with the lease.
    func run(
        _ work: PostgresJob.Work,
        on connection: PoolStateMachine.ConnectionID?,
        isCancellable: Bool = true
    ) async throws -> PostgresJob.Outcome {
        guard let breaker, connection == nil else {
            return try await submit(work, on: connection, isCancellable: isCancellable)
        }
        do {
            return try await breaker.run { try await submit(work, on: nil, isCancellable: isCancellable) }
        } catch is CircuitBreakerError {
            throw PostgresError(
                .unavailable,
                "the database has failed repeatedly and is not asked at the moment: try again when it is back"
            )
        }
    }

    private func submit(
        _ work: PostgresJob.Work,
        on connection: PoolStateMachine.ConnectionID?,
        isCancellable: Bool = true
    ) async throws -> PostgresJob.Outcome {
        let job = pool.makeJob(work)
        let pool = pool
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<_, any Error>) in
                guard job.begin({ continuation.resume(with: $0) }) else {
                    continuation.resume(throwing: CancellationError())
                    return
                }
                if let connection { pool.submit(job, on: connection) } else { pool.submit(job) }
            }
        } onCancel: {
            if isCancellable, job.cancel() { pool.cancel(job) }
        }
    }

    static func single(_ results: [PostgresResult]) throws -> PostgresResult {
        guard let result = results.first, results.count == 1 else {
            throw PostgresError(.decoding, "\(results.count) results came for one statement")
        }
        return result
    }
}

extension EncodedPipeline {
    private static let maximumSettings = 64
    /// One statement text per number of settings, so that each is prepared once.
    private static let settingStatements: [PostgresStatement] = (0...maximumSettings).map { count in
        let calls = (0..<count).map { "set_config($\($0 * 2 + 1), $\($0 * 2 + 2), true)" }
        return PostgresStatement("SELECT \(calls.joined(separator: ", "))")
    }

    /// Adds server settings that end with the transaction.
    mutating func append(settings: [(String, String)]) throws(PostgresError) {
        guard !settings.isEmpty else { return }
        guard settings.count <= Self.maximumSettings else {
            throw PostgresError(.invalidParameter, "\(settings.count) settings, at most \(Self.maximumSettings)")
        }
        var parameters: [PostgresParameter] = []
        for (name, value) in settings {
            parameters.append(.text(name))
            parameters.append(.text(value))
        }
        try append(Self.settingStatements[settings.count], parameters, isReported: false)
    }
}
