package import Postgres
import Synchronization

/// Bounds how many unfinished turns a tenant has.
///
/// Counting in every transaction that accepts would make all messages of a tenant wait for one row. Instead each
/// gateway asks the database for the number of a tenant that is in use once a second, adds what it accepts itself, and
/// refuses only on a count that is fresh. One gateway keeps the limit exactly; of several, each can accept up to the
/// room that it last saw, so that together they go over the limit by what the others accepted within the last second,
/// and never beyond the limit times their number.
package final class OpenTurnLimiter: Sendable {
    private struct Entry {
        var turns: OpenTurnsStateMachine?
        var countedAt = ContinuousClock.now
        var isCounting = false
        var isUsed = true
        var waiters: [CheckedContinuation<Void, Never>] = []

        /// Whether whoever waits should look again.
        var isNews: Bool { !isCounting && !(turns?.isBusy ?? false) }

        mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
            defer { waiters = [] }
            return waiters
        }
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var isClosed = false
    }

    private enum Step {
        case decided(Bool)
        case count
        case wait
    }

    /// How often tenants in use are counted.
    private static let interval = Duration.seconds(1)
    /// Where there is much to count, the time between two counts is so many times that of one, up to the maximum: a
    /// limit of millions must not keep the database busy with counting.
    private static let pausesPerCount = 50
    private static let intervalMax = Duration.seconds(10)
    /// The oldest count on which a message is refused.
    private static let refusalAge = Duration.milliseconds(100)

    /// $2 is the limit: there is no need to know how far beyond it a tenant is.
    private static let count: PostgresStatement = """
        SELECT i.tenant_id, open.count
        FROM unnest($1::text[]) AS i(tenant_id)
        CROSS JOIN LATERAL (
            SELECT count(*) FROM (
                SELECT 1 FROM turns t WHERE t.tenant_id = i.tenant_id AND t.finished_at IS NULL LIMIT $2
            ) unfinished
        ) open
        """

    private let database: PostgresClient
    private let max: Int
    private let state = Mutex(State())

    /// Makes a limiter.
    package init(database: PostgresClient, configuration: StoreConfiguration) {
        self.database = database
        max = configuration.openTurnsPerTenantMax
    }

    /// Takes room for one turn of a tenant; call ``end(_:)`` or ``release(_:)`` after it.
    /// - Returns: Whether there was any.
    /// - Throws: `PostgresError`, where the database has to be asked and does not answer.
    package func reserve(_ tenantID: String) async throws -> Bool {
        while true {
            switch state.withLock({ Self.step(&$0.entries[tenantID, default: Entry()], max: max) }) {
            case .decided(let isFree): return isFree
            case .count: try await count([tenantID])
            case .wait: await wait(tenantID)
            }
        }
    }

    /// The commit for which room was taken has ended, well or not.
    package func end(_ tenantID: String) {
        change(tenantID) { $0.end() }
    }

    /// Nothing was written for the room that was taken.
    package func release(_ tenantID: String) {
        change(tenantID) { $0.release() }
    }

    /// Counts the tenants that are in use, and forgets the others, until it is closed.
    package func run() async {
        var next = ContinuousClock.now + Self.interval
        while !state.withLock({ $0.isClosed }) {
            do {
                try await Task.sleep(for: Self.interval)
                if .now < next { continue }
                let started = ContinuousClock.now
                try await count(takeUsed())
                next = .now + min(started.duration(to: .now) * Self.pausesPerCount, Self.intervalMax)
            } catch is CancellationError {
                return
            } catch {
                // The counts get older; whoever is over the limit asks again and sees the error.
            }
        }
    }

    /// Ends ``run()``, within a second.
    package func close() {
        state.withLock { $0.isClosed = true }
    }

    private static func step(_ entry: inout Entry, max: Int) -> Step {
        entry.isUsed = true
        if entry.turns?.reserve(max: max) ?? false { return .decided(true) }
        if !entry.isCounting, let turns = entry.turns, turns.isCertain, entry.countedAt.duration(to: .now) < refusalAge
        {
            return .decided(false)
        }
        // While there is no room nobody gets any, so that commits that still run come to their end.
        if !entry.isNews { return .wait }
        beginCount(&entry)
        return .count
    }

    private static func beginCount(_ entry: inout Entry) {
        entry.isCounting = true
        entry.turns?.beginCount()
        entry.countedAt = .now
    }

    /// The tenants to count now; those that nobody has asked for since the last time are forgotten.
    private func takeUsed() -> [String] {
        state.withLock { state in
            var used: [String] = []
            for (tenantID, entry) in state.entries where !entry.isCounting {
                if entry.isUsed || entry.turns?.isBusy ?? false {
                    var entry = entry
                    entry.isUsed = false
                    Self.beginCount(&entry)
                    state.entries[tenantID] = entry
                    used.append(tenantID)
                } else {
                    state.entries[tenantID] = nil
                }
            }
            return used
        }
    }

    private func change(_ tenantID: String, _ body: (inout OpenTurnsStateMachine) -> Void) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard var entry = state.entries[tenantID], var turns = entry.turns else { return [] }
            body(&turns)
            entry.turns = turns
            let waiters = entry.isNews ? entry.takeWaiters() : []
            state.entries[tenantID] = entry
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func wait(_ tenantID: String) async {
        await withCheckedContinuation { continuation in
            let waits = state.withLock { state in
                guard let entry = state.entries[tenantID], !entry.isNews else { return false }
                state.entries[tenantID]?.waiters.append(continuation)
                return true
            }
            if !waits { continuation.resume() }
        }
    }

    private func count(_ tenants: [String]) async throws {
        if tenants.isEmpty { return }
        var counts: [String: Int] = [:]
        defer { finish(tenants, counts) }
        let results = try await database.batch(
            settings: TenantScope.settings(tenants),
            [(Self.count, [.textArray(tenants), .int(max)])]
        )
        for row in results[0].rows {
            counts[try row.string("tenant_id")] = try row.int("count")
        }
    }

    /// Takes counts over; a tenant without one keeps what it had.
    private func finish(_ tenants: [String], _ counts: [String: Int]) {
        let waiters = state.withLock { state in
            var waiters: [CheckedContinuation<Void, Never>] = []
            for tenantID in tenants {
                guard var entry = state.entries[tenantID] else { continue }
                if let count = counts[tenantID] {
                    if entry.turns == nil { entry.turns = OpenTurnsStateMachine(counted: 0) }
                    entry.turns?.endCount(count)
                }
                entry.isCounting = false
                waiters += entry.takeWaiters()
                state.entries[tenantID] = entry
            }
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
