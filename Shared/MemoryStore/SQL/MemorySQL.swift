import Memory
import Postgres

/// The statements behind ``MemorySessions``.
///
/// A change is one pipeline and so one transaction. Its first statement moves each session to its next version, if it
/// still is at the one that the change was computed from, and signs it; the others act for the sessions signed so.
enum MemorySQL {
    /// Begins sessions, and their nodes and conversations where these are not there yet.
    ///
    /// Answers with the number of each that is new; of two of one name the first is. Each is signed, so that the
    /// statements behind know whether it was begun here.
    static let create: PostgresStatement = """
        WITH i AS (
            SELECT DISTINCT ON (tenant_id, session_id) * FROM unnest(
                $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int4[], $7::text[]
            ) WITH ORDINALITY AS i(tenant_id, session_id, node_id, config, metadata, ttl, signature, n)
            ORDER BY tenant_id, session_id, n
        ), nodes AS (
            INSERT INTO memory_nodes (tenant_id, node_id)
            SELECT DISTINCT i.tenant_id, i.node_id FROM i ORDER BY 1, 2
            ON CONFLICT DO NOTHING
        ), conversations AS (
            INSERT INTO sessions (tenant_id, session_id) SELECT i.tenant_id, i.session_id FROM i ORDER BY 1, 2
            ON CONFLICT DO NOTHING
        ), begun AS (
            INSERT INTO memory_sessions (
                tenant_id, session_id, node_id, config, metadata, ttl_seconds, expires_at, sweep_at, written_by
            )
            SELECT i.tenant_id, i.session_id, i.node_id, i.config::json, i.metadata::json, i.ttl,
                now() + i.ttl * interval '1 second', now() + i.ttl * interval '1 second', i.signature
            FROM i ORDER BY i.tenant_id, i.session_id
            ON CONFLICT DO NOTHING
            RETURNING tenant_id, session_id, version, created_at, expires_at
        ), told AS (
            INSERT INTO memory_notices (tenant_id, event_type, data)
            SELECT i.tenant_id, 'session.created', json_build_object(
                'session_id', i.session_id, 'node_id', i.node_id, 'ttl_seconds', i.ttl
            )
            FROM i JOIN begun USING (tenant_id, session_id)
        )
        SELECT i.n, begun.version, begun.created_at, begun.expires_at FROM i JOIN begun USING (tenant_id, session_id)
        """

    /// What the gateway does not know already of some sessions: all of it, or only that its version is the newest.
    static let load: PostgresStatement = """
        SELECT i.n, s.node_id, s.version, s.observed, s.last_seq, s.events_from, s.emotives_from, s.metadata_from,
            s.turn_seq, s.ttl_seconds, s.created_at, s.expires_at, s.expires_at <= now() AS has_expired,
            greatest(0, floor(extract(epoch FROM s.expires_at - now())))::bigint AS remaining_seconds,
            CASE WHEN s.version = i.version THEN NULL ELSE s.config END AS config,
            CASE WHEN s.version = i.version THEN NULL ELSE s.metadata END AS metadata,
            s.percept,
            CASE WHEN s.version = i.version THEN NULL ELSE coalesce((
                SELECT json_agg(json_build_array(o.seq, o.symbols, o.emotives, o.metadata) ORDER BY o.seq)
                FROM memory_observations o
                WHERE o.tenant_id = s.tenant_id AND o.session_id = s.session_id
            ), '[]'::json) END AS observations
        FROM unnest($1::text[], $2::text[], $3::int8[]) WITH ORDINALITY AS i(tenant_id, session_id, version, n)
        JOIN memory_sessions s USING (tenant_id, session_id)
        WHERE s.expires_at > now() OR $4
        """

