import Postgres

/// The statements behind ``TurnStore``.
///
/// Arrays go in, a row of them for each turn; every write but a claim names the epoch of the lease it is made under,
/// and touches nothing when a successor has a newer one.
enum TurnSQL {
    /// What ``ClaimedTurn`` is read from.
    ///
    /// The message in a sub-select: as a join, a plan made while the tables are small reads all events of the tenant.
    private static let claimedColumns = """
        c.tenant_id, c.session_id, c.turn_id, c.seq, c.prior_seq, c.persona_id, c.attempt, c.lease_epoch,
        c.stream_next, c.delta_next, c.input_tokens, c.output_tokens, c.traceparent, c.created_at,
        (SELECT e.message FROM session_events e
            WHERE e.tenant_id = c.tenant_id AND e.session_id = c.session_id AND e.seq = c.seq) AS message
        """

    /// Takes the first unfinished turn of each session, if nobody holds it.
    ///
    /// $3 owner, $4 lease in milliseconds.
    ///
    /// Runs after ``AcceptSQL/lockSessions`` in the same transaction: only so can a turn that was accepted while its
    /// predecessor was being completed not be overlooked by both.
    static let claim: PostgresStatement = .init(
        """
        WITH head AS (
            SELECT t.tenant_id, t.session_id, t.turn_id
            FROM (SELECT DISTINCT tenant_id, session_id
                FROM unnest($1::text[], $2::text[]) AS i(tenant_id, session_id)) i
            CROSS JOIN LATERAL (
                SELECT tenant_id, session_id, turn_id FROM turns
                WHERE turns.tenant_id = i.tenant_id AND turns.session_id = i.session_id AND finished_at IS NULL
                ORDER BY seq LIMIT 1
            ) t
        ), c AS (
            UPDATE turns t
            SET status = 'running', attempt = t.attempt + 1, lease_owner = $3, lease_epoch = t.lease_epoch + 1,
                lease_until = now() + $4::bigint * interval '1 millisecond',
                started_at = coalesce(t.started_at, clock_timestamp()),
                stream_next = t.attempt * 1000000::bigint, delta_next = 0
            FROM head h
            WHERE t.tenant_id = h.tenant_id AND t.turn_id = h.turn_id AND t.session_id = h.session_id
                AND (t.status = 'accepted' OR t.status = 'running' AND t.lease_until < now())
            RETURNING t.*
        ), gone AS (
            DELETE FROM outbox o USING c
            WHERE o.tenant_id = c.tenant_id AND o.topic = 'conversation.inbound' AND o.event_id = c.turn_id
        )
        SELECT \(claimedColumns)
        FROM c
        """
    )

    /// Which of the events have a turn.
    ///
    /// Columns: n, status (NULL for none).
    static let known: PostgresStatement = """
        SELECT i.n, (SELECT t.status FROM turns t
            WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.event_id AND t.session_id = i.session_id) AS status
        FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS i(tenant_id, session_id, event_id, n)
        """

    /// Removes the inbound rows of turns that are in the database: from here on it carries them, also while they wait
    /// in line behind another turn.
    static let forgetInbound: PostgresStatement = """
        DELETE FROM outbox o
        USING unnest($1::text[], $2::text[], $3::text[]) AS i(tenant_id, session_id, turn_id)
        WHERE o.tenant_id = i.tenant_id AND o.topic = 'conversation.inbound' AND o.event_id = i.turn_id
            AND (SELECT count(*) FROM turns t WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.turn_id
                AND t.session_id = i.session_id) = 1
        """

    /// Puts turns to rest until their tools have answered; one without a pending tool goes on under its lease.
    static let suspend: PostgresStatement = """
        UPDATE turns t
        SET status = CASE WHEN i.pending_tools > 0 THEN 'waiting' ELSE t.status END, pending_tools = i.pending_tools,
            stream_next = i.stream_next, delta_next = i.delta_next, input_tokens = i.input_tokens,
            output_tokens = i.output_tokens,
            lease_owner = CASE WHEN i.pending_tools = 0 THEN t.lease_owner END,
            lease_until = CASE WHEN i.pending_tools = 0 THEN t.lease_until END
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                $8::bigint[], $9::bigint[])
            AS i(tenant_id, session_id, turn_id, epoch, pending_tools, stream_next, delta_next, input_tokens,
                output_tokens)
        WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.turn_id AND t.session_id = i.session_id
            AND t.lease_epoch = i.epoch AND t.status = 'running'
        RETURNING t.tenant_id, t.turn_id, t.session_id
        """

