import JSON
import Memory
import Postgres
import Store

/// Reads sessions, many at once.
enum MemoryLoading {
    /// A session to read, and what is at hand of it.
    struct Wanted: Sendable {
        let key: MemorySessionKey
        let known: MemorySessionState?
    }

    /// Reads sessions.
    /// - Parameters:
    ///   - sessions: Which.
    ///   - touches: Whether they count as used.
    ///   - includesExpired: Whether they are read although they have expired.
    ///   - database: The pool.
    /// - Returns: What each is; nil for one that is not there or has expired.
    /// - Throws: `PostgresError`.
    static func load(
        _ sessions: [Wanted],
        touches: Bool,
        includesExpired: Bool = false,
        from database: PostgresClient
    ) async throws -> [MemorySnapshot?] {
        let tenants = PostgresParameter.textArray(sessions.map(\.key.tenantID))
        let ids = PostgresParameter.textArray(sessions.map(\.key.sessionID))
        let versions = PostgresParameter.intArray(sessions.map { $0.known?.version ?? -1 })
        var statements: [(PostgresStatement, [PostgresParameter])] = []
        if touches { statements.append((MemorySQL.touch, [tenants, ids])) }
        statements.append((MemorySQL.load, [tenants, ids, versions, .bool(includesExpired)]))
        // A move of an end that a crash of the server undoes is no loss: the next use moves it again.
        let results = try await database.batch(
            settings: TenantScope.settings(sessions.map(\.key.tenantID)) + [("synchronous_commit", "off")],
            statements
        )
        var snapshots = [MemorySnapshot?](repeating: nil, count: sessions.count)
        for row in results[results.count - 1].rows {
            let index = try row.int("n") - 1
            snapshots[index] = try snapshot(row, sessions[index])
        }
        return snapshots
    }

    private static func snapshot(_ row: PostgresRow, _ wanted: Wanted) throws -> MemorySnapshot {
        let state: MemorySessionState
        if let known = wanted.known, try row.isNull("observations") {
            state = known
        } else {
            state = try restored(row, wanted.key)
        }
        return MemorySnapshot(
            state: state,
            createdAt: try row.microseconds("created_at"),
            expiresAt: try row.microseconds("expires_at"),
            remainingSeconds: try row.int64("remaining_seconds"),
            percept: try row.jsonOrNil("percept"),
            hasExpired: try row.bool("has_expired")
        )
    }

    private static func restored(_ row: PostgresRow, _ key: MemorySessionKey) throws -> MemorySessionState {
        let stored = try MemoryRows.parse(row.json("config")).objectValue ?? JSONObject()
        var state = MemorySessionState(
            NewMemorySession(
                key: key,
                nodeID: try row.string("node_id"),
                // A setting that an earlier build allowed and this one does not must not close the session.
                settings: (try? SessionConfiguration().merging(stored)) ?? SessionConfiguration(),
                metadata: try MemoryRows.parse(row.json("metadata")).objectValue ?? JSONObject(),
                ttlSeconds: try row.int("ttl_seconds")
            ),
            version: try row.int64("version"),
            time: try row.int("observed"),
            lastSeq: try row.int64("last_seq"),
            turnSeq: try row.int64("turn_seq")
        )
        let eventsFrom = try row.int64("events_from")
        let emotivesFrom = try row.int64("emotives_from")
        let metadataFrom = try row.int64("metadata_from")
        for entry in try MemoryRows.parse(row.json("observations")).arrayValue ?? [] {
            guard let seq = entry[0]?.intValue.map({ Int64($0) }) else { continue }
            state.restore(
                seq: seq,
                event: seq >= eventsFrom ? MemoryRows.symbols(entry[1] ?? .null) : [],
                emotives: seq >= emotivesFrom ? MemoryRows.emotives(entry[2] ?? .null) : [:],
                metadata: seq >= metadataFrom ? entry[3]?.objectValue ?? JSONObject() : JSONObject()
            )
        }
        return state
    }
}
