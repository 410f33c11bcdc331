import EventLoop
import Observability
import Resilience
import Synchronization

extension LogKey {
    /// How many connections a pool has.
    static let connectionCount = LogKey("connection_count")
}

/// The pool's state and the loop that drives its connections.
///
/// Callers decide under the lock on their own thread who gets which connection; everything that touches a connection
/// runs on the loop. When a connection becomes free its next job starts right there, with no change of thread.
final class PostgresPool: Sendable {
    typealias ConnectionID = PoolStateMachine.ConnectionID

    private struct State {
        var machine: PoolStateMachine
        var waiting: [PoolStateMachine.WaiterID: PostgresJob] = [:]
    }

    let loop: EpollLoop
    private let state: Mutex<State>
    private let table: ConnectionTable
    private let lastJobID = Atomic<UInt64>(0)
    private let logger: Logger
    private let breaker: CircuitBreaker?

    init(configuration: PostgresConfiguration, loop: EpollLoop, breaker: CircuitBreaker?, logger: Logger) {
        var limits = PoolStateMachine.Limits()
        limits.size = configuration.poolSize
        limits.connectionsMin = configuration.connectionsMin
        limits.waitersMax = configuration.waitersMax
        limits.acquireTimeout = configuration.acquireTimeout
        limits.healthCheckInterval = configuration.healthCheckInterval
        limits.reconnect = .endless(from: configuration.reconnectDelayMin, to: configuration.reconnectDelayMax)
        self.loop = loop
        self.logger = logger
        self.breaker = breaker
        state = Mutex(State(machine: PoolStateMachine(limits: limits)))
        table = ConnectionTable(configuration: configuration, loop: loop)
        table.pool = self
    }

    /// Begins to open the connections that are kept without demand.
    func start() {
        loop.execute { [self] in tick() }
    }

    func makeJob(_ work: PostgresJob.Work) -> PostgresJob {
        PostgresJob(id: lastJobID.add(1, ordering: .relaxed).newValue, work: work)
    }

    /// The numbers of the moment.
    var statistics: PostgresPoolStatistics {
        state.withLock { state in
            PostgresPoolStatistics(
                connections: state.machine.connectionCount,
                idle: state.machine.idleCount,
                waiters: state.machine.waiterCount,
                isFailing: state.machine.isFailing
            )
        }
    }

    // MARK: Callers

    /// Gives the job to a connection, now or when one is free.
    ///
    /// The job has begun.
    func submit(_ job: PostgresJob) {
        let now = ContinuousClock.now
        let lease = state.withLock { state in
            let lease = state.machine.lease(job.id, now: now)
            if case .queued = lease { state.waiting[job.id] = job }
            return lease
        }
        switch lease {
        case .leased(let connection):
            serve(job, on: connection)
        case .queued(let opening):
            if let opening { loop.execute { [self] in table.open(opening) } }
            // The job may have been cancelled between its beginning and its place in the queue.
            if job.isCancelled { cancel(job) }
        case .exhausted:
            job.end(
                .failure(
                    PostgresError(
                        .poolExhausted,
                        "as many callers as allowed wait for a database connection: slow down or raise waitersMax"
                    )
                )
            )
        case .closed:
            job.end(.failure(Self.closed))
        }
    }

    /// Runs a job on a connection that the caller has leased.
    func submit(_ job: PostgresJob, on connection: ConnectionID) {
        loop.execute { [self] in table.run(job, on: connection, isPinned: true) }
    }

    private func serve(_ job: PostgresJob, on connection: ConnectionID) {
        if case .lease = job.work {
            deliver(connection, to: job)
        } else {
            loop.execute { [self] in table.run(job, on: connection, isPinned: false) }
        }
    }

    private func deliver(_ connection: ConnectionID, to job: PostgresJob) {
        job.end(.success(.leased(connection)))
    }

