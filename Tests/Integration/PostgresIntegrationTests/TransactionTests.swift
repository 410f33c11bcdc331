import Postgres
import TestKit
import Testing

@Suite("Transactions against a real server", .timeLimit(.minutes(2)))
struct TransactionTests {
    private struct Refused: Error {}

    @Test("a transaction that returns is committed, one that throws is rolled back")
    func commitAndRollback() async throws {
        try await withClient([.set(\.poolSize, 2)]) { client in
            _ = try await client.query("CREATE TABLE notes (n int PRIMARY KEY)")
            let count = try await client.transaction { transaction in
                _ = try await transaction.query("INSERT INTO notes VALUES ($1)", [1])
                let seen = try await client.query("SELECT count(*) FROM notes").rows.first?.int(0)
                #expect(seen == 0, "another connection sees nothing before the commit")
                return try await transaction.query("SELECT count(*) FROM notes").rows.first?.int(0)
            }
            #expect(count == 1)
            await #expect(throws: Refused.self) {
                try await client.transaction { transaction in
                    _ = try await transaction.batch([
                        ("INSERT INTO notes VALUES (2)", []), ("INSERT INTO notes VALUES (3)", []),
                    ])
                    throw Refused()
                }
            }
            #expect(try await client.query("SELECT count(*) FROM notes").rows.first?.int(0) == 1)
            #expect(client.statistics.connections <= 2)
        }
    }

    @Test("a swallowed error does not look committed")
    func swallowedError() async throws {
        try await withClient { client in
            _ = try await client.query("CREATE TABLE notes (n int PRIMARY KEY)")
            let error = await #expect(throws: PostgresError.self) {
                try await client.transaction { transaction in
                    _ = try await transaction.query("INSERT INTO notes VALUES (1)")
                    _ = try? await transaction.query("INSERT INTO notes VALUES (1)")
                }
            }
            #expect(error?.sqlState == "25P02")
            #expect(try await client.query("SELECT count(*) FROM notes").rows.first?.int(0) == 0)
        }
    }

    @Test("a transaction is of no use after its end")
    func useAfterEnd() async throws {
        try await withClient { client in
            let kept = try await client.transaction { transaction in
                _ = try await transaction.query("SELECT 1")
                return transaction
            }
            let error = await #expect(throws: PostgresError.self) { try await kept.query("SELECT 1") }
            #expect(error?.code == .closed)
        }
    }

    @Test("a transaction command outside of a transaction does not poison the pool")
    func strayBegin() async throws {
        try await withClient([.set(\.poolSize, 1)]) { client in
            let before = try await client.query("SELECT pg_backend_pid()").rows.first?.int(0)
            _ = try await client.query("BEGIN")
            let after = try await client.query("SELECT pg_backend_pid()").rows.first?.int(0)
            #expect(before != after, "the connection with the open transaction is not used again")
        }
    }

    @Test("settings end with their transaction, and row-level security sees them: batch, transaction, query")
    func settingsAreLocal() async throws {
        try await withPostgres { endpoint in
            try await endpoint.sql(
                """
                CREATE ROLE \(endpoint.database)_app LOGIN;
                CREATE TABLE secrets (tenant_id text, word text);
                INSERT INTO secrets VALUES ('a', 'alpha'), ('b', 'beta');
                ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
                ALTER TABLE secrets FORCE ROW LEVEL SECURITY;
                CREATE POLICY own ON secrets
                    USING (tenant_id = ANY(string_to_array(current_setting('parley.tenants', true), ',')));
                GRANT ALL ON secrets TO \(endpoint.database)_app;
                """
            )
            let role = endpoint.user("\(endpoint.database)_app")
            var configuration = PostgresConfiguration(url: role.connectionString)
            configuration.poolSize = 1
            try await withClient(configuration) { client in try await checkTenants(client) }
            try await endpoint.sql("DROP OWNED BY \(role.user); DROP ROLE \(role.user)")
        }
    }

    private func checkTenants(_ client: PostgresClient) async throws {
        let select: PostgresStatement = "SELECT word FROM secrets ORDER BY word"
        func words(_ result: PostgresResult?) throws -> [String] { try result?.rows.map { try $0.string(0) } ?? [] }
        #expect(try words(try await client.query(select)) == [])
        let batch = try await client.batch(settings: [("parley.tenants", "a")], [(select, [])])
        #expect(try words(batch.first) == ["alpha"])
        #expect(try words(try await client.query(select)) == [], "nothing stays on the connection after a batch")
        let both = try await client.batch(
            settings: [("parley.tenants", "a,b"), ("application_name", "local")],
            [(select, []), ("SELECT current_setting('application_name')", [])]
        )
        #expect(try words(both.first) == ["alpha", "beta"])
        #expect(try both.last?.rows.first?.string(0) == "local")
        let inside = try await client.transaction(settings: [("parley.tenants", "b")]) { transaction in
            _ = try await transaction.query("SELECT 1")
            return try await transaction.query(select)
        }
        #expect(try words(inside) == ["beta"])
        #expect(try words(try await client.query(select)) == [], "nothing stays after a transaction")
        _ = try? await client.transaction(settings: [("parley.tenants", "b")]) { transaction in
            _ = try await transaction.query("SELECT 1/0")
        }
        #expect(try words(try await client.query(select)) == [], "nothing stays after a failed transaction")
        _ = try? await client.batch(settings: [("parley.tenants", "b")], [("SELECT 1/0", [])])
        #expect(try words(try await client.query(select)) == [], "nothing stays after a failed batch")
        let error = await #expect(throws: PostgresError.self) {
            try await client.batch(
                settings: [("parley.tenants", "a")],
                [("INSERT INTO secrets VALUES ('b', 'gamma')", [])]
            )
        }
        #expect(error?.sqlState == "42501", "a row of another tenant cannot be written")
    }
}
