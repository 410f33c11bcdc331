import Foundation
import TestKit
import Testing

/// The commands that change the database, on a database of their own, as the role that row-level security binds.
@Suite(.timeLimit(.minutes(3))) struct AdministrationTests {
    private func withTerminal(_ body: (OperatorTerminal, PostgresEndpoint) async throws -> Void) async throws {
        try await withPostgres { endpoint in
            let owner = OperatorTerminal(settings: ["PARLEY_MIGRATION_DATABASE_URL": endpoint.connectionString])
            let migrated = try await owner.run("migrate")
            #expect(migrated.exit == .exited(0), "\(migrated.standardError)")
            #expect(migrated.lines.contains { $0.hasPrefix("applied 0001") })
            #expect(try await owner.run("migrate").lines == ["nothing to do: every migration is applied"])
            _ = try? await endpoint.sql("ALTER ROLE parley_service LOGIN")
            let url = endpoint.user("parley_service").connectionString
            try await body(OperatorTerminal(settings: ["PARLEY_DATABASE_URL": url]), endpoint)
        }
    }

    @Test func tenantsAreMadeAndListed() async throws {
        try await withTerminal { terminal, _ in
            let created = try await terminal.run("tenants", "create", "acme", "--name", "Acme Corporation")
            #expect(created.exit == .exited(0), "\(created.standardError)")
            let listed = try await terminal.run("tenants", "list")
            #expect(listed.lines[0].hasPrefix("TENANT"))
            #expect(listed.lines.contains { $0.hasPrefix("acme     Acme Corporation  20") })
            #expect(listed.rows.map { $0[0] } == ["acme", "default"])
            try await terminal.run("tenants", "create", "acme").expectFailure(1, "a tenant acme already")
            try await terminal.run("tenants", "create", "a,b").expectFailure(64, #"TENANT is "a,b""#)
            let longest = String(repeating: "t", count: 128)
            #expect(try await terminal.run("tenants", "create", longest).exit == .exited(0))
            try await terminal.run("tenants", "create", longest + "t").expectFailure(64)
            try await terminal.run("tenants", "create").expectFailure(64, "TENANT is missing")
            let name = String(repeating: "n", count: 201)
            try await terminal.run("tenants", "create", "b", "--name", name).expectFailure(
                64,
                "--name must be 1 to 200"
            )
        }
    }

    @Test func keysAreShownOnceAndRevoked() async throws {
        try await withTerminal { terminal, endpoint in
            let created = try await terminal.run("keys", "create", "--name", "first key")
            let key = try #require(created.lines.first)
            #expect(created.lines.count == 1)
            #expect(key.hasPrefix("pk_") && key.count == 46)
            #expect(!created.standardError.contains(key))
            let listed = try await terminal.run("keys", "list")
            #expect(listed.rows.count == 1)
            #expect(listed.lines[1].contains("first key"))
            #expect(listed.lines[1].hasSuffix("active"))
            #expect(!listed.standardOutput.contains(key.dropFirst(3)))
            let keyID = try #require(listed.rows.first?.first)
            #expect(created.standardError.contains(keyID))

            // The key of one tenant is not there for another.
            _ = try await terminal.run("tenants", "create", "acme")
            try await terminal.run("keys", "revoke", keyID, "--tenant", "acme").expectFailure(
                1,
                "acme has no active key"
            )
            #expect(try await terminal.run("keys", "list", "--tenant", "acme").rows.isEmpty)

            let revoked = try await terminal.run("keys", "revoke", keyID)
            #expect(revoked.exit == .exited(0), "\(revoked.standardError)")
            #expect(try await endpoint.sql("SELECT revoked_at IS NOT NULL FROM api_keys") == "t")
            #expect(try await terminal.run("keys", "list").lines[1].contains("revoked 20"))
            try await terminal.run("keys", "revoke", keyID).expectFailure(1, "no active key \(keyID)")
            try await terminal.run("keys", "create", "--tenant", "none").expectFailure(
                1,
                "no tenant none",
                "tenants create"
            )
            try await terminal.run("keys", "list", "--tenant", "none").expectFailure(1, "no tenant none")
            try await terminal.run("keys", "drop").expectFailure(64, "parleyctl keys --help")
            try await terminal.run("keys", "list", "--name", "x").expectFailure(64, "--name")
        }
    }

    @Test func aKeyMayBeLimitedToScopes() async throws {
        try await withTerminal { terminal, endpoint in
            for (scope, shown) in [("messages", "messages"), ("admin", "admin"), ("messages,admin", "messages,admin")] {
                let created = try await terminal.run("keys", "create", "--name", "k", "--scope", scope)
                #expect(created.exit == .exited(0))
                #expect(try await terminal.run("keys", "list").lines.last?.contains(" \(shown) ") ?? false)
            }
            for wrong in ["all", "Admin", "messages,", "admin;"] {
                try await terminal.run("keys", "create", "--scope", wrong).expectFailure(64, "messages or admin")
            }
            #expect(try await endpoint.sql("SELECT count(*) FROM api_keys") == "3")
            try await terminal.run("keys", "list", "--scope", "admin").expectFailure(64, "--scope")
        }
    }

    @Test func budgetsAreSetAndShown() async throws {
        try await withTerminal { terminal, endpoint in
            #expect(try await terminal.run("budgets", "show").rows == [["default", "(all)", "none", "0", "-"]])
            #expect(try await terminal.run("budgets", "set", "1000").exit == .exited(0))
            #expect(try await terminal.run("budgets", "set", "--persona", "helper", "0").exit == .exited(0))
            try await endpoint.sql(
                """
                INSERT INTO budget_usage VALUES
                    ('default', '', (now() AT TIME ZONE 'UTC')::date, 400),
                    ('default', 'other', (now() AT TIME ZONE 'UTC')::date, 7),
                    ('default', '', (now() AT TIME ZONE 'UTC')::date - 1, 9999)
                """
            )
            #expect(
                try await terminal.run("budgets", "show").rows == [
                    ["default", "(all)", "1000", "400", "600"], ["default", "helper", "0", "0", "0"],
                    ["default", "other", "none", "7", "-"],
                ]
            )
            #expect(try await endpoint.sql("SELECT budget_tokens_per_day FROM tenants") == "1000")
            #expect(try await terminal.run("budgets", "set", "--persona", "helper", "none").exit == .exited(0))
            #expect(
                try await terminal.run("budgets", "show", "--persona", "helper").rows
                    == [["default", "helper", "none", "0", "-"]]
            )
            try await terminal.run("budgets", "show", "--persona", "nobody").expectFailure(1, "no persona nobody")
            try await terminal.run("budgets", "set", "--tenant", "none", "5").expectFailure(1, "no tenant none")
            try await terminal.run("budgets", "set", "--tenant", "none", "--persona", "p", "5").expectFailure(1)
            try await terminal.run("budgets", "show", "--tenant", "none").expectFailure(1, "no tenant none")
            try await terminal.run("budgets", "set", "lots").expectFailure(64, #"TOKENS is "lots""#)
            try await terminal.run("budgets", "set").expectFailure(64, "TOKENS is missing")
        }
    }

    @Test func personasAreSetAndListed() async throws {
        try await withTerminal { terminal, endpoint in
            #expect(try await terminal.run("personas", "list").rows == [])
            #expect(try await terminal.run("personas", "set", "--memory", "auto", "guide").exit == .exited(0))
            #expect(
                try await terminal.run("personas", "set", "--prompt", "Be brief.", "--memory-node", "n", "clerk").exit
                    == .exited(0)
            )
            #expect(
                try await terminal.run("personas", "list").rows == [
                    ["default", "clerk", "off", "-", "(all)", "own"],
                    ["default", "guide", "auto", "guide", "(all)", "usual"],
                ]
            )
            // What is not named stays.
            #expect(try await terminal.run("personas", "set", "--memory", "auto", "clerk").exit == .exited(0))
            #expect(
                try await endpoint.sql("SELECT prompt, memory, memory_node FROM personas WHERE persona_id = 'clerk'")
                    == "Be brief.|auto|n"
            )
            #expect(try await terminal.run("personas", "set", "--memory", "off", "guide").exit == .exited(0))
            #expect(try await terminal.run("personas", "list").rows.last?[2] == "off")
            try await terminal.run("personas", "set", "--memory", "on", "p").expectFailure(64, "auto or off")
            try await terminal.run("personas", "set", "--prompt", "", "p").expectFailure(64, "--prompt needs a value")
            let prompt = String(repeating: "x", count: 100_000)
            #expect(try await terminal.run("personas", "set", "--prompt", prompt, "clerk").exit == .exited(0))
            try await terminal.run("personas", "set", "--prompt", prompt + "x", "clerk")
                .expectFailure(64, "at most 100000 bytes")
            try await terminal.run("personas", "set").expectFailure(64, "PERSONA is missing")
            try await terminal.run("personas", "set", "--tenant", "none", "p").expectFailure(1, "no tenant none")
            try await terminal.run("personas", "list", "--tenant", "none").expectFailure(1, "no tenant none")
        }
    }

    @Test func aDatabaseThatIsNotReadyIsSaid() async throws {
        try await withPostgres { endpoint in
            let empty = OperatorTerminal(settings: ["PARLEY_DATABASE_URL": endpoint.connectionString])
            try await empty.run("tenants", "list").expectFailure(1, "run parleyctl migrate")
            let url = "postgres://parley:hunter2@127.0.0.1:\(try freePort())/parley"
            let result = try await OperatorTerminal(settings: ["PARLEY_DATABASE_URL": url]).run("tenants", "list")
            result.expectFailure(1, "the database: ")
            #expect(!result.standardError.contains("hunter2"))
            try await OperatorTerminal().run("tenants", "list").expectFailure(1, "PARLEY_DATABASE_URL: is not set")
        }
    }
}
