-- The tables of the main job: a message becomes a turn, a turn a journal of steps, every step that someone else must
-- see a row of the outbox. Every table with a tenant_id has forced row-level security; the services connect as
-- parley_service, which cannot bypass it, and name the tenants of a transaction in the setting parley.tenants.

-- Roles belong to the cluster, not to the database: another database of the same cluster may have made it already.
DO $$
BEGIN
    CREATE ROLE parley_service NOLOGIN NOSUPERUSER NOBYPASSRLS;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

CREATE TABLE tenants (
    tenant_id text PRIMARY KEY,
    name text NOT NULL,
    budget_tokens_per_day bigint CHECK (budget_tokens_per_day >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    -- SHA-256 of the secret: the secret itself is shown once and stored nowhere.
    key_hash bytea PRIMARY KEY CHECK (length(key_hash) = 32),
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    key_id text NOT NULL UNIQUE,
    name text NOT NULL,
    scopes text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

CREATE TABLE personas (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    persona_id text NOT NULL CHECK (persona_id <> ''),
    prompt text,
    tools text[],
    budget_tokens_per_day bigint CHECK (budget_tokens_per_day >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, persona_id)
);

-- The row of a session is also the lock under which its turns are ordered: whoever claims or completes a turn locks it
-- first, so that no accepted turn can be overlooked between two of them.
CREATE TABLE sessions (
    tenant_id text NOT NULL,
    session_id text NOT NULL,
    persona_id text,
    last_seq bigint NOT NULL DEFAULT 0,
    -- seq of the newest user's message, and of the newest one before the last change of it.
    last_turn_seq bigint NOT NULL DEFAULT 0,
    prior_turn_seq bigint NOT NULL DEFAULT 0,
    open_turns integer NOT NULL DEFAULT 0 CHECK (open_turns >= 0),
    metadata json,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, session_id)
) WITH (fillfactor = 70);

-- Partitioned by tenant and session so that a tenant's data can move to another server without a rewrite.
CREATE TABLE session_events (
    tenant_id text NOT NULL,
    session_id text NOT NULL,
    seq bigint NOT NULL,
    -- seq of the user's message that this event belongs to: history in the order of turns.
    turn_seq bigint NOT NULL,
    event_id text NOT NULL,
    role text NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'tool')),
    type text NOT NULL,
    persona_id text,
    message text NOT NULL,
    attachments json,
    metadata json,
    usage json,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, session_id, seq),
    UNIQUE (tenant_id, event_id, session_id)
) PARTITION BY HASH (tenant_id, session_id);

CREATE TABLE turns (
    tenant_id text NOT NULL,
    session_id text NOT NULL,
    turn_id text NOT NULL,
    seq bigint NOT NULL,
    -- seq of the turn before this one in the session, 0 for the first: names the state of the history it starts from.
    prior_seq bigint NOT NULL,
    persona_id text,
    status text NOT NULL DEFAULT 'accepted'
        CHECK (status IN ('accepted', 'running', 'waiting', 'completed', 'failed', 'cancelled')),
    attempt integer NOT NULL DEFAULT 0,
    pending_tools integer NOT NULL DEFAULT 0,
    -- Where the next event of the turn stands in the session's stream, and the number of its next delta.
    stream_next bigint NOT NULL DEFAULT 0,
    delta_next integer NOT NULL DEFAULT 0,
    lease_owner text,
    lease_epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    error_code text,
    error_message text,
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, turn_id, session_id)
) PARTITION BY HASH (tenant_id, session_id);

-- Only unfinished turns are ever searched for; finished ones leave this index.
CREATE INDEX turns_open ON turns (tenant_id, session_id, seq) WHERE finished_at IS NULL;

-- The journal of a turn: what was done, in order, with the answer, so that nothing finished is done or paid twice.
CREATE TABLE turn_steps (
    tenant_id text NOT NULL,
    session_id text NOT NULL,
    turn_id text NOT NULL,
    step integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('policy', 'budget', 'model', 'tool')),
    name text NOT NULL,
    -- For a tool step the event_id of the tool_request; the result carries the same.
    event_id text,
    status text NOT NULL CHECK (status IN ('pending', 'done')),
    attempt integer NOT NULL,
    -- Where the step's event, and for a tool its result's, stands in the turn's stream.
    stream_index bigint,
    result_index bigint,
    request json,
    response json,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, turn_id, session_id, step)
) PARTITION BY HASH (tenant_id, session_id);

