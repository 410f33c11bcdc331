import CPostgres
import EventLoop
import Glibc

/// What a connection tells its owner; called on the loop's thread.
protocol LibPQConnectionOwner: AnyObject {
    /// The login succeeded; jobs may be run.
    func connectionDidOpen(_ connection: LibPQConnection)
    /// The login failed; the connection is closed.
    func connectionDidFail(_ connection: LibPQConnection, _ error: PostgresError)
    /// A job ended in good order, and nothing else is queued.
    func connectionDidFinish(_ connection: LibPQConnection)
    /// An established connection was lost or is not to be trusted; it is closed and its jobs have ended.
    func connectionDidBreak(_ connection: LibPQConnection, _ error: PostgresError)
}

/// One connection to the server, confined to its loop's thread.
///
/// It is in libpq's pipeline mode except during scripts.
///
/// States: `connecting` → `ready` → `closed`; `connecting` → `closed`. In `ready` at most one job is current; others
/// queue behind it.
final class LibPQConnection {
    typealias Instant = ContinuousClock.Instant

    enum Phase {
        case connecting
        case ready
        case closed
    }

    let id: PoolStateMachine.ConnectionID
    unowned let owner: any LibPQConnectionOwner
    private let loop: EpollLoop
    private let limits: LibPQLimits
    private(set) var handle: OpaquePointer?
    private var watch: EpollLoop.Registration?
    private(set) var phase: Phase = .connecting
    private var wantsWritable = true
    private var deadline: Instant?
    private(set) var current: PostgresJob?
    private var queue: [PostgresJob] = []
    private var exchange = LibPQExchange()
    private var cache: StatementCache
    /// A cancel request was sent, which might hit a later statement: the connection is not used again.
    private var isTainted = false
    /// Whether a caller keeps the connection beyond its current job; kept here for the owner.
    var isPinned = false

    init(
        id: PoolStateMachine.ConnectionID,
        limits: LibPQLimits,
        loop: EpollLoop,
        owner: any LibPQConnectionOwner
    ) {
        self.id = id
        self.owner = owner
        self.loop = loop
        self.limits = limits
        cache = StatementCache(countMax: limits.preparedStatementsMax)
    }

    deinit {
        PQfinish(handle)
    }

    /// Whether the server says that no transaction is open.
    var isOutsideTransaction: Bool { PQtransactionStatus(handle) == PQTRANS_IDLE }

    // MARK: Connecting

    /// Begins to connect.
    func open(parameters: [(String, String)], now: Instant) {
        deadline = now + limits.connectTimeout
        handle = LibPQParameters.withCStrings(parameters) { keywords, values in
            PQconnectStartParams(keywords, values, 1)
        }
        guard handle != nil, PQstatus(handle) != CONNECTION_BAD else {
            failConnecting("cannot connect to the database: check its address")
            return
        }
        PQsetNoticeReceiver(handle, { _, _ in }, nil)
        watchSocket()
    }

    private func watchSocket() {
        let descriptor = PQsocket(handle)
        guard descriptor >= 0 else {
            failConnecting("cannot connect to the database: no socket")
            return
        }
        do {
            watch = try loop.register(descriptor) { [weak self] readiness in
                self?.socketIsReady(isReadable: readiness.isReadable, isWritable: readiness.isWritable)
            }
        } catch {
            failConnecting("cannot watch the database's socket: the process may be out of file descriptors")
        }
    }

    private func socketIsReady(isReadable: Bool, isWritable: Bool) {
        switch phase {
        case .connecting:
            if wantsWritable ? isWritable : isReadable { pollConnecting() }
        case .ready:
            if isWritable, !flush() { return }
            if isReadable { receive() }
        case .closed:
            break
        }
    }

    private func pollConnecting() {
        // libpq may replace the socket (next address, TLS refused), and the new one may have the old one's number.
        watch?.cancel()
        watch = nil
        switch PQconnectPoll(handle) {
        case PGRES_POLLING_OK:
            didConnect()
        case PGRES_POLLING_READING:
            wantsWritable = false
            watchSocket()
        case PGRES_POLLING_WRITING:
            wantsWritable = true
            watchSocket()
        default:
            failConnecting("the database refused the connection: check address, role, password and its log")
        }
    }