    /// Writes steps of the journal.
    ///
    /// Under one epoch a number stands for one step: it is there already when a write that was done is repeated.
    static let insertSteps: PostgresStatement = """
        INSERT INTO turn_steps (tenant_id, session_id, turn_id, step, kind, name, event_id, status, attempt,
            stream_index, request, response, finished_at)
        SELECT i.tenant_id, i.session_id, i.turn_id, i.step, i.kind, i.name, i.event_id, i.status, i.attempt,
            i.stream_index, i.request::json, i.response::json, CASE WHEN i.status = 'done' THEN clock_timestamp() END
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[],
                $9::text[], $10::bigint[], $11::bigint[], $12::text[], $13::text[])
            AS i(tenant_id, session_id, turn_id, epoch, step, kind, name, event_id, status, attempt, stream_index,
                request, response)
        WHERE (SELECT count(*) FROM turns t WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.turn_id
            AND t.session_id = i.session_id AND t.lease_epoch = i.epoch AND t.status = 'running') = 1
        ON CONFLICT DO NOTHING
        """

    /// Queues the events that follow from a turn.
    ///
    /// $11 is how many milliseconds the service itself has to publish them.
    static let insertOutbox: PostgresStatement = """
        INSERT INTO outbox
            (tenant_id, topic, event_id, session_id, payload, traceparent, goes_when, position, publish_at)
        SELECT i.tenant_id, i.topic, i.event_id, i.session_id, i.payload, i.traceparent, i.goes_when, i.position,
            now() + $11::bigint * interval '1 millisecond'
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[], $10::text[])
            AS i(tenant_id, session_id, turn_id, epoch, topic, event_id, payload, traceparent, goes_when, position)
        WHERE (SELECT count(*) FROM turns t WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.turn_id
            AND t.session_id = i.session_id AND t.lease_epoch = i.epoch AND t.status = 'running') = 1
        """

    /// Locks the turns that answers of tools belong to, so that their positions in the stream are given one by one.
    ///
    /// Lateral, because a plan that joins, made while the table is small, reads all turns of the tenant.
    static let lockTurns: PostgresStatement = """
        SELECT count(*) FROM (
            SELECT 1 FROM (SELECT DISTINCT tenant_id, session_id, turn_id
                FROM unnest($1::text[], $2::text[], $3::text[]) AS i(tenant_id, session_id, turn_id)
                ORDER BY tenant_id, turn_id, session_id) i
            CROSS JOIN LATERAL (SELECT 1 FROM turns t
                WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.turn_id AND t.session_id = i.session_id
                FOR UPDATE) t
        ) locked
        """

    /// Records the answers of tools; a turn that waits for no more is taken up again under a new epoch.
    ///
    /// $6 owner, $7 lease in milliseconds.
    static let recordResults: PostgresStatement = .init(
        """
        WITH input AS (
            SELECT i.*, row_number() OVER (PARTITION BY tenant_id, session_id, turn_id ORDER BY n) AS k
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
                AS i(tenant_id, session_id, turn_id, event_id, response, n)
        ), done AS (
            UPDATE turn_steps s
            SET status = 'done', response = i.response::json, finished_at = clock_timestamp(),
                result_index = (SELECT t.stream_next FROM turns t WHERE t.tenant_id = i.tenant_id
                    AND t.turn_id = i.turn_id AND t.session_id = i.session_id) + i.k - 1
            FROM input i
            WHERE s.tenant_id = i.tenant_id AND s.turn_id = i.turn_id AND s.session_id = i.session_id
                AND s.event_id = i.event_id AND s.status = 'pending'
            RETURNING i.n, s.tenant_id, s.session_id, s.turn_id, s.result_index
        ), counted AS (
            SELECT tenant_id, session_id, turn_id, count(*) AS answered, max(result_index) AS last_index
            FROM done GROUP BY tenant_id, session_id, turn_id
        ), c AS (
            UPDATE turns t
            SET pending_tools = t.pending_tools - d.answered, stream_next = d.last_index + 1,
                status = CASE WHEN t.pending_tools = d.answered THEN 'running' ELSE t.status END,
                lease_epoch = t.lease_epoch + CASE WHEN t.pending_tools = d.answered THEN 1 ELSE 0 END,
                lease_owner = CASE WHEN t.pending_tools = d.answered THEN $6 END,
                lease_until = CASE WHEN t.pending_tools = d.answered
                    THEN now() + $7::bigint * interval '1 millisecond' END
            FROM counted d
            WHERE t.tenant_id = d.tenant_id AND t.turn_id = d.turn_id AND t.session_id = d.session_id
                AND t.status = 'waiting'
            RETURNING t.*
        )
        SELECT done.n, done.result_index, c.status, \(claimedColumns)
        FROM done
        JOIN c ON c.tenant_id = done.tenant_id AND c.session_id = done.session_id AND c.turn_id = done.turn_id
        ORDER BY done.n
        """
    )

