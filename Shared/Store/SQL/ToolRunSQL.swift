import Postgres

/// The statements behind ``ToolRunStore``.
enum ToolRunSQL {
    /// Takes a request; no row when it had been taken before.
    static let begin: PostgresStatement = """
        INSERT INTO tool_runs (tenant_id, event_id, session_id, turn_id, tool_name, args, status, owner, lease_until)
        VALUES ($1, $2, $3, $4, $5, $6::json, 'running', $7, now() + $8::bigint * interval '1 millisecond')
        ON CONFLICT (tenant_id, event_id) DO NOTHING
        RETURNING event_id
        """

    /// How a run that was taken before stands.
    ///
    /// $3 whether an owner that is no living member of a group is lost.
    static let state: PostgresStatement = """
        SELECT status, status = 'running' AND (lease_until < now() OR ($3::boolean AND NOT EXISTS (
            SELECT FROM group_members m WHERE m.member = r.owner AND m.alive_until > now()
        ))) AS is_lost
        FROM tool_runs r WHERE tenant_id = $1 AND event_id = $2
        """

    /// Records ends; one that was recorded before, or a run that somebody else holds, gives no row.
    ///
    /// $12 owner, $13 milliseconds that the service itself has to publish the result, $14 whether an
    /// owner that is no living member of a group is lost.
    static let finish: PostgresStatement = """
        WITH input AS (
            SELECT DISTINCT ON (tenant_id, event_id) * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[],
                    $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
                WITH ORDINALITY
                AS i(tenant_id, event_id, session_id, turn_id, tool_name, args, status, payload, error, event,
                    traceparent, n)
            ORDER BY tenant_id, event_id, n
        ), ended AS (
            INSERT INTO tool_runs AS r (tenant_id, event_id, session_id, turn_id, tool_name, args, status, payload,
                error, owner, finished_at)
            SELECT tenant_id, event_id, session_id, turn_id, tool_name, args::json, status, payload::json, error, $12,
                clock_timestamp()
            FROM input
            ON CONFLICT (tenant_id, event_id) DO UPDATE
                SET status = excluded.status, payload = excluded.payload, error = excluded.error,
                    finished_at = excluded.finished_at, owner = excluded.owner, lease_until = NULL
                WHERE r.status = 'running' AND (r.owner = $12 OR r.lease_until < now() OR ($14::boolean
                    AND NOT EXISTS (SELECT FROM group_members m WHERE m.member = r.owner AND m.alive_until > now())))
            RETURNING r.tenant_id, r.event_id
        ), queued AS (
            INSERT INTO outbox (tenant_id, topic, event_id, session_id, payload, traceparent, goes_when, publish_at)
            SELECT i.tenant_id, 'tool.results', i.event_id, i.session_id, i.event, i.traceparent, 'processed',
                now() + $13::bigint * interval '1 millisecond'
            FROM input i JOIN ended USING (tenant_id, event_id)
            ON CONFLICT (tenant_id, topic, event_id) DO NOTHING
        )
        SELECT i.n FROM input i JOIN ended USING (tenant_id, event_id)
        """

    /// The calls that turns have waited for longer than they may, with what is known of their runs.
    ///
    /// $1 tenants, $2 and $3 tools and how many milliseconds each may take, $4 milliseconds of any other, $5 limit.
    static let overdue: PostgresStatement = """
        SELECT t.tenant_id, t.session_id, t.turn_id, t.traceparent, s.request, r.status, r.payload, r.error,
            coalesce(r.lease_until < now(), true) AS is_lost,
            extract(epoch FROM r.finished_at - r.started_at)::float8 AS seconds
        FROM turns t
        CROSS JOIN LATERAL (
            SELECT s.event_id, s.request FROM turn_steps s
            WHERE s.tenant_id = t.tenant_id AND s.turn_id = t.turn_id AND s.session_id = t.session_id
                AND s.status = 'pending' AND s.kind = 'tool' AND s.started_at < now() - interval '1 millisecond'
                    * coalesce((SELECT l.milliseconds FROM unnest($2::text[], $3::bigint[]) AS l(name, milliseconds)
                        WHERE l.name = s.name), $4::bigint)
        ) s
        LEFT JOIN LATERAL (
            SELECT * FROM tool_runs r WHERE r.tenant_id = t.tenant_id AND r.event_id = s.event_id
        ) r ON true
        WHERE t.finished_at IS NULL AND t.tenant_id = ANY ($1::text[]) AND t.status = 'waiting'
        LIMIT $5
        """

    /// One run, for whoever asked for it directly.
    static let view: PostgresStatement = """
        SELECT event_id, session_id, turn_id, tool_name, status, payload, error,
            extract(epoch FROM finished_at - started_at)::float8 AS seconds
        FROM tool_runs WHERE tenant_id = $1 AND event_id = $2
        """

    /// Queues a call that came in directly.
    ///
    /// $6 milliseconds that the service itself has to publish it.
    static let request: PostgresStatement = """
        INSERT INTO outbox (tenant_id, topic, event_id, session_id, payload, traceparent, goes_when, publish_at)
        VALUES ($1, 'tool.requests', $2, $3, $4, $5, 'processed', now() + $6::bigint * interval '1 millisecond')
        """
}