    private func didConnect() {
        guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
            failConnecting("the database connection cannot be used: pipeline mode is refused")
            return
        }
        deadline = nil
        phase = .ready
        watchSocket()
        guard phase == .ready else { return }
        owner.connectionDidOpen(self)
    }

    private func failConnecting(_ message: String) {
        let error = PostgresError(.connection, message, detail: LibPQParameters.errorMessage(handle))
        let wasReady = phase == .ready
        close()
        wasReady ? owner.connectionDidBreak(self, error) : owner.connectionDidFail(self, error)
    }

    /// Closes the socket; does not tell the owner.
    func close() {
        phase = .closed
        watch?.cancel()
        watch = nil
        PQfinish(handle)
        handle = nil
    }

    // MARK: Jobs

    /// Runs a job now, or behind the current one.
    func run(_ job: PostgresJob, now: Instant) {
        guard phase == .ready else {
            job.end(.failure(Self.lost("the database connection is closed", detail: "")))
            return
        }
        guard current == nil else {
            queue.append(job)
            return
        }
        current = job
        deadline = now + limits.statementTimeout + limits.statementGrace
        let isSent: Bool
        switch job.work {
        case .pipeline(let pipeline):
            isSent = exchange.send(pipeline, on: handle, cache: &cache)
        case .script(let sql):
            isSent = exchange.send(script: sql, on: handle)
        case .lease:
            preconditionFailure("a lease is not sent to the server")
        }
        guard isSent else {
            breakDown("the database connection does not take statements")
            return
        }
        _ = flush()
    }

    /// Takes back a queued job, or asks the server to stop the running one.
    /// - Returns: Whether this connection has the job.
    func cancel(_ job: PostgresJob, now: Instant) -> Bool {
        if let index = queue.firstIndex(where: { $0 === job }) {
            queue.remove(at: index)
            job.end(.failure(CancellationError()))
            return true
        }
        guard current === job, phase == .ready else { return false }
        isTainted = true
        deadline = now + limits.cancelGrace
        if let request = LibPQCancelRequest(handle) { request.send() }
        return true
    }

    /// Gives up on a connection whose time is over.
    func checkDeadline(now: Instant) {
        guard let deadline, deadline <= now else { return }
        switch phase {
        case .connecting:
            failConnecting("the database did not answer within the connect timeout")
        case .ready:
            breakDown("the database did not answer within the statement timeout", code: .timeout)
        case .closed:
            break
        }
    }

    /// - Returns: Whether the connection still stands.
    private func flush() -> Bool {
        guard PQflush(handle) >= 0 else {
            // What the server said before it closed the connection tells more than "cannot send".
            receive()
            if phase == .ready { breakDown("the database connection was lost while sending") }
            return false
        }
        return true
    }

    private func receive() {
        // The loop is edge-triggered and libpq reads once per call, so read until the socket has nothing left. With
        // TLS a rest may wait inside the library, where no socket shows it. One more round takes it: libpq makes room
        // for 8 KB before each read, and a record has 16 KB at most.
        var isLastRound = PQsslInUse(handle) == 0
        while true {
            let isAlive = PQconsumeInput(handle) == 1
            takeResults()
            guard phase == .ready else { return }
            guard isAlive, PQstatus(handle) == CONNECTION_OK else {
                breakDown("the database closed the connection: it may be restarting")
                return
            }
            guard !Self.hasInput(PQsocket(handle)) else { continue }
            if isLastRound { return }
            isLastRound = true
        }
    }

    /// Whether a read would not block: bytes wait, or the end of the stream.
    private static func hasInput(_ descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }

    private func takeResults() {
        while let job = current {
            switch exchange.advance(on: handle, cache: &cache) {
            case .needsInput:
                return
            case .broken(let reason):
                breakDown(reason)
                return
            case .finished(let result):
                current = nil
                deadline = nil
                finish(job, result)
                guard phase == .ready else { return }
            }
        }
        // Nothing runs: let libpq parse what came unasked (notices, a parting word).
        if current == nil, handle != nil { _ = PQisBusy(handle) }
    }

    private func finish(_ job: PostgresJob, _ result: Result<[PostgresResult], PostgresError>) {
        guard !isTainted else {
            let isStopped = job.isCancelled && (try? result.get()) == nil
            job.end(isStopped ? .failure(CancellationError()) : result.asOutcome)
            breakDown("the database connection was given up after a cancelled statement")
            return
        }
        if queue.isEmpty {
            owner.connectionDidFinish(self)
        } else {
            run(queue.removeFirst(), now: .now)
        }
        // Last, so that a caller who comes again at once finds this connection free, and its server process warm.
        job.end(result.asOutcome)
    }

    /// Closes a connection that had been made, ends its jobs and tells the owner.
    func breakDown(_ message: String, code: PostgresError.Code = .connection) {
        guard phase == .ready else { return }
        let detail = LibPQParameters.errorMessage(handle)
        let error = exchange.firstError ?? PostgresError(code, message, detail: detail)
        close()
        let jobs = (current.map { [$0] } ?? []) + queue
        current = nil
        queue.removeAll()
        for job in jobs { job.end(.failure(job.isCancelled ? CancellationError() : error)) }
        owner.connectionDidBreak(self, error)
    }

    private static func lost(_ message: String, detail: String) -> PostgresError {
        PostgresError(.connection, message, detail: detail)
    }
}

extension Result where Success == [PostgresResult], Failure == PostgresError {
    fileprivate var asOutcome: Result<PostgresJob.Outcome, any Error> {
        switch self {
        case .success(let results): .success(.results(results))
        case .failure(let error): .failure(error)
        }
    }
}
