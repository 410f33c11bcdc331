import Postgres

/// The statements behind ``DeadLetterStore``.
enum DeadLetterSQL {
    /// $1 tenant, $2 topic, $3 partition, $4 offset, $5 key, $6 reason, $7 payload, $8 headers, $9 attempts.
    static let insert: PostgresStatement = """
        INSERT INTO dead_letters AS d (tenant_id, topic, partition_number, record_offset, record_key, reason, payload,
            payload_hash, headers, attempts)
        VALUES ($1, $2, $3, $4, $5, $6, $7, sha256($7), $8, $9)
        ON CONFLICT (topic, partition_number, record_offset, payload_hash)
            DO UPDATE SET attempts = d.attempts + EXCLUDED.attempts, last_at = now()
        """

    private static let columns = """
        dead_letter_id, tenant_id, topic, partition_number, record_offset, record_key, reason, attempts,
        length(payload) AS bytes, first_at, last_at, redrives, redriven_at
        """

    /// What a filter lets through: $1 tenant, $2 topic or null, $3 reason's code or null.
    private static let filter = """
        tenant_id = $1 AND ($2::text IS NULL OR topic = $2) AND ($3::text IS NULL OR split_part(reason, ':', 1) = $3)
        """

    /// The newest first; $4 below this id, $5 limit.
    static let page: PostgresStatement = .init(
        """
        SELECT \(columns) FROM dead_letters WHERE \(filter) AND dead_letter_id < $4
        ORDER BY dead_letter_id DESC LIMIT $5
        """
    )

    /// The ids of those to send again, in the order in which they came; $4 above this id, $5 whether those that were
    /// sent before too, $6 limit.
    static let waiting: PostgresStatement = .init(
        """
        SELECT dead_letter_id FROM dead_letters
        WHERE \(filter) AND dead_letter_id > $4 AND ($5::boolean OR redriven_at IS NULL)
        ORDER BY dead_letter_id LIMIT $6
        """
    )

    /// $1 tenant, $2 id.
    static let one: PostgresStatement = .init(
        "SELECT \(columns), headers, payload FROM dead_letters WHERE tenant_id = $1 AND dead_letter_id = $2"
    )

    /// $1 tenant, $2 id.
    static let redriven: PostgresStatement = """
        UPDATE dead_letters SET redrives = redrives + 1, redriven_at = now()
        WHERE tenant_id = $1 AND dead_letter_id = $2
        """

    /// $1 tenant, $2 id.
    static let remove: PostgresStatement = "DELETE FROM dead_letters WHERE tenant_id = $1 AND dead_letter_id = $2"

    /// $4 least age in milliseconds, $5 limit.
    static let purge: PostgresStatement = .init(
        """
        DELETE FROM dead_letters WHERE tenant_id = $1 AND dead_letter_id IN (
            SELECT dead_letter_id FROM dead_letters
            WHERE \(filter) AND last_at <= now() - $4::bigint * interval '1 millisecond'
            ORDER BY dead_letter_id LIMIT $5)
        """
    )
}
