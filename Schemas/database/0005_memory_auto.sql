-- Personas that remember by themselves: each message is observed, and what the memory predicts is put before the model.

ALTER TABLE personas
    ADD COLUMN memory text NOT NULL DEFAULT 'off' CHECK (memory IN ('off', 'auto')),
    -- The node that conversations with the persona learn into; its own id by default.
    ADD COLUMN memory_node text CHECK (memory_node <> '');

-- The newest turn whose message was observed: a turn that begins again is not observed again. A session that has one
-- learns what it still holds when it ends.
ALTER TABLE memory_sessions ADD COLUMN turn_seq bigint NOT NULL DEFAULT 0;

-- What the memory predicted is a step of the turn, so that the turn goes on with the same predictions elsewhere.
ALTER TABLE turn_steps
    DROP CONSTRAINT turn_steps_kind_check,
    ADD CONSTRAINT turn_steps_kind_check CHECK (kind IN ('policy', 'budget', 'model', 'tool', 'memory'));
