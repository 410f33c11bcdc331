import Postgres

/// The statements behind ``RetentionStore``.
///
/// $1 tenants, $2 age in milliseconds, $3 limit. Each gives one row with the number that it `found`, which is 0 for
/// whoever did not get the lock.
enum RetentionSQL {
    /// The lock of the transaction, looked at once; its number is a name and nothing more.
    private static let lock = "(SELECT pg_try_advisory_xact_lock(7263548190))"

    /// Removes the journals of turns that have ended; the turns and what was said stay.
    static let journals: PostgresStatement = .init(
        """
        WITH old AS (
            SELECT s.tenant_id, s.turn_id, s.session_id
            FROM turn_steps s JOIN turns t
                ON t.tenant_id = s.tenant_id AND t.turn_id = s.turn_id AND t.session_id = s.session_id
            WHERE \(lock) AND s.step = 1 AND s.tenant_id = ANY ($1::text[])
                AND s.started_at < now() - $2::bigint * interval '1 millisecond'
                AND t.finished_at < now() - $2::bigint * interval '1 millisecond'
            ORDER BY s.started_at LIMIT $3
        ), gone AS (
            DELETE FROM turn_steps s USING old
            WHERE s.tenant_id = old.tenant_id AND s.turn_id = old.turn_id AND s.session_id = old.session_id
        )
        SELECT count(*) AS found FROM old
        """
    )

    /// Removes the runs of tools that have ended.
    static let toolRuns = deletion(
        from: "tool_runs",
        key: "tenant_id, event_id",
        age: "finished_at"
    )

    /// Removes the keys of requests.
    static let idempotencyKeys = deletion(
        from: "idempotency_keys",
        key: "tenant_id, credential_id, idempotency_key",
        age: "created_at"
    )

    /// Removes dead letters.
    static let deadLetters = deletion(
        from: "dead_letters",
        key: "dead_letter_id",
        age: "last_at"
    )

    /// Removes the tokens that were used on days, which are UTC's.
    static let usage = deletion(
        from: "budget_usage",
        key: "tenant_id, persona_id, window_start",
        age: "(window_start + 1)::timestamp AT TIME ZONE 'UTC'"
    )

    /// Removes rows; `age` is since when one is over, as SQL.
    private static func deletion(from table: String, key: String, age: String) -> PostgresStatement {
        .init(
            """
            WITH old AS (
                SELECT \(key) FROM \(table)
                WHERE \(lock) AND tenant_id = ANY ($1::text[])
                    AND \(age) < now() - $2::bigint * interval '1 millisecond'
                ORDER BY \(age) LIMIT $3
            ), gone AS (
                DELETE FROM \(table) WHERE (\(key)) IN (SELECT \(key) FROM old)
            )
            SELECT count(*) AS found FROM old
            """
        )
    }
}
