import EventBus
import Foundation
import JSON
import TestKit
import Testing

/// `parleyctl dlq`, on a database and a broker of its own, as the role that row-level security binds.
@Suite(.timeLimit(.minutes(3))) struct DeadLettersCommandTests {
    private func withTerminal(
        _ body: (OperatorTerminal, PostgresEndpoint, BusTerminal) async throws -> Void
    )
        async throws
    {
        try await withPostgres { endpoint in
            try await withBroker { broker in
                let owner = OperatorTerminal(settings: ["PARLEY_MIGRATION_DATABASE_URL": endpoint.connectionString])
                #expect(try await owner.run("migrate").exit == .exited(0))
                _ = try? await endpoint.sql("ALTER ROLE parley_service LOGIN")
                let bus = try BusTerminal(broker)
                let terminal = OperatorTerminal(settings: [
                    "PARLEY_DATABASE_URL": endpoint.user("parley_service").connectionString,
                    "PARLEY_KAFKA_BROKERS": broker.bootstrapServers,
                ])
                try await bus.makeTopic("tool.requests")
                try await bus.makeTopic("tool.results")
                _ = try await terminal.run("tenants", "create", "acme")
                try await endpoint.sql(
                    """
                    INSERT INTO dead_letters (tenant_id, topic, partition_number, record_offset, record_key, reason,
                            payload, payload_hash, headers, attempts, last_at)
                    SELECT t, topic, 0, n, 'session-' || n, reason, convert_to('secret-' || n, 'UTF8'), sha256('x'),
                        '[["74656e616e74","61636d65"]]', 5, now() - age
                    FROM (VALUES ('default', 'tool.requests', 1, 'malformed: no JSON', interval '8 days'),
                        ('default', 'tool.requests', 2, 'failed: Oops', interval '1 day'),
                        ('default', 'tool.results', 3, E'failed: \\x1b[31mOops', interval '1 hour'),
                        ('acme', 'tool.requests', 4, 'malformed: no JSON', interval '8 days'))
                        AS v(t, topic, n, reason, age) ORDER BY n;
                    """
                )
                try await body(terminal, endpoint, bus)
            }
        }
    }

    @Test func lettersAreListedWithoutTheirTextAndShownWithIt() async throws {
        try await withTerminal { terminal, _, _ in
            let all = try await terminal.run("dlq", "list")
            #expect(all.exit == .exited(0), "\(all.standardError)")
            #expect(all.rows.map { $0[0] } == ["3", "2", "1"])
            #expect(all.rows[1].prefix(6) == ["2", "tool.requests/0/2", "session-2", "5", "0", "8"])
            #expect(all.lines[2].hasSuffix("failed: Oops"))
            #expect(!all.standardOutput.contains("secret") && !all.standardOutput.contains("\u{1B}"))
            #expect(try await terminal.run("dlq", "list", "--topic", "tool.requests").rows.map { $0[0] } == ["2", "1"])
            #expect(try await terminal.run("dlq", "list", "--reason", "failed").rows.map { $0[0] } == ["3", "2"])
            #expect(try await terminal.run("dlq", "list", "--tenant", "acme").rows.map { $0[0] } == ["4"])
            let two = try await terminal.run("dlq", "list", "--limit", "2")
            #expect(two.rows.map { $0[0] } == ["3", "2"])
            #expect(two.standardError.contains("there are more"))
            #expect(try await terminal.run("dlq", "list", "--limit", "500").rows.count == 3)
            try await terminal.run("dlq", "list", "--limit", "501").expectFailure(64, "from 1 to 500")
            try await terminal.run("dlq", "list", "--limit", "0").expectFailure(64, "from 1 to 500")
            try await terminal.run("dlq", "list", "--topic", "nothing").expectFailure(64, "--topic")
            try await terminal.run("dlq", "list", "--reason", "nothing").expectFailure(64, "malformed")
            try await terminal.run("dlq", "list", "--tenant", "none").expectFailure(1, "no tenant none")

            let shown = try await terminal.run("dlq", "show", "1")
            let json = try JSONValue.parse(shown.standardOutput.trimmingCharacters(in: .newlines))
            #expect(json["payload"] == "secret-1")
            #expect(json["headers"] == [["name": "tenant", "value": "acme"]])
            #expect(json["reason"] == "malformed")
            try await terminal.run("dlq", "show", "4").expectFailure(1, "default has no dead letter 4")
            try await terminal.run("dlq", "show").expectFailure(64, "show needs one ID")
            try await terminal.run("dlq", "show", "x").expectFailure(64, #"ID is "x""#)
            try await terminal.run("dlq", "keep").expectFailure(64, "parleyctl dlq --help")
        }
    }

    @Test func lettersAreSentAgainAsTheyCame() async throws {
        try await withTerminal { terminal, endpoint, bus in
            let one = try await terminal.run("dlq", "redrive", "2")
            #expect(one.exit == .exited(0), "\(one.standardError)")
            #expect(one.lines == ["dead letter 2 is sent again"])
            let marks =
                "SELECT string_agg(redrives || coalesce(left(redriven_at::text, 0), '-'), ',' ORDER BY dead_letter_id)"
            #expect(try await endpoint.sql("\(marks) FROM dead_letters") == "0-,1,0-,0-")
            // Of the topic, only what was never sent again; then all, oldest first.
            let rest = try await terminal.run("dlq", "redrive", "--topic", "tool.requests", "--yes")
            #expect(rest.lines == ["1 dead letters are sent again"])
            let all = try await terminal.run("dlq", "redrive", "--topic", "tool.requests", "--all", "--yes")
            #expect(all.lines == ["2 dead letters are sent again"])
            #expect(try await endpoint.sql("\(marks) FROM dead_letters") == "2,2,0-,0-")
            let sent = try await bus.terminal.run("tail", "tool.requests", "--from-beginning", "--json", "--count", "4")
            let records = try sent.lines.map { try JSONValue.parse($0) }
            #expect(records.map { $0["raw"] } == ["secret-2", "secret-1", "secret-1", "secret-2"])
            #expect(records.map { $0["key"] } == ["session-2", "session-1", "session-1", "session-2"])
            #expect(records.allSatisfy { $0["headers"] == ["tenant": "acme"] })

            let mixed = try await terminal.run("dlq", "redrive", "3", "4")
            mixed.expectFailure(1, "default has no dead letter 4")
            #expect(mixed.lines == ["dead letter 3 is sent again"])
            try await terminal.run("dlq", "redrive").expectFailure(64, "IDs or --topic")
            try await terminal.run("dlq", "redrive", "1", "--topic", "tool.requests").expectFailure(64, "not both")
            try await terminal.run("dlq", "redrive", "--topic", "tool.requests", input: "yes\n")
                .expectFailure(64, "give --yes")
            #expect(try await endpoint.sql("\(marks) FROM dead_letters") == "2,2,1,0-")
        }
    }

    @Test func lettersAreRemovedWhenTheyAreOldEnoughAndSomebodyIsSure() async throws {
        try await withTerminal { terminal, endpoint, _ in
            let ids = "SELECT string_agg(dead_letter_id::text, ',' ORDER BY dead_letter_id) FROM dead_letters"
            try await terminal.run("dlq", "purge", "--topic", "tool.requests").expectFailure(64, "give --yes")
            try await terminal.run("dlq", "purge", "--topic", "tool.requests", "--older-than", "soon", "--yes")
                .expectFailure(64, "--older-than")
            try await terminal.run("dlq", "purge", "--older-than", "7d", "--yes").expectFailure(64, "IDs or --topic")
            #expect(try await endpoint.sql(ids) == "1,2,3,4")
            let none = try await terminal.run(
                "dlq",
                "purge",
                "--topic",
                "tool.requests",
                "--older-than",
                "9d",
                "--yes"
            )
            #expect(none.lines == ["0 dead letters are removed"])
            let old = try await terminal.run(
                "dlq",
                "purge",
                "--topic",
                "tool.requests",
                "--older-than",
                "7d",
                "--yes"
            )
            #expect(old.lines == ["1 dead letters are removed"])
            #expect(try await endpoint.sql(ids) == "2,3,4")
            #expect(try await terminal.run("dlq", "purge", "3").lines == ["dead letter 3 is removed"])
            try await terminal.run("dlq", "purge", "3").expectFailure(1, "no dead letter 3")
            try await terminal.run("dlq", "purge", "4").expectFailure(1, "no dead letter 4")
            let all = try await terminal.run("dlq", "purge", "--topic", "tool.requests", "--yes")
            #expect(all.lines == ["1 dead letters are removed"])
            #expect(try await endpoint.sql(ids) == "4")
        }
    }
}
