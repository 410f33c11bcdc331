-- What faults need: keys of requests that may come twice, dead letters that can be sent again, and the indexes by which
-- old rows are found and removed.

-- One row for each request with an Idempotency-Key, written in the transaction of the request's effect: either both are
-- there or neither, so a client that was cut off can ask again and gets the first answer.
CREATE TABLE idempotency_keys (
    tenant_id text NOT NULL,
    -- key_id of the API key that the request came with: keys of two clients of a tenant do not meet.
    credential_id text NOT NULL,
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    -- SHA-256 of method, path, query and body: the same key for another request is the client's mistake.
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    -- The first answer.
    status integer NOT NULL,
    content_type text NOT NULL,
    body bytea NOT NULL,
    -- Until when the first request may still be at it, where its answer can change after the effect is committed.
    open_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, credential_id, idempotency_key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON idempotency_keys
    USING (tenant_id = ANY ((SELECT string_to_array(current_setting('parley.tenants', true), ','))::text[]))
    WITH CHECK (tenant_id = ANY ((SELECT string_to_array(current_setting('parley.tenants', true), ','))::text[]));
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO parley_service;

-- To send a dead letter again as it came: its headers, each an array of name and value in hexadecimal digits.
ALTER TABLE dead_letters
    ADD COLUMN headers json NOT NULL DEFAULT '[]',
    ADD COLUMN redrives integer NOT NULL DEFAULT 0,
    ADD COLUMN redriven_at timestamptz;
CREATE INDEX dead_letters_of_tenant ON dead_letters (tenant_id, dead_letter_id);
CREATE INDEX dead_letters_age ON dead_letters (last_at);

-- Old journals are found by their first step: one entry a turn, and none once the journal is gone.
CREATE INDEX turn_steps_age ON turn_steps (started_at) WHERE step = 1;
CREATE INDEX tool_runs_age ON tool_runs (finished_at) WHERE finished_at IS NOT NULL;
