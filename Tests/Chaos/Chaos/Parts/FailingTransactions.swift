/// Transactions of the services that the database fails at random.
enum FailingTransactions {
    private static let tables = [
        "sessions", "session_events", "turns", "turn_steps", "tool_runs", "outbox", "budget_usage", "idempotency_keys",
    ]

    /// Prepares it; nothing fails yet.
    ///
    /// Triggers are made while nobody writes, because making one waits for writers.
    static let prepare =
        function("") + ";\n"
        + tables.map {
            """
            CREATE TRIGGER chaos_fail BEFORE INSERT OR UPDATE OR DELETE ON \($0)
            FOR EACH STATEMENT EXECUTE FUNCTION chaos_fail();
            """
        }.joined(separator: "\n")

    /// From here on 30 % of all transactions that write fail, each at its first write and with one of the errors that
    /// Postgres has for it: what decides is the number of the transaction, so that a longer one is not hit more often.
    static let begin = function(
        """
        IF kind < 8 THEN RAISE EXCEPTION 'chaos' USING ERRCODE = '40001';
        ELSIF kind < 16 THEN RAISE EXCEPTION 'chaos' USING ERRCODE = '40P01';
        ELSIF kind < 23 THEN RAISE EXCEPTION 'chaos' USING ERRCODE = '57P01';
        ELSIF kind < 30 THEN RAISE EXCEPTION 'chaos' USING ERRCODE = '55P03';
        END IF;
        """
    )

    /// Nothing fails any longer.
    static let end = function("")

    private static func function(_ body: String) -> String {
        """
        CREATE OR REPLACE FUNCTION chaos_fail() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            kind integer := abs(hashint8(pg_current_xact_id()::text::bigint)) % 100;
        BEGIN
            \(body)
            RETURN NULL;
        END $$
        """
    }
}