    /// Moves the end of sessions that someone uses, unless that was done a moment ago or is being done.
    static let touch: PostgresStatement = """
        UPDATE memory_sessions s SET expires_at = now() + s.ttl_seconds * interval '1 second'
        FROM (
            SELECT s.tenant_id, s.session_id
            FROM unnest($1::text[], $2::text[]) AS i(tenant_id, session_id)
            JOIN memory_sessions s USING (tenant_id, session_id)
            WHERE s.expires_at > now()
                AND s.expires_at < now() + s.ttl_seconds * interval '1 second'
                    - least(interval '1 second', s.ttl_seconds * interval '20 milliseconds')
            FOR UPDATE OF s SKIP LOCKED
        ) used
        WHERE s.tenant_id = used.tenant_id AND s.session_id = used.session_id
        """

    /// Moves sessions to their next version; answers with the number of each that still was at the version expected,
    /// and with that of its node's last change.
    ///
    /// The rows are locked in one order, so that gateways that change the same sessions wait for each other in turn.
    static let change: PostgresStatement = """
        WITH locked AS (
            SELECT i.* FROM unnest(
                $1::text[], $2::text[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[],
                $9::text[], $10::text[], $11::int4[], $12::int8[]
            ) WITH ORDINALITY AS i(
                tenant_id, session_id, version, observed, last_seq, events_from, emotives_from, metadata_from,
                percept, config, ttl, turn_seq, n
            )
            JOIN memory_sessions s USING (tenant_id, session_id)
            WHERE s.version = i.version AND (s.expires_at > now() OR $14)
            ORDER BY i.tenant_id, i.session_id
            FOR UPDATE OF s
        )
        UPDATE memory_sessions s SET
            version = s.version + 1, written_by = $13, observed = i.observed, last_seq = i.last_seq,
            events_from = i.events_from, emotives_from = i.emotives_from, metadata_from = i.metadata_from,
            percept = coalesce(i.percept::json, s.percept), config = coalesce(i.config::json, s.config),
            turn_seq = i.turn_seq, ttl_seconds = i.ttl, expires_at = now() + i.ttl * interval '1 second',
            sweep_at = least(s.sweep_at, now() + i.ttl * interval '1 second')
        FROM locked i
        WHERE s.tenant_id = i.tenant_id AND s.session_id = i.session_id AND s.version = i.version
        RETURNING i.n, (
            SELECT m.last_seq FROM memory_nodes m WHERE m.tenant_id = s.tenant_id AND m.node_id = s.node_id
        ) AS node_seq
        """

    /// Keeps what was observed.
    static let observe: PostgresStatement = """
        INSERT INTO memory_observations (tenant_id, session_id, seq, symbols, emotives, metadata)
        SELECT i.tenant_id, i.session_id, i.seq, i.symbols::json, i.emotives::json, i.metadata::json
        FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::text[], $6::text[])
            AS i(tenant_id, session_id, seq, symbols, emotives, metadata)
        JOIN memory_sessions s USING (tenant_id, session_id)
        WHERE s.written_by = $7
        """

    /// Drops what sessions do not hold any more.
    static let forget: PostgresStatement = """
        DELETE FROM memory_observations o
        USING (
            SELECT i.* FROM unnest($1::text[], $2::text[], $3::int8[]) AS i(tenant_id, session_id, seq)
            JOIN memory_sessions s USING (tenant_id, session_id)
            WHERE s.written_by = $4
        ) i
        WHERE o.tenant_id = i.tenant_id AND o.session_id = i.session_id AND o.seq < i.seq
        """

    /// Locks nodes in one order, for a transaction of several statements of which each would lock its own.
    static let lockNodes: PostgresStatement = """
        SELECT FROM memory_nodes m
        JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS i(tenant_id, node_id)) i
            USING (tenant_id, node_id)
        ORDER BY m.tenant_id, m.node_id
        FOR UPDATE OF m
        """

    /// What the symbols of a pattern have gained, with what is learned now.
    ///
    /// Added up as by `memory_sum`, but never beyond ``Emotives/affinityLimit``, whatever was stored before there was a
    /// limit.
    static let addedAffinity = """
        CASE WHEN excluded.affinity = '{}'::jsonb THEN p.affinity ELSE coalesce(
                (
                    SELECT jsonb_object_agg(key, greatest(-\(most), least(\(most), total))) FROM (
                        SELECT key, sum(greatest(-\(most), least(\(most), value::float8))) AS total
                        FROM (
                            SELECT * FROM jsonb_each_text(p.affinity)
                            UNION ALL
                            SELECT * FROM jsonb_each_text(excluded.affinity)
                        ) AS both_of_them
                        WHERE value IS NOT NULL
                        GROUP BY key
                    ) AS added
                ),
                '{}'::jsonb
            ) END
        """

