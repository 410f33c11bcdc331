import Postgres

/// The statements behind ``MessageStore``.
enum AcceptSQL {
    /// Locks the sessions that exist already, in one order, so that the statement after it sees every turn of theirs.
    static let lockSessions: PostgresStatement = """
        SELECT count(*) FROM (
            SELECT s.tenant_id FROM sessions s
            JOIN (
                SELECT DISTINCT tenant_id, session_id FROM unnest($1::text[], $2::text[]) AS i(tenant_id, session_id)
            ) i USING (tenant_id, session_id)
            ORDER BY s.tenant_id, s.session_id
            FOR UPDATE OF s
        ) locked
        """

    /// Takes messages that cannot have come before.
    static let accept = statement(where: "")

    /// Takes messages that may have come before: one whose turn is there already gives no row.
    ///
    /// The count in a sub-select, rather than NOT EXISTS, keeps the planner from turning the look-up by key into a join
    /// over the whole table.
    static let acceptOnce = statement(
        where: """
            WHERE (SELECT count(*) FROM turns t
                WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.event_id AND t.session_id = i.session_id) = 0
            """
    )

    /// Settings of the transaction that accepts.
    ///
    /// The planner knows nothing of how many messages come and takes them for one: it would join them with their
    /// sessions in a nested loop, each with each, which for 64 takes longer than the inserts.
    static let settings = [("enable_nestloop", "off")]

    /// Numbers the messages of each session and writes event, turn and outbox row of each.
    ///
    /// A message that its session has no room for gives a row without `seq`.
    private static func statement(where condition: String) -> PostgresStatement {
        .init(
            """
            WITH fresh AS (
                SELECT i.*, row_number() OVER (PARTITION BY tenant_id, session_id ORDER BY n) AS k,
                    count(*) OVER (PARTITION BY tenant_id, session_id) AS added
                FROM unnest(
                    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                    $9::text[]
                ) WITH ORDINALITY AS i(
                    tenant_id, session_id, event_id, persona_id, message, attachments, metadata, payload, traceparent, n
                )
                \(condition)
            ), bumped AS (
                INSERT INTO sessions AS s (tenant_id, session_id, persona_id, last_seq, last_turn_seq, open_turns)
                SELECT tenant_id, session_id, persona_id, added, added, added FROM fresh WHERE k = 1 AND added <= $11
                ORDER BY tenant_id, session_id
                ON CONFLICT (tenant_id, session_id) DO UPDATE
                    SET last_seq = s.last_seq + excluded.last_seq, prior_turn_seq = s.last_turn_seq,
                        last_turn_seq = s.last_seq + excluded.last_seq, open_turns = s.open_turns + excluded.open_turns,
                        updated_at = now()
                    WHERE s.open_turns + excluded.open_turns <= $11
                RETURNING s.tenant_id, s.session_id, s.last_seq, s.prior_turn_seq
            ), numbered AS (
                SELECT f.*, b.last_seq - f.added + f.k AS seq,
                    CASE WHEN f.k = 1 THEN b.prior_turn_seq ELSE b.last_seq - f.added + f.k - 1 END AS prior_seq
                FROM fresh f JOIN bumped b USING (tenant_id, session_id)
            ), events AS (
                INSERT INTO session_events (
                    tenant_id, session_id, seq, turn_seq, event_id, role, type, persona_id, message, attachments,
                    metadata
                )
                SELECT tenant_id, session_id, seq, seq, event_id, 'user', 'message', persona_id, message,
                    attachments::json, metadata::json
                FROM numbered
            ), new_turns AS (
                INSERT INTO turns (tenant_id, session_id, turn_id, seq, prior_seq, persona_id, traceparent)
                SELECT tenant_id, session_id, event_id, seq, prior_seq, persona_id, traceparent FROM numbered
            ), queued AS (
                INSERT INTO outbox (tenant_id, topic, event_id, session_id, payload, traceparent, goes_when, publish_at)
                SELECT tenant_id, 'conversation.inbound', event_id, session_id, payload, traceparent, 'processed',
                    now() + $10::bigint * interval '1 millisecond'
                FROM numbered
            )
            SELECT f.n, f.added, numbered.seq FROM fresh f LEFT JOIN numbered USING (tenant_id, session_id, event_id)
            """
        )
    }
}
