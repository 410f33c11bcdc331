-- Every statement on these tables finds its rows by key, whatever the statistics say; while they grow fast, counting them
-- again after each tenth cost an eighth of what Postgres spent on accepting messages. After each doubling is enough.
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN
        SELECT inhrelid::regclass FROM pg_inherits
        WHERE inhparent IN ('session_events'::regclass, 'turns'::regclass, 'turn_steps'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_analyze_scale_factor = 1)', part);
    END LOOP;
END
$$;
ALTER TABLE outbox SET (autovacuum_analyze_scale_factor = 1);
ALTER TABLE sessions SET (autovacuum_analyze_scale_factor = 1);
