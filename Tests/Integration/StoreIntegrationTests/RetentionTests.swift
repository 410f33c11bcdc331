import Domain
import Foundation
import JSON
import Postgres
import Store
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct RetentionTests {
    private static func store(_ stores: Stores, batchMax: Int = 500) -> RetentionStore {
        var configuration = RetentionConfiguration()
        configuration.batchMax = batchMax
        return RetentionStore(database: stores.database, configuration: configuration, store: .init())
    }

    /// Rows of every kind and of two tenants, as old as their names say: `old` a second over the time, `young` a minute
    /// under it, `open` old and not at its end.
    private static func fill(_ endpoint: PostgresEndpoint) async throws {
        _ = try await endpoint.sql(
            """
            INSERT INTO tenants (tenant_id, name) VALUES ('acme', 'acme');
            INSERT INTO turns (tenant_id, session_id, turn_id, seq, prior_seq, finished_at)
                SELECT tenant, 's', name, n, 0, CASE WHEN name <> 'open' THEN now() - age END
                FROM unnest(ARRAY['default', 'acme']) AS tenant,
                    (VALUES ('old', 1, interval '38 days 1 s'), ('young', 2, interval '37 days 23:59'),
                        ('open', 3, interval '60 days')) AS v(name, n, age);
            INSERT INTO turn_steps (tenant_id, session_id, turn_id, step, kind, name, status, attempt, started_at)
                SELECT tenant_id, session_id, turn_id, step, 'model', 'm', 'done', 1, now() - interval '60 days'
                FROM turns, generate_series(1, 3) AS step;
            INSERT INTO tool_runs (tenant_id, event_id, session_id, tool_name, status, finished_at)
                SELECT tenant_id, turn_id, 's', 'echo', CASE WHEN finished_at IS NULL THEN 'running' ELSE 'success' END,
                    finished_at FROM turns;
            INSERT INTO idempotency_keys
                (tenant_id, credential_id, idempotency_key, request_hash, status, content_type, body, created_at)
                SELECT tenant, 'c', name, sha256('x'), 200, 'a/b', '', now() - age
                FROM unnest(ARRAY['default', 'acme']) AS tenant,
                    (VALUES ('old', interval '24:00:01'), ('young', interval '23:59')) AS v(name, age);
            INSERT INTO dead_letters (tenant_id, topic, partition_number, record_offset, record_key, reason, payload,
                    payload_hash, first_at, last_at)
                SELECT tenant, 't-' || tenant, 0, n, name, 'r', '', sha256('x'), now() - interval '99 days', now() - age
                FROM unnest(ARRAY['default', 'acme']) AS tenant,
                    (VALUES ('old', 1, interval '30 days 1 s'), ('young', 2, interval '29 days 23:59'))
                        AS v(name, n, age);
            -- A day is over at its end in UTC, wherever the server stands.
            SET timezone = 'Pacific/Kiritimati';
            INSERT INTO budget_usage (tenant_id, persona_id, window_start, used_tokens)
                SELECT tenant, name, ((now() AT TIME ZONE 'UTC')::date - days), 7
                FROM unnest(ARRAY['default', 'acme']) AS tenant,
                    (VALUES ('old', 401), ('young', 400), ('open', 0)) AS v(name, days);
            """
        )
    }

    private static func left(_ endpoint: PostgresEndpoint) async throws -> String {
        try await endpoint.sql(
            """
            SELECT 'steps', tenant_id, turn_id, count(*) FROM turn_steps GROUP BY 2, 3
            UNION ALL SELECT 'runs', tenant_id, event_id, 1 FROM tool_runs
            UNION ALL SELECT 'keys', tenant_id, idempotency_key, 1 FROM idempotency_keys
            UNION ALL SELECT 'usage', tenant_id, persona_id, used_tokens FROM budget_usage
            UNION ALL SELECT 'letters', tenant_id, record_key, 1 FROM dead_letters
            ORDER BY 1, 2, 3
            """
        )
    }

    @Test func whatIsOlderThanItHasToBeGoesAndNothingElse() async throws {
        try await withStores { stores in
            try await Self.fill(stores.endpoint)
            let before = try await Self.left(stores.endpoint).split(separator: "\n").map(String.init)
            let retention = Self.store(stores)
            for kind in RetentionStore.Kind.allCases {
                #expect(try await !retention.removeBatch(kind, tenants: ["default"]))
            }
            // Of the tenants that were named, and of no other.
            let afterOne = try await Self.left(stores.endpoint).split(separator: "\n").map(String.init)
            #expect(afterOne == before.filter { !$0.contains("|default|old|") })
            for kind in RetentionStore.Kind.allCases {
                #expect(try await !retention.removeBatch(kind, tenants: ["acme", "default"]))
            }
            let afterAll = try await Self.left(stores.endpoint).split(separator: "\n").map(String.init)
            #expect(afterAll == before.filter { !$0.contains("|old|") })
            // Turns themselves stay: they are the mark that a message was processed.
            #expect(try await stores.endpoint.sql("SELECT count(*) FROM turns") == "6")
        }
    }

    /// The statements that the guide gives to operators.
    private static func guide() throws -> String {
        let text = try String(contentsOfFile: PackageRoot.path + "/docs/RETENTION.md", encoding: .utf8)
        let parts = text.components(separatedBy: "```")
        return String(try #require(parts.first { $0.hasPrefix("sql\n") }).dropFirst(4))
    }

    @Test("What the guide says removes one tenant's old conversations and nothing else, as the role of the services")
    func oldConversations() async throws {
        try await withStores { stores in
            try await stores.endpoint.sql(
                """
                INSERT INTO tenants (tenant_id, name) VALUES ('acme', 'acme');
                INSERT INTO sessions (tenant_id, session_id, open_turns, updated_at)
                    SELECT tenant, name, open, now() - age
                    FROM unnest(ARRAY['default', 'acme']) AS tenant, (VALUES ('old', 0, interval '1 year 1 s'),
                        ('open', 1, interval '2 years'), ('young', 0, interval '1 year' - interval '1 minute'))
                        AS v(name, open, age);
                INSERT INTO session_events (tenant_id, session_id, seq, turn_seq, event_id, role, type, message)
                    SELECT tenant_id, session_id, 1, 1, session_id, 'user', 'message', 'm' FROM sessions;
                INSERT INTO turns (tenant_id, session_id, turn_id, seq, prior_seq)
                    SELECT tenant_id, session_id, session_id, 1, 0 FROM sessions;
                INSERT INTO turn_steps (tenant_id, session_id, turn_id, step, kind, name, status, attempt)
                    SELECT tenant_id, session_id, session_id, 1, 'model', 'm', 'done', 1 FROM sessions;
                """
            )
            let left =
                ["sessions", "session_events", "turns", "turn_steps"].map {
                    "SELECT '\($0)', tenant_id, session_id FROM \($0)"
                }.joined(separator: " UNION ALL ") + " ORDER BY 1, 2, 3"
            let before = try await stores.endpoint.sql(left).split(separator: "\n")
            #expect(before.count == 24)
            try await stores.endpoint.user("parley_service").sql(try Self.guide())
            let after = try await stores.endpoint.sql(left).split(separator: "\n")
            #expect(after == before.filter { !$0.hasSuffix("|acme|old") })
        }
    }

    @Test func oneTransactionRemovesSoManyAndNotOneMore() async throws {
        try await withStores { stores in
            try await Self.fill(stores.endpoint)
            let retention = Self.store(stores, batchMax: 1)
            let keys = "SELECT count(*) FROM idempotency_keys"
            #expect(try await retention.removeBatch(.idempotencyKeys, tenants: ["acme", "default"]))
            #expect(try await stores.endpoint.sql(keys) == "3")
            #expect(try await retention.removeBatch(.idempotencyKeys, tenants: ["acme", "default"]))
            #expect(try await !retention.removeBatch(.idempotencyKeys, tenants: ["acme", "default"]))
            #expect(try await stores.endpoint.sql(keys) == "2")
        }
    }

    @Test func whoeverFindsTheLockTakenLeavesTheWorkToItsHolder() async throws {
        try await withStores { stores in
            try await Self.fill(stores.endpoint)
            let before = try await Self.left(stores.endpoint)
            try await stores.database.transaction { transaction in
                _ = try await transaction.query("SELECT pg_advisory_xact_lock(7263548190)")
                for kind in RetentionStore.Kind.allCases {
                    #expect(try await !Self.store(stores).removeBatch(kind, tenants: ["acme", "default"]))
                }
            }
            #expect(try await Self.left(stores.endpoint) == before)
            #expect(try await !Self.store(stores).removeBatch(.toolRuns, tenants: ["acme", "default"]))
            #expect(try await Self.left(stores.endpoint) != before)
        }
    }
}
