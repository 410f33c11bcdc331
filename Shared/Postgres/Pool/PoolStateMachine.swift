import Resilience

/// Decides which connection serves which caller, when to open, check and drop connections.
///
/// No I/O, no clock: the caller gives the time and carries out the answers.
///
/// A connection is `connecting` → `idle` ⇄ `leased`, `idle` ⇄ `checking`; from each it may go away (broken, closed).
/// After a failed attempt to connect, the pool waits (`backoff`), then tries with one connection; when that one stands,
/// as many as there are waiters are opened again.
struct PoolStateMachine: Sendable {
    typealias ConnectionID = UInt64
    typealias WaiterID = UInt64
    typealias Instant = ContinuousClock.Instant

    /// The limits that the pool keeps.
    struct Limits: Sendable {
        var size = 16
        var connectionsMin = 1
        var waitersMax = 1024
        var acquireTimeout: Duration = .seconds(5)
        var healthCheckInterval: Duration = .seconds(30)
        var reconnect = RetryPolicy.endless(from: .milliseconds(50), to: .seconds(2))
    }

    /// The answer to a caller that wants a connection.
    enum Lease: Equatable {
        /// The connection is the caller's until `release`.
        case leased(ConnectionID)
        /// The caller waits; open these connections now (none or one).
        case queued(opening: ConnectionID?)
        /// `waitersMax` callers wait already.
        case exhausted
        /// The pool is closed.
        case closed
    }

    /// What happens to a connection that became free.
    enum Next: Equatable {
        /// The connection is leased to this waiter now.
        case serve(WaiterID)
        /// Nobody waits: it stays idle.
        case idle
        /// The pool is closed or does not know the connection: close it.
        case close
    }

    /// What is due at a moment.
    struct Due: Equatable {
        /// Waiters whose time is over.
        var expired: [WaiterID] = []
        /// Connections to open.
        var opening: [ConnectionID] = []
        /// Idle connections to try.
        var checking: [ConnectionID] = []
    }

    private enum ConnectionState: Equatable {
        case connecting
        case idle(since: Instant)
        case leased
        case checking
    }

    private struct Waiter {
        let id: WaiterID
        let deadline: Instant
    }

    private let limits: Limits
    private var connections: [ConnectionID: ConnectionState] = [:]
    /// Idle connections, the most recently used last: it is the warm one and goes first.
    private var idle: [ConnectionID] = []
    /// In order of arrival; cancelled waiters stay until they reach the head and are skipped there.
    private var queue: [Waiter] = []
    private var queueHead = 0
    private var waiting: Set<WaiterID> = []
    private var connectingCount = 0
    private var failedAttempts = 0
    private var backoffUntil: Instant?
    private(set) var isClosed = false
    private var lastID: ConnectionID = 0

    init(limits: Limits) {
        self.limits = limits
    }

    /// Connections in any state.
    var connectionCount: Int { connections.count }
    /// Connections that nobody uses.
    var idleCount: Int { idle.count }
    /// Callers that wait.
    var waiterCount: Int { waiting.count }
    /// Whether the last attempt to connect failed and none has succeeded since.
    var isFailing: Bool { failedAttempts > 0 }

    /// A caller wants a connection.
    mutating func lease(_ waiter: WaiterID, now: Instant) -> Lease {
        guard !isClosed else { return .closed }
        if waiting.isEmpty, let connection = idle.popLast() {
            connections[connection] = .leased
            return .leased(connection)
        }
        guard waiting.count < limits.waitersMax else { return .exhausted }
        waiting.insert(waiter)
        queue.append(Waiter(id: waiter, deadline: now + limits.acquireTimeout))
        return .queued(opening: openOne(now: now))
    }

    /// A waiter went away.
    /// - Returns: Whether it still waited; false when it has got a connection or an error meanwhile.
    mutating func cancel(_ waiter: WaiterID) -> Bool {
        waiting.remove(waiter) != nil
    }

