package import Postgres

extension IdempotencyRecord {
    /// Writes the row if the change of a memory session that it belongs to was made by the write of this name.
    ///
    /// Belongs behind that change, in the same transaction; fails when the key has been used meanwhile.
    package func statement(
        tenantID: String,
        memorySessionID: String,
        writtenBy signature: String
    ) -> (PostgresStatement, [PostgresParameter]) {
        (
            IdempotencySQL.insertForMemory,
            row + [.text(tenantID), .text(memorySessionID), .text(signature)]
        )
    }

    /// Writes the row if the memory session that it belongs to was begun by the write of this name.
    ///
    /// The moments of the beginning and the end are the database's, so it puts them into the answer.
    /// - Parameters:
    ///   - session: The session's tenant and name.
    ///   - signature: The write.
    ///   - parts: What stands between the two moments and behind them; the record's own body stands in front.
    /// - Returns: A statement for the same transaction; it fails when the key has been used meanwhile.
    package func statement(
        beginning session: (tenantID: String, sessionID: String),
        writtenBy signature: String,
        parts: (between: [UInt8], behind: [UInt8])
    ) -> (PostgresStatement, [PostgresParameter]) {
        (
            IdempotencySQL.insertForMemoryBeginning,
            row + [
                .text(session.tenantID), .text(session.sessionID), .text(signature), .bytes(parts.between),
                .bytes(parts.behind),
            ]
        )
    }
}

extension IdempotencySQL {
    /// Stores the answer of a request whose effect is a change of a memory session, if the change was made.
    static let insertForMemory: PostgresStatement = """
        INSERT INTO idempotency_keys
            (tenant_id, credential_id, idempotency_key, request_hash, status, content_type, body)
        SELECT $1::text, $2::text, $3::text, decode($4, 'hex'), $5::integer, $6::text, $7::bytea
        FROM memory_sessions WHERE tenant_id = $8 AND session_id = $9 AND written_by = $10
        """

    /// The same for a memory session that begins; moments are written as everywhere in the API.
    static let insertForMemoryBeginning: PostgresStatement = """
        INSERT INTO idempotency_keys
            (tenant_id, credential_id, idempotency_key, request_hash, status, content_type, body)
        SELECT $1::text, $2::text, $3::text, decode($4, 'hex'), $5::integer, $6::text,
            $7::bytea
                || convert_to(to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8')
                || $11::bytea
                || convert_to(to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'UTF8')
                || $12::bytea
        FROM memory_sessions WHERE tenant_id = $8 AND session_id = $9 AND written_by = $10
        """
}