    /// Withdraws a job: from the queue, or by asking the server to stop it.
    func cancel(_ job: PostgresJob) {
        let wasWaiting = state.withLock { state in
            guard state.machine.cancel(job.id) else { return false }
            state.waiting[job.id] = nil
            return true
        }
        if wasWaiting {
            job.end(.failure(CancellationError()))
        } else {
            loop.execute { [self] in table.cancel(job) }
        }
    }

    /// Gives a leased connection back; an open transaction is rolled back.
    func release(_ connection: ConnectionID) {
        loop.execute { [self] in table.release(connection) }
    }

    /// Fails who waits, closes what is idle, and waits until leased connections have come back and are closed.
    func close() async {
        let (waiters, unused) = state.withLock { state in
            let (waiters, unused) = state.machine.close()
            let jobs = waiters.compactMap { state.waiting.removeValue(forKey: $0) }
            return (jobs, unused)
        }
        for job in waiters { job.end(.failure(Self.closed)) }
        await withCheckedContinuation { continuation in
            loop.execute { [self] in
                for connection in unused { table.close(connection) }
                table.whenEmpty { continuation.resume() }
            }
        }
    }

    // MARK: The loop

    /// A connection is free: the next caller gets it.
    ///
    /// On the loop.
    func connectionIsFree(_ connection: ConnectionID) {
        let now = ContinuousClock.now
        let (next, job) = state.withLock { state in
            let next = state.machine.free(connection, now: now)
            guard case .serve(let waiter) = next else { return (next, PostgresJob?.none) }
            return (next, state.waiting.removeValue(forKey: waiter))
        }
        switch next {
        case .serve:
            guard let job else { preconditionFailure("a waiter of the pool has no job") }
            if case .lease = job.work {
                deliver(connection, to: job)
            } else {
                table.run(job, on: connection, isPinned: false)
            }
        case .idle:
            break
        case .close:
            table.close(connection)
        }
    }

    /// A connection was made.
    ///
    /// On the loop.
    func connectionIsOpen(_ connection: ConnectionID) {
        breaker?.recover()
        connectionIsFree(connection)
    }

    /// A connection is gone.
    ///
    /// On the loop.
    func connectionIsBroken(_ connection: ConnectionID, _ error: PostgresError) {
        let now = ContinuousClock.now
        let (opening, isClosed) = state.withLock { state in
            (state.machine.broken(connection, now: now), state.machine.isClosed)
        }
        if !isClosed {
            logger.warning("database connection lost", [.error: .error(error)])
        }
        for connection in opening { table.open(connection) }
    }

    /// An attempt to connect failed.
    ///
    /// On the loop.
    func connectionFailed(_ connection: ConnectionID, _ error: PostgresError) {
        let now = ContinuousClock.now
        let isFirst = state.withLock { state in
            let isFirst = !state.machine.isFailing
            state.machine.connectFailed(connection, now: now, random: .random(in: 0..<1))
            return isFirst
        }
        breaker?.fail(error)
        if isFirst { logger.error("cannot connect to the database", [.error: .error(error)]) }
    }

    /// Time has passed.
    ///
    /// On the loop.
    func tick() {
        let now = ContinuousClock.now
        let (due, expired) = state.withLock { state in
            let due = state.machine.tick(now: now)
            return (due, due.expired.compactMap { state.waiting.removeValue(forKey: $0) })
        }
        for job in expired {
            job.end(
                .failure(
                    PostgresError(
                        .poolTimeout,
                        "no database connection became free in time: the database is away, slow, or the pool too small"
                    )
                )
            )
        }
        for connection in due.opening { table.open(connection) }
        for connection in due.checking { table.check(connection) }
        table.checkDeadlines(now: now)
    }

    private static let closed = PostgresError(.closed, "the database client is closed")
}

/// The numbers of a pool at one moment.
package struct PostgresPoolStatistics: Sendable, Equatable {
    /// Connections in any state.
    package let connections: Int
    /// Connections that nobody uses.
    package let idle: Int
    /// Callers that wait.
    package let waiters: Int
    /// Whether the last attempt to connect failed.
    package let isFailing: Bool
}