DO $$
BEGIN
    FOR n IN 0..7 LOOP
        EXECUTE format('CREATE TABLE session_events_%s PARTITION OF session_events
            FOR VALUES WITH (MODULUS 8, REMAINDER %s)', n, n);
        EXECUTE format('CREATE TABLE turns_%s PARTITION OF turns
            FOR VALUES WITH (MODULUS 8, REMAINDER %s) WITH (fillfactor = 70)', n, n);
        EXECUTE format('CREATE TABLE turn_steps_%s PARTITION OF turn_steps
            FOR VALUES WITH (MODULUS 8, REMAINDER %s)', n, n);
    END LOOP;
END
$$;

-- One row for each tool_request that an executor has taken: the mark that it was processed, and its result.
CREATE TABLE tool_runs (
    tenant_id text NOT NULL,
    event_id text NOT NULL,
    session_id text NOT NULL,
    turn_id text,
    tool_name text NOT NULL,
    status text NOT NULL
        CHECK (status IN ('running', 'success', 'error', 'denied', 'timeout', 'interrupted')),
    args json,
    payload json,
    error text,
    owner text,
    lease_until timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, event_id)
);

-- Events that are committed and not yet processed (or, where nobody must process them, not yet acknowledged).
CREATE TABLE outbox (
    tenant_id text NOT NULL,
    topic text NOT NULL,
    event_id text NOT NULL,
    session_id text NOT NULL,
    payload text NOT NULL,
    -- Where the event stands in its session's stream, for those that clients see.
    position text,
    traceparent text,
    -- 'processed': goes when its consumer has marked the event; 'acked': goes when the broker has acknowledged it.
    goes_when text NOT NULL CHECK (goes_when IN ('processed', 'acked')),
    publish_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, topic, event_id)
);
CREATE INDEX outbox_due ON outbox (publish_at);

CREATE TABLE budget_usage (
    tenant_id text NOT NULL,
    -- '' is the tenant as a whole.
    persona_id text NOT NULL,
    window_start date NOT NULL,
    used_tokens bigint NOT NULL DEFAULT 0 CHECK (used_tokens >= 0),
    PRIMARY KEY (tenant_id, persona_id, window_start)
) WITH (fillfactor = 50);

CREATE TABLE dead_letters (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id text NOT NULL,
    topic text NOT NULL,
    partition_number integer NOT NULL,
    record_offset bigint NOT NULL,
    record_key text,
    reason text NOT NULL,
    payload bytea NOT NULL,
    attempts integer NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at timestamptz NOT NULL DEFAULT now(),
    -- A restarted broker counts offsets from 0 again, so the payload is part of what makes a record the same record.
    payload_hash bytea NOT NULL,
    UNIQUE (topic, partition_number, record_offset, payload_hash)
);

-- Row-level security. The sub-select makes the list of tenants a constant of the statement instead of a call a row.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['api_keys', 'personas', 'sessions', 'session_events', 'turns',
        'turn_steps', 'tool_runs', 'outbox', 'budget_usage', 'dead_letters'] LOOP
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

-- The table of tenants itself: its ids may be listed (the relay must name every tenant it works for), its rows changed
-- only under the tenant's own name.
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_list ON tenants FOR SELECT USING (true);
CREATE POLICY tenant_isolation ON tenants
    USING (tenant_id = ANY ((SELECT string_to_array(current_setting('parley.tenants', true), ','))::text[]))
    WITH CHECK (tenant_id = ANY ((SELECT string_to_array(current_setting('parley.tenants', true), ','))::text[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO parley_service;

-- A credential is looked up before its tenant is known: whoever knows the hash of a key may see that one row.
CREATE POLICY credential_lookup ON api_keys FOR SELECT
    USING (key_hash = decode(NULLIF(current_setting('parley.key_hash', true), ''), 'hex'));

SELECT set_config('parley.tenants', 'default', true);
INSERT INTO tenants (tenant_id, name) VALUES ('default', 'Default tenant');

-- The services wait for the migrations that their build needs, so they must see which are applied.
GRANT SELECT ON schema_migrations TO parley_service;
