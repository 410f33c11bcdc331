import Postgres

/// The statements behind ``ReadStore``.
enum ReadSQL {
    /// A turn's id is the event_id of the message that caused it, whose seq is the turn's.
    private static let eventColumns = """
        seq, event_id, role, type, persona_id, message, attachments, metadata, usage, created_at,
        (SELECT u.event_id FROM session_events u
            WHERE u.tenant_id = $1 AND u.session_id = $2 AND u.seq = e.turn_seq) AS turn_id
        """

    /// Whether the session exists.
    static let session: PostgresStatement = "SELECT session_id FROM sessions WHERE tenant_id = $1 AND session_id = $2"

    /// $3 after, $4 before, $5 limit.
    static let eventsDescending: PostgresStatement = .init(
        """
        SELECT \(eventColumns) FROM session_events e
        WHERE tenant_id = $1 AND session_id = $2 AND seq > $3 AND seq < $4 ORDER BY seq DESC LIMIT $5
        """
    )

    /// $3 after, $4 before, $5 limit.
    static let eventsAscending: PostgresStatement = .init(
        """
        SELECT \(eventColumns) FROM session_events e
        WHERE tenant_id = $1 AND session_id = $2 AND seq > $3 AND seq < $4 ORDER BY seq LIMIT $5
        """
    )

    /// A turn by its id.
    static let turn: PostgresStatement = """
        SELECT turn_id, session_id, seq, persona_id, status, attempt, input_tokens, output_tokens, error_code,
            error_message, created_at, started_at, finished_at
        FROM turns WHERE tenant_id = $1 AND turn_id = $2
        """

    /// The journal of a turn by its id.
    static let steps: PostgresStatement = """
        SELECT step, kind, name, event_id, status, attempt, stream_index, result_index, request, response,
            started_at, finished_at
        FROM turn_steps WHERE tenant_id = $1 AND turn_id = $2 ORDER BY step
        """

    /// The turns of a session from one on.
    ///
    /// The user's message of a turn is the event whose seq is the turn's own.
    private static let turnsFrom = """
        (
            SELECT event_id FROM session_events
            WHERE tenant_id = $1 AND session_id = $2 AND seq >= $3 AND seq = turn_seq ORDER BY seq LIMIT $4
        ) u
        CROSS JOIN LATERAL (
            SELECT * FROM turns
            WHERE tenant_id = $1 AND turn_id = u.event_id AND session_id = $2 AND status <> 'accepted'
        ) t
        """

    /// Turns with the last event of those that are over.
    ///
    /// $3 first seq, $4 limit.
    static let streamTurns: PostgresStatement = .init(
        """
        SELECT t.turn_id, t.seq, t.status, t.attempt, t.stream_next, t.error_code, t.error_message,
            e.event_id, e.role, e.message, e.persona_id, e.metadata, e.usage, e.created_at
        FROM \(turnsFrom)
        LEFT JOIN LATERAL (
            SELECT * FROM session_events
            WHERE tenant_id = $1 AND session_id = $2 AND seq > t.seq AND turn_seq = t.seq
            ORDER BY seq LIMIT 1
        ) e ON t.finished_at IS NOT NULL
        ORDER BY t.seq
        """
    )

    /// The tool steps of those turns that clients see: a call that was refused on the spot has no event.
    static let streamSteps: PostgresStatement = .init(
        """
        SELECT t.seq, s.turn_id, s.event_id, s.name, s.stream_index, s.result_index, s.request, s.response
        FROM \(turnsFrom)
        JOIN turn_steps s ON s.tenant_id = t.tenant_id AND s.turn_id = t.turn_id AND s.session_id = t.session_id
        WHERE s.kind = 'tool' AND s.event_id IS NOT NULL
        ORDER BY t.seq, s.step
        """
    )
}
