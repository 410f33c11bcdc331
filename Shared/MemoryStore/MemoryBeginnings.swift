import Domain
import JSON
import Memory
import Postgres
package import Store

/// What to keep of the answer to a client that begins a session and may ask again.
///
/// The moments of the beginning and the end are known only in the database, which puts them between the parts.
package struct BeginningRecord: Sendable {
    let record: IdempotencyRecord
    let between: [UInt8]
    let behind: [UInt8]

    /// Describes an answer.
    /// - Parameters:
    ///   - record: The request and its answer, of which the body ends where the moment of the beginning stands.
    ///   - between: What stands between the two moments.
    ///   - behind: What stands behind the moment of the end.
    package init(_ record: IdempotencyRecord, between: [UInt8], behind: [UInt8]) {
        self.record = record
        self.between = between
        self.behind = behind
    }
}

/// A session that is to begin, on its way into a transaction.
struct MemoryBeginning: Sendable {
    let session: NewMemorySession
    let record: BeginningRecord?
}

/// Begins sessions, many in one transaction.
enum MemoryBeginnings {
    /// Begins sessions; one result for each, nil for a name that is taken.
    static func create(
        _ beginnings: [MemoryBeginning],
        in database: PostgresClient,
        _ atHand: SessionsAtHand
    ) async -> [Result<MemorySnapshot?, any Error>] {
        let sessions = beginnings.map(\.session)
        do {
            let results = try await database.batch(
                settings: TenantScope.settings(sessions.map(\.key.tenantID)),
                statements(beginnings)
            )
            var answers = [Result<MemorySnapshot?, any Error>](repeating: .success(nil), count: sessions.count)
            for row in results[0].rows {
                let index = try row.int("n") - 1
                let version = try row.int64("version")
                let state = MemorySessionState(sessions[index], version: version, time: 0, lastSeq: 0)
                atHand.keep(state)
                answers[index] = .success(
                    MemorySnapshot(
                        state: state,
                        createdAt: try row.microseconds("created_at"),
                        expiresAt: try row.microseconds("expires_at"),
                        remainingSeconds: Int64(sessions[index].ttlSeconds),
                        percept: nil
                    )
                )
            }
            return answers
        } catch {
            return sessions.map { _ in .failure(error) }
        }
    }

    private static func statements(
        _ beginnings: [MemoryBeginning]
    ) -> [(PostgresStatement, [PostgresParameter])] {
        let sessions = beginnings.map(\.session)
        let signatures = beginnings.map { _ in Identifier.make() }
        var statements: [(PostgresStatement, [PostgresParameter])] = [
            (
                MemorySQL.create,
                [
                    .textArray(sessions.map(\.key.tenantID)), .textArray(sessions.map(\.key.sessionID)),
                    .textArray(sessions.map(\.nodeID)),
                    .textArray(sessions.map { JSONValue.object($0.settings.json).string }),
                    .textArray(sessions.map { JSONValue.object($0.metadata).string }),
                    .intArray(sessions.map { Int64($0.ttlSeconds) }), .textArray(signatures),
                ]
            )
        ]
        for (beginning, signature) in zip(beginnings, signatures) {
            guard let record = beginning.record else { continue }
            let key = beginning.session.key
            statements.append(
                record.record.statement(
                    beginning: (tenantID: key.tenantID, sessionID: key.sessionID),
                    writtenBy: signature,
                    parts: (between: record.between, behind: record.behind)
                )
            )
        }
        return statements
    }
}
