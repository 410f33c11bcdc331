import JSON
import Memory
package import Postgres
package import Store

/// The sessions that remember: what an operation does is in the database before it is answered, exactly once, whoever
/// else works on the same session.
///
/// Operations of many sessions that are ready at the same moment share one transaction, and those of one session one
/// version of it.
package final class MemorySessions: Sendable {
    /// What to keep of an operation's answer for a client that may ask again.
    package typealias Record = @Sendable (MemoryAnswer) -> IdempotencyRecord

    private let database: PostgresClient
    let atHand: SessionsAtHand
    private let changes: GroupCommit<MemoryRequest, MemoryOutcome>
    private let creations: GroupCommit<MemoryBeginning, MemorySnapshot?>
    private let lookups: GroupCommit<MemorySessionKey, MemorySnapshot?>

    /// Makes a store; nothing is done before ``run()``.
    /// - Parameters:
    ///   - database: The pool.
    ///   - configuration: The limits.
    ///   - metrics: Counts what is done.
    package init(
        database: PostgresClient,
        configuration: MemoryStoreConfiguration = .init(),
        metrics: MemoryMetrics? = nil
    ) {
        self.database = database
        let atHand = SessionsAtHand(bytesMax: configuration.sessionBytesMax)
        self.atHand = atHand
        let changer = MemoryChanger(database: database, configuration: configuration, atHand: atHand, metrics: metrics)
        changes = GroupCommit(
            configuration: Self.commits(configuration),
            key: { "\($0.key.tenantID)/\($0.key.sessionID)" },
            execute: changer.change
        )
        creations = GroupCommit(configuration: Self.commits(configuration)) { sessions in
            await MemoryBeginnings.create(sessions, in: database, atHand)
        }
        lookups = GroupCommit(configuration: Self.commits(configuration)) { keys in
            await Self.look(up: keys, in: database, atHand)
        }
    }

    private static func commits<Request, Response>(
        _ configuration: MemoryStoreConfiguration
    ) -> GroupCommit<Request, Response>.Configuration {
        .init(
            concurrency: configuration.concurrency,
            batchMax: configuration.batchMax,
            queueMax: configuration.queueMax
        )
    }

    /// Carries out what is submitted until the store is closed, then what still waits.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.changes.run() }
            group.addTask { await self.creations.run() }
            group.addTask { await self.lookups.run() }
        }
    }

    /// Takes no more requests; ``run()`` returns after the last one.
    package func close() {
        changes.close()
        creations.close()
        lookups.close()
    }

    /// Begins a session.
    /// - Parameters:
    ///   - session: What it is to be.
    ///   - record: What to keep of the answer, in the same transaction.
    /// - Returns: The session, or nil when one of this name is there already.
    /// - Throws: `PostgresError`, also when the idempotency key of the record has been used.
    package func create(_ session: NewMemorySession, record: BeginningRecord? = nil) async throws -> MemorySnapshot? {
        try await creations.submit(MemoryBeginning(session: session, record: record))
    }

    /// Does something with a session.
    /// - Parameters:
    ///   - operation: What to do.
    ///   - key: The session.
    ///   - record: What to keep of the answer, in the same transaction.
    /// - Returns: What came of it; what is done is durable.
    /// - Throws: `PostgresError`, also when the idempotency key of the record has been used.
    package func perform(
        _ operation: MemoryOperation,
        on key: MemorySessionKey,
        record: Record? = nil
    ) async throws -> MemoryOutcome {
        try await changes.submit(MemoryRequest(key: key, operation: operation, record: record))
    }

    /// A session as it is now; it counts as used.
    /// - Returns: nil when it is not there or has expired.
    /// - Throws: `PostgresError`.
    package func snapshot(of key: MemorySessionKey) async throws -> MemorySnapshot? {
        try await lookups.submit(key)
    }

    /// A session as this process last knew it.
    func atHand(_ key: MemorySessionKey) -> MemorySessionState? { atHand[key] }

    /// Ends a session; what a conversation has in it by itself is learned with it.
    /// - Returns: Whether there was one that had not expired.
    /// - Throws: `PostgresError`.
    package func delete(_ key: MemorySessionKey) async throws -> Bool {
        defer { atHand.remove(key) }
        if let row = try await row(MemorySQL.delete, key) { return try row.bool("alive") }
        return try await MemoryEnding.end(key, in: database) == .deleted
    }

    /// Ends a session if it has expired and nobody has swept it up yet, so that another of its name can begin.
    /// - Throws: `PostgresError`.
    package func endIfExpired(_ key: MemorySessionKey) async throws {
        guard try await isAlive(key) == false else { return }
        _ = try await delete(key)
    }

    /// Whether a session is there; it does not count as used.
    /// - Returns: Whether it lives; nil when it is not there, or not any more.
    /// - Throws: `PostgresError`.
    package func isAlive(_ key: MemorySessionKey) async throws -> Bool? {
        try await row(MemorySQL.exists, key)?.bool("alive")
    }

    /// How many sessions a tenant has.
    /// - Throws: `PostgresError`.
    package func count(tenantID: String) async throws -> Int {
        let results = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [(MemorySQL.count, [.text(tenantID)])]
        )
        return try results[0].rows.first?.int("sessions") ?? 0
    }

    private func row(_ statement: PostgresStatement, _ key: MemorySessionKey) async throws -> PostgresRow? {
        let results = try await database.batch(
            settings: TenantScope.settings([key.tenantID]),
            [(statement, [.text(key.tenantID), .text(key.sessionID)])]
        )
        return results[0].rows.first
    }

    private static func look(
        up keys: [MemorySessionKey],
        in database: PostgresClient,
        _ atHand: SessionsAtHand
    ) async -> [Result<MemorySnapshot?, any Error>] {
        do {
            let snapshots = try await MemoryLoading.load(
                keys.map { .init(key: $0, known: atHand[$0]) },
                touches: true,
                from: database
            )
            for snapshot in snapshots {
                if let snapshot { atHand.keep(snapshot.state) }
            }
            return snapshots.map { .success($0) }
        } catch {
            return keys.map { _ in .failure(error) }
        }
    }
}
