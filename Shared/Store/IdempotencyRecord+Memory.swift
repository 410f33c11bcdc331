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
}

extension IdempotencySQL {
    /// Stores the answer of a request whose effect is a change of a memory session, if the change was made.
    static let insertForMemory: PostgresStatement = """
        INSERT INTO idempotency_keys
            (tenant_id, credential_id, idempotency_key, request_hash, status, content_type, body)
        SELECT $1::text, $2::text, $3::text, decode($4, 'hex'), $5::integer, $6::text, $7::bytea
        FROM memory_sessions WHERE tenant_id = $8 AND session_id = $9 AND written_by = $10
        """
}