    /// A caller gives its connection back in good order, or an attempt to connect or a check succeeded.
    mutating func free(_ connection: ConnectionID, now: Instant) -> Next {
        guard let state = connections[connection] else { return .close }
        if state == .connecting {
            connectingCount -= 1
            failedAttempts = 0
            backoffUntil = nil
        }
        guard !isClosed else {
            connections[connection] = nil
            return .close
        }
        if let waiter = popWaiter() {
            connections[connection] = .leased
            return .serve(waiter)
        }
        connections[connection] = .idle(since: now)
        idle.append(connection)
        return .idle
    }

    /// A connection that had been made is gone or not to be trusted.
    /// - Returns: Connections to open in its place.
    mutating func broken(_ connection: ConnectionID, now: Instant) -> [ConnectionID] {
        guard let state = connections.removeValue(forKey: connection) else { return [] }
        if state == .connecting { connectingCount -= 1 }
        if case .idle = state { idle.removeAll { $0 == connection } }
        return openNeeded(now: now)
    }

    /// An attempt to connect failed.
    ///
    /// The next one is made after a pause.
    /// - Parameters:
    ///   - connection: Which.
    ///   - now: The time.
    ///   - random: A random number in 0..<1, which the pause is drawn with.
    mutating func connectFailed(_ connection: ConnectionID, now: Instant, random: Double) {
        guard connections.removeValue(forKey: connection) == .connecting else { return }
        connectingCount -= 1
        backoffUntil = now + limits.reconnect.pause(retry: failedAttempts, random: random)
        failedAttempts += 1
    }

    /// Time has passed.
    mutating func tick(now: Instant) -> Due {
        var due = Due()
        guard !isClosed else { return due }
        while queueHead < queue.count {
            let head = queue[queueHead]
            if waiting.contains(head.id) {
                guard head.deadline <= now else { break }
                waiting.remove(head.id)
                due.expired.append(head.id)
            }
            advanceQueue()
        }
        for connection in idle {
            guard case .idle(let since) = connections[connection], since + limits.healthCheckInterval <= now
            else { continue }
            connections[connection] = .checking
            due.checking.append(connection)
        }
        if !due.checking.isEmpty { idle.removeAll { connections[$0] == .checking } }
        due.opening = openNeeded(now: now)
        return due
    }

    /// The pool is no longer used.
    /// - Returns: Everybody who waits, and the connections to close now; leased ones are closed when they come back.
    mutating func close() -> (waiters: [WaiterID], connections: [ConnectionID]) {
        isClosed = true
        let waiters = queue[queueHead...].map(\.id).filter { waiting.contains($0) }
        waiting.removeAll()
        queue.removeAll()
        queueHead = 0
        let unused = connections.filter { $0.value != .leased }.map(\.key)
        for connection in unused { connections[connection] = nil }
        idle.removeAll()
        connectingCount = 0
        return (waiters, unused)
    }

    private mutating func openNeeded(now: Instant) -> [ConnectionID] {
        var opening: [ConnectionID] = []
        while let connection = openOne(now: now) { opening.append(connection) }
        return opening
    }

    private mutating func openOne(now: Instant) -> ConnectionID? {
        guard !isClosed, connections.count < limits.size else { return nil }
        guard connectingCount < waiting.count || connections.count < limits.connectionsMin else { return nil }
        if failedAttempts > 0 {
            // One attempt at a time until the server answers: a crowd of attempts would only keep it down.
            guard connectingCount == 0, let until = backoffUntil, until <= now else { return nil }
        }
        lastID += 1
        connections[lastID] = .connecting
        connectingCount += 1
        return lastID
    }

    private mutating func popWaiter() -> WaiterID? {
        while queueHead < queue.count {
            let waiter = queue[queueHead].id
            advanceQueue()
            if waiting.remove(waiter) != nil { return waiter }
        }
        return nil
    }

    private mutating func advanceQueue() {
        queueHead += 1
        // The consumed front is cut off when it is the larger half, so that each element moves once on average.
        if queueHead == queue.count || (queueHead >= 64 && queueHead * 2 >= queue.count) {
            queue.removeFirst(queueHead)
            queueHead = 0
        }
    }
}
