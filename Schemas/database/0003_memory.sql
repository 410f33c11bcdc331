-- Memory: sessions that remember, what they observed, and what their nodes learned.

-- A node is a knowledge base. Its row is the lock under which what it learns is numbered: a number is given out and
-- committed before the next one is, so whoever has seen number n has seen every number below it.
CREATE TABLE memory_nodes (
    tenant_id text NOT NULL,
    node_id text NOT NULL CHECK (node_id <> ''),
    last_seq bigint NOT NULL DEFAULT 0,
    -- What has a number up to this one was forgotten.
    cleared_seq bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, node_id)
) WITH (fillfactor = 50);

-- A session of a node. It shares its id with a conversation of the same id: one session can converse and remember.
CREATE TABLE memory_sessions (
    tenant_id text NOT NULL,
    session_id text NOT NULL,
    node_id text NOT NULL,
    -- Grows with every change of what the session remembers; a change is made only to the version it was computed from.
    -- Begins with the time in microseconds, so that a session of the same name as an ended one has other versions.
    version bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    -- Names the write that made the version, so that its other statements know that it did.
    written_by text NOT NULL DEFAULT '',
    config json NOT NULL DEFAULT '{}',
    metadata json NOT NULL DEFAULT '{}',
    -- How many observations the session has had since it was cleared.
    observed bigint NOT NULL DEFAULT 0,
    -- The number of the newest row of memory_observations, and of the first that each part of the memory still holds.
    last_seq bigint NOT NULL DEFAULT 0,
    events_from bigint NOT NULL DEFAULT 1,
    emotives_from bigint NOT NULL DEFAULT 1,
    metadata_from bigint NOT NULL DEFAULT 1,
    percept json,
    ttl_seconds integer NOT NULL CHECK (ttl_seconds > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    -- When to look whether the session has expired. Not later than expires_at is, but not moved with each access, so
    -- that an access need not touch an index.
    sweep_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, session_id)
) WITH (fillfactor = 50);
CREATE INDEX memory_sessions_sweep ON memory_sessions (sweep_at);

-- What sessions still hold in short-term memory. An observation may have an event, emotives and metadata, each or none.
CREATE TABLE memory_observations (
    tenant_id text NOT NULL,
    session_id text NOT NULL,
    seq bigint NOT NULL,
    symbols json,
    emotives json,
    metadata json,
    PRIMARY KEY (tenant_id, session_id, seq)
);

CREATE TABLE memory_patterns (
    tenant_id text NOT NULL,
    node_id text NOT NULL,
    name text NOT NULL,
    -- The node's number of the last change of this row: an index that has seen number n asks for what is above n.
    seq bigint NOT NULL,
    frequency bigint NOT NULL CHECK (frequency > 0),
    events json NOT NULL,
    -- The emotives of its last observations, oldest first, and how many of them the last learning kept.
    emotives jsonb NOT NULL,
    emotives_kept integer NOT NULL,
    metadata jsonb NOT NULL,
    -- What each of its symbols has gained in affinity by it: for each emotive the sum over all learnings.
    affinity jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, node_id, name)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX memory_patterns_seq ON memory_patterns (tenant_id, node_id, seq);

CREATE TABLE memory_vectors (
    tenant_id text NOT NULL,
    node_id text NOT NULL,
    name text NOT NULL,
    seq bigint NOT NULL,
    elements json NOT NULL,
    PRIMARY KEY (tenant_id, node_id, name)
);
CREATE UNIQUE INDEX memory_vectors_seq ON memory_vectors (tenant_id, node_id, seq);

-- Beginnings and ends of sessions, kept for as long as someone may still have to be told of them.
CREATE TABLE memory_notices (
    tenant_id text NOT NULL,
    notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Numbers become visible out of order; who reads goes no further than transactions that are all over.
    written_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_type text NOT NULL,
    data json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX memory_notices_order ON memory_notices (tenant_id, written_in, notice_id);
CREATE INDEX memory_notices_age ON memory_notices (created_at);

-- The last `kept` elements of two lists, one behind the other.
CREATE FUNCTION memory_last(earlier jsonb, later jsonb, kept integer) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT coalesce(jsonb_agg(element ORDER BY n), '[]'::jsonb)
    FROM jsonb_array_elements(earlier || later) WITH ORDINALITY AS all_of_them(element, n)
    WHERE n > jsonb_array_length(earlier) + jsonb_array_length(later) - kept
$$;

-- Two objects of lists of strings: for each name the strings of both, each once, in the order of their characters.
CREATE FUNCTION memory_union(one jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN other = '{}'::jsonb THEN one ELSE coalesce(
        (
            SELECT jsonb_object_agg(key, elements) FROM (
                SELECT key, jsonb_agg(DISTINCT element COLLATE "C" ORDER BY element COLLATE "C") AS elements
                FROM (
                    SELECT key, jsonb_array_elements_text(value) AS element FROM jsonb_each(one)
                    UNION ALL
                    SELECT key, jsonb_array_elements_text(value) AS element FROM jsonb_each(other)
                ) AS both_of_them
                GROUP BY key
            ) AS merged
        ),
        '{}'::jsonb
    ) END
$$;

-- Two objects of numbers, added up name by name.
CREATE FUNCTION memory_sum(one jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN other = '{}'::jsonb THEN one ELSE coalesce(
        (
            SELECT jsonb_object_agg(key, total) FROM (
                SELECT key, sum(value::float8) AS total
                FROM (SELECT * FROM jsonb_each_text(one) UNION ALL SELECT * FROM jsonb_each_text(other)) AS both_of_them
                GROUP BY key
            ) AS added
        ),
        '{}'::jsonb
    ) END
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['memory_nodes', 'memory_sessions', 'memory_observations', 'memory_patterns',
        'memory_vectors', 'memory_notices'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = ANY ((SELECT string_to_array(current_setting(''parley.tenants'', true), '',''))::text[]))
            WITH CHECK (tenant_id = ANY (
                (SELECT string_to_array(current_setting(''parley.tenants'', true), '',''))::text[]))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO parley_service', name);
    END LOOP;
END
$$;