    private static let most = "'\(Emotives.affinityLimit)'::float8"

    /// Learns patterns, each at most once in a statement; the nodes are locked in one order.
    static let learn = PostgresStatement(
        """
        WITH i AS (
            SELECT i.* FROM unnest(
                $1::text[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::text[], $7::text[], $8::int4[],
                $9::text[], $10::text[]
            ) AS i(tenant_id, session_id, node_id, name, frequency, events, emotives, kept, metadata, affinity)
            JOIN memory_sessions s USING (tenant_id, session_id)
            WHERE s.written_by = $11
        ), locked AS (
            SELECT m.tenant_id, m.node_id, c.added FROM memory_nodes m
            JOIN (SELECT tenant_id, node_id, count(*) AS added FROM i GROUP BY 1, 2) c USING (tenant_id, node_id)
            ORDER BY m.tenant_id, m.node_id
            FOR UPDATE OF m
        ), numbered AS (
            UPDATE memory_nodes m SET last_seq = m.last_seq + c.added FROM locked c
            WHERE m.tenant_id = c.tenant_id AND m.node_id = c.node_id
            RETURNING m.tenant_id, m.node_id, m.last_seq - c.added AS base
        )
        INSERT INTO memory_patterns AS p (
            tenant_id, node_id, name, seq, frequency, events, emotives, emotives_kept, metadata, affinity
        )
        SELECT i.tenant_id, i.node_id, i.name,
            b.base + row_number() OVER (PARTITION BY i.tenant_id, i.node_id ORDER BY i.name), i.frequency,
            i.events::json, i.emotives::jsonb, i.kept, i.metadata::jsonb, i.affinity::jsonb
        FROM i JOIN numbered b USING (tenant_id, node_id)
        ON CONFLICT (tenant_id, node_id, name) DO UPDATE SET
            seq = excluded.seq, frequency = least(p.frequency + excluded.frequency, \(Pattern.frequencyLimit)),
            emotives = memory_last(p.emotives, excluded.emotives, excluded.emotives_kept),
            emotives_kept = excluded.emotives_kept, metadata = memory_union(p.metadata, excluded.metadata),
            affinity = \(addedAffinity)
        """
    )

    /// Learns vectors; those that are known already stay as they are.
    static let learnVectors: PostgresStatement = """
        WITH i AS (
            SELECT DISTINCT ON (i.tenant_id, i.node_id, i.name) i.*
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
                AS i(tenant_id, session_id, node_id, name, elements)
            JOIN memory_sessions s USING (tenant_id, session_id)
            WHERE s.written_by = $6
            ORDER BY i.tenant_id, i.node_id, i.name
        ), locked AS (
            SELECT m.tenant_id, m.node_id, c.added FROM memory_nodes m
            JOIN (SELECT tenant_id, node_id, count(*) AS added FROM i GROUP BY 1, 2) c USING (tenant_id, node_id)
            ORDER BY m.tenant_id, m.node_id
            FOR UPDATE OF m
        ), numbered AS (
            UPDATE memory_nodes m SET last_seq = m.last_seq + c.added FROM locked c
            WHERE m.tenant_id = c.tenant_id AND m.node_id = c.node_id
            RETURNING m.tenant_id, m.node_id, m.last_seq - c.added AS base
        )
        INSERT INTO memory_vectors (tenant_id, node_id, name, seq, elements)
        SELECT i.tenant_id, i.node_id, i.name,
            b.base + row_number() OVER (PARTITION BY i.tenant_id, i.node_id ORDER BY i.name), i.elements::json
        FROM i JOIN numbered b USING (tenant_id, node_id)
        ON CONFLICT (tenant_id, node_id, name) DO NOTHING
        """

