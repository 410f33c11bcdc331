import Postgres

/// The statements behind ``OutboxStore``.
enum OutboxSQL {
    /// Removes rows that are done with.
    static let delete: PostgresStatement = """
        DELETE FROM outbox o USING unnest($1::text[], $2::text[], $3::text[]) AS i(tenant_id, topic, event_id)
        WHERE o.tenant_id = i.tenant_id AND o.topic = i.topic AND o.event_id = i.event_id
        """

    /// Takes rows whose time has come, and puts them off for another deadline, so that several relays share the work.
    ///
    /// $1 tenants, $2 deadline in milliseconds, $3 limit.
    static let due: PostgresStatement = """
        UPDATE outbox o
        SET attempts = o.attempts + 1, publish_at = now() + $2::bigint * interval '1 millisecond'
        FROM (
            SELECT tenant_id, topic, event_id FROM outbox
            WHERE publish_at <= now() AND tenant_id = ANY ($1::text[])
            ORDER BY publish_at LIMIT $3 FOR UPDATE SKIP LOCKED
        ) due
        WHERE o.tenant_id = due.tenant_id AND o.topic = due.topic AND o.event_id = due.event_id
        RETURNING o.tenant_id, o.topic, o.event_id, o.session_id, o.payload, o.position, o.traceparent, o.created_at
        """

    /// Puts rows off that were published; the deadline counts from now on.
    ///
    /// $4 deadline in milliseconds.
    static let published: PostgresStatement = """
        UPDATE outbox o SET publish_at = now() + $4::bigint * interval '1 millisecond'
        FROM unnest($1::text[], $2::text[], $3::text[]) AS i(tenant_id, topic, event_id)
        WHERE o.tenant_id = i.tenant_id AND o.topic = i.topic AND o.event_id = i.event_id
        """

    /// The ids of all tenants, which anybody may list.
    static let tenants: PostgresStatement = "SELECT tenant_id FROM tenants ORDER BY tenant_id"
}