    /// Ends turns and appends their last event to the session.
    static let complete: PostgresStatement = """
        WITH input AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
                    $8::text[], $9::text[], $10::text[], $11::text[], $12::bigint[], $13::bigint[], $14::text[],
                    $15::text[], $16::bigint[], $17::text[])
                AS i(tenant_id, session_id, turn_id, epoch, status, event_id, role, type, message, persona_id, metadata,
                    input_tokens, output_tokens, error_code, error_message, stream_next, created_at)
        ), own AS (
            UPDATE turns t
            SET status = i.status, finished_at = clock_timestamp(), lease_owner = NULL, lease_until = NULL,
                input_tokens = i.input_tokens, output_tokens = i.output_tokens, error_code = i.error_code,
                error_message = i.error_message, stream_next = i.stream_next
            FROM input i
            WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.turn_id AND t.session_id = i.session_id
                AND t.lease_epoch = i.epoch AND t.finished_at IS NULL
            RETURNING t.seq AS turn_seq, i.*
        ), bumped AS (
            UPDATE sessions s
            SET last_seq = s.last_seq + 1, open_turns = s.open_turns - 1, updated_at = now()
            FROM own o
            WHERE s.tenant_id = o.tenant_id AND s.session_id = o.session_id
            RETURNING s.tenant_id, s.session_id, s.last_seq
        ), events AS (
            INSERT INTO session_events
                (tenant_id, session_id, seq, turn_seq, event_id, role, type, persona_id, message, metadata, usage,
                    created_at)
            SELECT o.tenant_id, o.session_id, b.last_seq, o.turn_seq, o.event_id, o.role, o.type, o.persona_id,
                o.message, o.metadata::json, json_build_object('input_tokens', o.input_tokens, 'output_tokens',
                    o.output_tokens, 'total_tokens', o.input_tokens + o.output_tokens),
                coalesce(o.created_at::timestamptz, now())
            FROM own o JOIN bumped b USING (tenant_id, session_id)
        )
        SELECT tenant_id, session_id, turn_id FROM own
        """

    /// Charges tokens to tenant and persona: one row of each for each day.
    static let charge: PostgresStatement = """
        INSERT INTO budget_usage AS b (tenant_id, persona_id, window_start, used_tokens)
        SELECT i.tenant_id, p.persona_id, (now() AT TIME ZONE 'UTC')::date, sum(i.tokens)
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::bigint[])
            AS i(tenant_id, session_id, turn_id, epoch, persona_id, tokens)
        CROSS JOIN LATERAL (SELECT '' AS persona_id UNION SELECT coalesce(i.persona_id, '')) p
        WHERE i.tokens > 0 AND (SELECT count(*) FROM turns t WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.turn_id
            AND t.session_id = i.session_id AND t.lease_epoch = i.epoch AND t.status = 'running') = 1
        GROUP BY i.tenant_id, p.persona_id
        ORDER BY i.tenant_id, p.persona_id
        ON CONFLICT (tenant_id, persona_id, window_start) DO UPDATE
            SET used_tokens = b.used_tokens + excluded.used_tokens
        """

    /// Begins another attempt under the same lease, as ``claim`` does under a new one.
    static let restart: PostgresStatement = """
        UPDATE turns SET attempt = attempt + 1, stream_next = attempt * 1000000::bigint, delta_next = 0
        WHERE tenant_id = $1 AND turn_id = $2 AND session_id = $3 AND lease_epoch = $4 AND status = 'running'
        RETURNING attempt
        """