    /// Marks nodes as empty; the rows go in the statements behind it, which see all that was learned before the mark.
    static let clearNodes: PostgresStatement = """
        WITH locked AS (
            SELECT m.tenant_id, m.node_id FROM memory_nodes m
            JOIN (
                SELECT DISTINCT i.tenant_id, i.node_id
                FROM unnest($1::text[], $2::text[], $3::text[]) AS i(tenant_id, session_id, node_id)
                JOIN memory_sessions s USING (tenant_id, session_id)
                WHERE s.written_by = $4
            ) c USING (tenant_id, node_id)
            ORDER BY m.tenant_id, m.node_id
            FOR UPDATE OF m
        )
        UPDATE memory_nodes m SET last_seq = m.last_seq + 1, cleared_seq = m.last_seq + 1 FROM locked c
        WHERE m.tenant_id = c.tenant_id AND m.node_id = c.node_id
        """

    /// Deletes the patterns of nodes up to their mark.
    static let deletePatterns: PostgresStatement = """
        DELETE FROM memory_patterns p USING memory_nodes m, unnest($1::text[], $2::text[]) AS i(tenant_id, node_id)
        WHERE m.tenant_id = i.tenant_id AND m.node_id = i.node_id
            AND p.tenant_id = m.tenant_id AND p.node_id = m.node_id AND p.seq <= m.cleared_seq
        """

    /// Deletes the vectors of nodes up to their mark.
    static let deleteVectors: PostgresStatement = """
        DELETE FROM memory_vectors v USING memory_nodes m, unnest($1::text[], $2::text[]) AS i(tenant_id, node_id)
        WHERE m.tenant_id = i.tenant_id AND m.node_id = i.node_id
            AND v.tenant_id = m.tenant_id AND v.node_id = m.node_id AND v.seq <= m.cleared_seq
        """

    /// Deletes a session that has nothing to learn, whether it has expired or not; answers with whether it had.
    static let delete: PostgresStatement = """
        WITH ended AS (
            DELETE FROM memory_sessions WHERE tenant_id = $1 AND session_id = $2 AND turn_seq = 0
            RETURNING tenant_id, session_id, node_id, expires_at > now() AS alive
        ), forgotten AS (
            DELETE FROM memory_observations o USING ended e
            WHERE o.tenant_id = e.tenant_id AND o.session_id = e.session_id
        ), told AS (
            INSERT INTO memory_notices (tenant_id, event_type, data)
            SELECT e.tenant_id, 'session.destroyed', json_build_object(
                'session_id', e.session_id, 'node_id', e.node_id,
                'reason', CASE WHEN e.alive THEN 'explicit_delete' ELSE 'expired' END
            )
            FROM ended e
        )
        SELECT alive FROM ended
        """

    /// Deletes the sessions that a change has signed, for a reason.
    static let deleteSigned: PostgresStatement = """
        WITH ended AS (
            DELETE FROM memory_sessions s USING unnest($1::text[], $2::text[]) AS i(tenant_id, session_id)
            WHERE s.tenant_id = i.tenant_id AND s.session_id = i.session_id AND s.written_by = $3
            RETURNING s.tenant_id, s.session_id, s.node_id
        ), forgotten AS (
            DELETE FROM memory_observations o USING ended e
            WHERE o.tenant_id = e.tenant_id AND o.session_id = e.session_id
        )
        INSERT INTO memory_notices (tenant_id, event_type, data)
        SELECT e.tenant_id, 'session.destroyed', json_build_object(
            'session_id', e.session_id, 'node_id', e.node_id, 'reason', $4::text
        )
        FROM ended e
        """

    /// Whether a session is there, and whether it has expired.
    static let exists: PostgresStatement = """
        SELECT expires_at > now() AS alive FROM memory_sessions WHERE tenant_id = $1 AND session_id = $2
        """

    /// How many sessions a tenant has.
    static let count: PostgresStatement = """
        SELECT count(*) AS sessions FROM memory_sessions WHERE tenant_id = $1 AND expires_at > now()
        """
}
