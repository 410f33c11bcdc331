import EventLoop

/// The connections of a pool.
///
/// Confined to the loop's thread: every call but `init` is made there, which is why it can be shared without a lock.
final class ConnectionTable: @unchecked Sendable, LibPQConnectionOwner {
    typealias ConnectionID = PoolStateMachine.ConnectionID

    /// How often deadlines are looked at; a deadline is met at most this much late.
    private static let tickInterval: Duration = .milliseconds(50)

    private let loop: EpollLoop
    private let limits: LibPQLimits
    private let keywords: [(String, String)]
    private var connections: [ConnectionID: LibPQConnection] = [:]
    private var timer: UInt64?
    /// Told when the last connection is gone; set when the pool closes.
    private var emptied: [() -> Void] = []
    weak var pool: PostgresPool?

    init(configuration: PostgresConfiguration, loop: EpollLoop) {
        self.loop = loop
        limits = LibPQLimits(configuration)
        keywords = LibPQParameters.keywords(configuration)
    }

    func open(_ id: ConnectionID) {
        if timer == nil {
            timer = loop.every(Self.tickInterval) { [weak self] in self?.pool?.tick() }
        }
        let connection = LibPQConnection(id: id, limits: limits, loop: loop, owner: self)
        connections[id] = connection
        connection.open(parameters: keywords, now: .now)
    }

    /// Runs a job.
    /// - Parameters:
    ///   - job: What to run.
    ///   - id: Where.
    ///   - isPinned: Whether the connection stays leased when the job has ended.
    func run(_ job: PostgresJob, on id: ConnectionID, isPinned: Bool) {
        guard let connection = connections[id] else {
            job.end(.failure(PostgresError(.connection, "the database connection was lost")))
            return
        }
        connection.isPinned = isPinned
        connection.run(job, now: .now)
    }

    func cancel(_ job: PostgresJob) {
        let now = ContinuousClock.now
        for connection in connections.values where connection.cancel(job, now: now) { return }
    }

    /// Makes a leased connection free again; an open transaction is rolled back first.
    func release(_ id: ConnectionID) {
        guard let connection = connections[id] else { return }
        connection.isPinned = false
        guard connection.current == nil else {
            // The caller went away from a running statement: nobody knows what it will leave behind.
            connection.breakDown("the database connection was left while a statement ran")
            return
        }
        guard !connection.isOutsideTransaction else {
            connectionDidFinish(connection)
            return
        }
        var pipeline = EncodedPipeline()
        guard let pool, (try? pipeline.append("ROLLBACK", [])) != nil else { return }
        runInternal(pool.makeJob(.pipeline(pipeline)), on: connection)
    }

    /// Tries an idle connection with an empty pipeline.
    func check(_ id: ConnectionID) {
        guard let pool, let connection = connections[id] else { return }
        runInternal(pool.makeJob(.pipeline(EncodedPipeline())), on: connection)
    }

    private func runInternal(_ job: PostgresJob, on connection: LibPQConnection) {
        // A failure shows as a broken connection or an open transaction, both of which are dealt with there.
        guard job.begin({ _ in }) else { return }
        connection.run(job, now: .now)
    }

    func checkDeadlines(now: ContinuousClock.Instant) {
        for connection in connections.values { connection.checkDeadline(now: now) }
    }

    func close(_ id: ConnectionID) {
        connections.removeValue(forKey: id)?.close()
        stopIfEmpty()
    }

    /// Calls back, once, when there is no connection any more.
    func whenEmpty(_ body: @escaping () -> Void) {
        emptied.append(body)
        stopIfEmpty()
    }

    private func stopIfEmpty() {
        guard connections.isEmpty, !emptied.isEmpty else { return }
        if let timer { loop.cancelTimer(timer) }
        timer = nil
        let bodies = emptied
        emptied = []
        for body in bodies { body() }
    }

    // MARK: LibPQConnectionOwner

    func connectionDidOpen(_ connection: LibPQConnection) {
        pool?.connectionIsOpen(connection.id)
    }

    func connectionDidFail(_ connection: LibPQConnection, _ error: PostgresError) {
        connections[connection.id] = nil
        pool?.connectionFailed(connection.id, error)
        stopIfEmpty()
    }

    func connectionDidFinish(_ connection: LibPQConnection) {
        guard !connection.isPinned else { return }
        guard connection.isOutsideTransaction else {
            connection.breakDown("a statement outside of transaction(_:) left a transaction open")
            return
        }
        pool?.connectionIsFree(connection.id)
    }

    func connectionDidBreak(_ connection: LibPQConnection, _ error: PostgresError) {
        connections[connection.id] = nil
        pool?.connectionIsBroken(connection.id, error)
        stopIfEmpty()
    }
}