    /// Prolongs leases, in one order and without waiting for a row that is being written.
    ///
    /// $5 owner, $6 lease in milliseconds.
    ///
    /// Returns the turns that are still held.
    static let heartbeat: PostgresStatement = """
        UPDATE turns t SET lease_until = now() + $6::bigint * interval '1 millisecond'
        FROM (
            SELECT t.tenant_id, t.turn_id, t.session_id FROM turns t
            JOIN unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS i(tenant_id, session_id, turn_id, epoch)
                USING (tenant_id, turn_id, session_id)
            WHERE t.lease_epoch = i.epoch AND t.lease_owner = $5 AND t.status = 'running'
            ORDER BY t.tenant_id, t.turn_id, t.session_id
            FOR UPDATE OF t SKIP LOCKED
        ) held
        WHERE t.tenant_id = held.tenant_id AND t.turn_id = held.turn_id AND t.session_id = held.session_id
        RETURNING t.tenant_id, t.session_id, t.turn_id
        """

    /// Which of the leases are over: another worker has taken the turn since, or it is gone.
    ///
    /// A turn whose row is being written just now is not among them, which tells it from one that a heartbeat missed.
    static let lost: PostgresStatement = """
        SELECT i.n FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY
            AS i(tenant_id, session_id, turn_id, epoch, n)
        WHERE (SELECT count(*) FROM turns t WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.turn_id
            AND t.session_id = i.session_id AND t.lease_epoch = i.epoch) = 0
        """

    /// Ends leases, so that the turns can be taken over at once.
    ///
    /// $5 owner.
    static let release: PostgresStatement = """
        UPDATE turns t SET lease_until = '-infinity'
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS i(tenant_id, session_id, turn_id, epoch)
        WHERE t.tenant_id = i.tenant_id AND t.turn_id = i.turn_id AND t.session_id = i.session_id
            AND t.lease_epoch = i.epoch AND t.lease_owner = $5 AND t.status = 'running'
        RETURNING t.tenant_id, t.session_id, t.turn_id
        """

    /// Sessions whose first unfinished turn nobody works on: its lease ran out, or it was accepted and never taken.
    ///
    /// $1 tenants, $2 age in milliseconds from which an accepted turn counts as forgotten, $3 limit.
    static let abandoned: PostgresStatement = """
        SELECT tenant_id, session_id FROM (
            SELECT DISTINCT ON (tenant_id, session_id) tenant_id, session_id, status, lease_until, created_at
            FROM turns
            WHERE finished_at IS NULL AND tenant_id = ANY ($1::text[])
            ORDER BY tenant_id, session_id, seq
        ) head
        WHERE status = 'running' AND lease_until < now()
            OR status = 'accepted' AND created_at < now() - $2::bigint * interval '1 millisecond'
        LIMIT $3
        """

    /// How many answers of the model a turn has rested for: those that a call follows which was sent.
    static let rests: PostgresStatement = """
        SELECT count(DISTINCT (SELECT max(m.step) FROM turn_steps m
            WHERE m.tenant_id = s.tenant_id AND m.turn_id = s.turn_id AND m.session_id = s.session_id
                AND m.kind = 'model' AND m.step < s.step)) AS rests
        FROM turn_steps s
        WHERE s.tenant_id = $1 AND s.turn_id = $2 AND s.session_id = $3 AND s.kind = 'tool' AND s.event_id IS NOT NULL
        """

    /// The journal of one turn, in order.
    static let journal: PostgresStatement = """
        SELECT step, kind, name, event_id, status, attempt, stream_index, result_index, request, response,
            started_at, finished_at
        FROM turn_steps WHERE tenant_id = $1 AND turn_id = $2 AND session_id = $3 ORDER BY step
        """

    /// The newest messages of a session before a turn.
    static let history: PostgresStatement = """
        SELECT role, message FROM (
            SELECT role, message, turn_seq, seq FROM session_events
            WHERE tenant_id = $1 AND session_id = $2 AND turn_seq < $3 AND type = 'message'
            ORDER BY seq DESC LIMIT $4
        ) newest ORDER BY turn_seq, seq
        """
}
