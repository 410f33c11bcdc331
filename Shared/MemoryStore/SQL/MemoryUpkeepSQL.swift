import Postgres

/// The statements behind ``MemoryNodes``, ``MemorySweeper`` and ``MemoryNotices``.
enum MemoryUpkeepSQL {
    /// What a node has learned since a number: a row for each, or one without a name when there is nothing new.
    ///
    /// One statement sees one state: the mark of the node and the rows above it belong together.
    static let patterns: PostgresStatement = """
        SELECT m.last_seq, m.cleared_seq, p.name, p.seq, p.frequency, p.events, p.emotives, p.metadata, p.affinity
        FROM memory_nodes m
        LEFT JOIN LATERAL (
            SELECT * FROM memory_patterns p
            WHERE p.tenant_id = m.tenant_id AND p.node_id = m.node_id AND p.seq > $3
            ORDER BY p.seq LIMIT $4
        ) p ON true
        WHERE m.tenant_id = $1 AND m.node_id = $2
        """

    /// The same for vectors.
    static let vectors: PostgresStatement = """
        SELECT m.last_seq, m.cleared_seq, v.name, v.seq, v.elements
        FROM memory_nodes m
        LEFT JOIN LATERAL (
            SELECT * FROM memory_vectors v
            WHERE v.tenant_id = m.tenant_id AND v.node_id = m.node_id AND v.seq > $3
            ORDER BY v.seq LIMIT $4
        ) v ON true
        WHERE m.tenant_id = $1 AND m.node_id = $2
        """

    /// How far some nodes have got.
    static let heads: PostgresStatement = """
        SELECT i.n, m.last_seq, m.cleared_seq
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS i(tenant_id, node_id, n)
        JOIN memory_nodes m USING (tenant_id, node_id)
        """

    /// One pattern.
    static let pattern: PostgresStatement = """
        SELECT name, seq, frequency, events, emotives, metadata, affinity FROM memory_patterns
        WHERE tenant_id = $1 AND node_id = $2 AND name = $3
        """

    /// The tenants, whose sessions are looked through in turn.
    static let tenants: PostgresStatement = "SELECT tenant_id FROM tenants ORDER BY tenant_id"

    /// Ends sessions that have expired, and says when to look again at those that were used meanwhile.
    ///
    /// Those that have something to learn first are named, and left to whoever asked for a while.
    static let sweep: PostgresStatement = """
        WITH due AS (
            SELECT tenant_id, session_id FROM memory_sessions
            WHERE sweep_at <= now() ORDER BY sweep_at LIMIT $1 FOR UPDATE SKIP LOCKED
        ), later AS (
            UPDATE memory_sessions s SET sweep_at = CASE
                WHEN s.expires_at > now() THEN s.expires_at ELSE now() + interval '10 seconds'
            END
            FROM due d
            WHERE s.tenant_id = d.tenant_id AND s.session_id = d.session_id
                AND (s.expires_at > now() OR s.turn_seq > 0)
            RETURNING s.tenant_id, s.session_id, s.expires_at <= now() AS is_over
        ), ended AS (
            DELETE FROM memory_sessions s USING due d
            WHERE s.tenant_id = d.tenant_id AND s.session_id = d.session_id AND s.expires_at <= now()
                AND s.turn_seq = 0
            RETURNING s.tenant_id, s.session_id, s.node_id
        ), forgotten AS (
            DELETE FROM memory_observations o USING ended e
            WHERE o.tenant_id = e.tenant_id AND o.session_id = e.session_id
        ), told AS (
            INSERT INTO memory_notices (tenant_id, event_type, data)
            SELECT e.tenant_id, 'session.destroyed', json_build_object(
                'session_id', e.session_id, 'node_id', e.node_id, 'reason', 'expired'
            )
            FROM ended e
        )
        SELECT (SELECT count(*) FROM due) AS looked_at, (SELECT count(*) FROM ended) AS ended,
            (SELECT json_agg(json_build_array(tenant_id, session_id)) FROM later WHERE is_over) AS learning
        """

    /// Drops notices that everyone who listens has had.
    static let dropNotices: PostgresStatement = """
        DELETE FROM memory_notices WHERE created_at < now() - $1::bigint * interval '1 millisecond'
        """

    /// Where the notices stand now: who begins to listen gets what becomes visible behind it.
    static let noticeHorizon: PostgresStatement = """
        SELECT pg_current_snapshot()::text AS horizon
        """

    /// The notices of each tenant that are visible now and were not at its horizon.
    static let notices: PostgresStatement = """
        SELECT n.tenant_id, n.event_type, n.data, n.created_at, pg_current_snapshot()::text AS horizon
        FROM unnest($1::text[], $2::text[]) AS i(tenant_id, since)
        JOIN memory_notices n ON n.tenant_id = i.tenant_id
            AND n.written_in >= pg_snapshot_xmin(i.since::pg_snapshot)
            AND NOT pg_visible_in_snapshot(n.written_in, i.since::pg_snapshot)
        ORDER BY n.written_in, n.notice_id
        """
}
