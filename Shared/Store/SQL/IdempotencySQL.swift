import Postgres

/// The statements behind ``IdempotencyStore`` and ``IdempotencyRecord``.
enum IdempotencySQL {
    /// Stores the answer of one request under its key; a key that is taken is a violation of the table's key, which
    /// ends the transaction and with it the effect.
    ///
    /// $8 is for how many more milliseconds the request may be at it; NULL for an answer that is final.
    static let insert: PostgresStatement = .init(insertion)

    /// The same, where a key that is taken changes nothing.
    static let insertIfFree: PostgresStatement = .init(insertion + " ON CONFLICT DO NOTHING")

    private static let insertion = """
        INSERT INTO idempotency_keys
            (tenant_id, credential_id, idempotency_key, request_hash, status, content_type, body, open_until)
        VALUES ($1, $2, $3, decode($4, 'hex'), $5, $6, $7, now() + $8::bigint * interval '1 millisecond')
        """

    /// Stores the answers of messages, of those that the statement before has accepted.
    ///
    /// In one order, so that two batches that meet in their keys do not wait for each other.
    static let insertAccepted: PostgresStatement = """
        INSERT INTO idempotency_keys
            (tenant_id, credential_id, idempotency_key, request_hash, status, content_type, body)
        SELECT i.tenant_id, i.credential_id, i.idempotency_key, decode(i.request_hash, 'hex'), i.status,
            i.content_type, convert_to(i.body, 'UTF8')
        FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
                $9::text[])
            AS i(tenant_id, session_id, event_id, credential_id, idempotency_key, request_hash, status, content_type,
                body)
        WHERE i.idempotency_key IS NOT NULL AND (SELECT count(*) FROM turns t
            WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.event_id AND t.session_id = i.session_id) = 1
        ORDER BY i.tenant_id, i.credential_id, i.idempotency_key
        """

    /// Removes a key whose time is over: it is free again.
    static let expire: PostgresStatement = """
        DELETE FROM idempotency_keys
        WHERE tenant_id = $1 AND credential_id = $2 AND idempotency_key = $3
            AND created_at < now() - $4::bigint * interval '1 millisecond'
        """

    /// What is stored under a key.
    static let find: PostgresStatement = """
        SELECT encode(request_hash, 'hex') AS request_hash, status, content_type, body,
            coalesce(open_until > now(), false) AS is_open
        FROM idempotency_keys WHERE tenant_id = $1 AND credential_id = $2 AND idempotency_key = $3
        """

    /// Replaces the answer that is stored under a key by the final one.
    static let settle: PostgresStatement = """
        UPDATE idempotency_keys SET status = $5, content_type = $6, body = $7, open_until = NULL
        WHERE tenant_id = $1 AND credential_id = $2 AND idempotency_key = $3 AND request_hash = decode($4, 'hex')
        """
}
