import Postgres

/// The statements behind ``MemoryTransfer``.
enum MemoryTransferSQL {
    /// Whether a tenant is there.
    static let tenant: PostgresStatement = "SELECT FROM tenants WHERE tenant_id = $1"

    /// Whether a node is there.
    static let node: PostgresStatement = "SELECT FROM memory_nodes WHERE tenant_id = $1 AND node_id = $2"

    /// The next patterns of a node, in the order of their names.
    static let patterns: PostgresStatement = """
        SELECT name, frequency, events, emotives, emotives_kept, metadata, affinity FROM memory_patterns
        WHERE tenant_id = $1 AND node_id = $2 AND name > $3 ORDER BY name LIMIT $4
        """

    /// The next vectors of a node, in the order of their names.
    static let vectors: PostgresStatement = """
        SELECT name, elements FROM memory_vectors
        WHERE tenant_id = $1 AND node_id = $2 AND name > $3 ORDER BY name LIMIT $4
        """

    /// Makes the node where it is not there, locks it, and gives out as many numbers as there are rows.
    private static let numbered = """
        numbered AS (
            INSERT INTO memory_nodes AS m (tenant_id, node_id, last_seq) SELECT $1, $2, count(*) FROM i
            ON CONFLICT (tenant_id, node_id) DO UPDATE SET last_seq = m.last_seq + excluded.last_seq
            RETURNING last_seq - (SELECT count(*) FROM i) AS base
        )
        """

    private static let insertPatterns = """
        WITH i AS (
            SELECT * FROM unnest(
                $3::text[], $4::int8[], $5::text[], $6::text[], $7::int4[], $8::text[], $9::text[]
            ) AS i(name, frequency, events, emotives, kept, metadata, affinity)
        ), \(numbered)
        INSERT INTO memory_patterns AS p (
            tenant_id, node_id, name, seq, frequency, events, emotives, emotives_kept, metadata, affinity
        )
        SELECT $1, $2, i.name, b.base + row_number() OVER (ORDER BY i.name), i.frequency, i.events::json,
            i.emotives::jsonb, i.kept, i.metadata::jsonb, i.affinity::jsonb
        FROM i CROSS JOIN numbered b
        ON CONFLICT (tenant_id, node_id, name) DO UPDATE SET
        """

    /// Sets patterns to what is given, each at most once in a statement; those that are so already stay untouched.
    static let setPatterns = PostgresStatement(
        insertPatterns + """
             seq = excluded.seq, frequency = excluded.frequency, emotives = excluded.emotives,
                emotives_kept = excluded.emotives_kept, metadata = excluded.metadata, affinity = excluded.affinity
            WHERE (p.frequency, p.emotives, p.emotives_kept, p.metadata, p.affinity) IS DISTINCT FROM (
                excluded.frequency, excluded.emotives, excluded.emotives_kept, excluded.metadata, excluded.affinity
            )
            """
    )

    /// Adds what is given to patterns, as if it had been learned on top of what they hold.
    static let addPatterns = PostgresStatement(
        insertPatterns + """
             seq = excluded.seq, frequency = least(p.frequency + excluded.frequency, $10),
                emotives = memory_last(p.emotives, excluded.emotives, excluded.emotives_kept),
                emotives_kept = excluded.emotives_kept, metadata = memory_union(p.metadata, excluded.metadata),
                affinity = \(MemorySQL.addedAffinity)
            """
    )

    /// Keeps vectors, each at most once in a statement; those that are known stay untouched.
    static let setVectors = PostgresStatement(
        """
        WITH i AS (
            SELECT * FROM unnest($3::text[], $4::text[]) AS i(name, elements)
        ), \(numbered)
        INSERT INTO memory_vectors (tenant_id, node_id, name, seq, elements)
        SELECT $1, $2, i.name, b.base + row_number() OVER (ORDER BY i.name), i.elements::json
        FROM i CROSS JOIN numbered b
        ON CONFLICT (tenant_id, node_id, name) DO NOTHING
        """
    )

    /// How much a node holds.
    ///
    /// Symbols are told apart by their JSON text, which the same writer makes for all of them.
    static let statistics: PostgresStatement = """
        SELECT p.patterns, p.frequency, p.bytes + v.bytes AS bytes, v.vectors, s.symbols, n.sessions
        FROM (
            SELECT count(*) AS patterns, coalesce(sum(frequency), 0)::bigint AS frequency,
                coalesce(sum(pg_column_size(m.*)), 0)::bigint AS bytes
            FROM memory_patterns m WHERE tenant_id = $1 AND node_id = $2
        ) p, (
            SELECT count(*) AS vectors, coalesce(sum(pg_column_size(m.*)), 0)::bigint AS bytes
            FROM memory_vectors m WHERE tenant_id = $1 AND node_id = $2
        ) v, (
            SELECT count(DISTINCT symbol::text COLLATE "C") AS symbols
            FROM memory_patterns m, json_array_elements(m.events) event, json_array_elements(event) symbol
            WHERE tenant_id = $1 AND node_id = $2
        ) s, (
            SELECT count(*) AS sessions FROM memory_sessions
            WHERE tenant_id = $1 AND node_id = $2 AND expires_at > now()
        ) n
        """
}
