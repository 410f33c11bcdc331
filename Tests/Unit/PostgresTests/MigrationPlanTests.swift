import Testing

@testable import Postgres

@Suite("The plan of migrations")
struct MigrationPlanTests {
    private func candidate(_ name: String, _ checksum: String = "c") throws -> MigrationPlan.Candidate {
        MigrationPlan.Candidate(file: try MigrationFile(name: name, sql: "SELECT 1"), checksum: checksum)
    }

    @Test("what is not applied yet comes in order")
    func pending() throws {
        let files = [try candidate("0002_b.sql"), try candidate("0001_a.sql"), try candidate("0003_c.sql")]
        let applied = [AppliedMigration(number: 1, name: "0001_a.sql", checksum: "c")]
        #expect(try MigrationPlan.pending(files, applied: applied).map(\.file.name) == ["0002_b.sql", "0003_c.sql"])
        #expect(try MigrationPlan.pending(files, applied: []).count == 3)
        #expect(try MigrationPlan.pending([], applied: []).isEmpty)
    }

    @Test("gaps, doubles, edits, renames and unknown records are errors that name the file")
    func contradictions() throws {
        let first = try candidate("0001_a.sql")
        let record = AppliedMigration(number: 1, name: "0001_a.sql", checksum: "c")
        let cases: [(files: [MigrationPlan.Candidate], applied: [AppliedMigration], names: String)] = [
            ([first, try candidate("0003_c.sql")], [], "0003_c.sql"),
            ([try candidate("0002_b.sql")], [], "0002_b.sql"),
            ([first, try candidate("0001_b.sql")], [], "0001_b.sql"),
            ([try candidate("0001_a.sql", "other")], [record], "0001_a.sql"),
            ([try candidate("0001_z.sql")], [record], "0001_z.sql"),
            ([], [record], "0001_a.sql"),
            ([first], [AppliedMigration(number: 2, name: "0002_b.sql", checksum: "c")], "0002_b.sql"),
        ]
        for (files, applied, name) in cases {
            let error = #expect(throws: PostgresError.self) { try MigrationPlan.pending(files, applied: applied) }
            #expect(error?.code == .migration)
            #expect(error?.message.contains(name) == true, "\(error?.message ?? "") names \(name)")
        }
    }

    @Test(
        "other names are refused",
        arguments: [
            "1_a.sql", "0001a.sql", "0001_.sql", "0000_a.sql", "0001_A.sql", "abcd_a.sql", "0001_a.txt", "0001.sql",
        ]
    )
    func names(name: String) {
        #expect(throws: PostgresError.self) { try MigrationFile(name: name, sql: "") }
    }

    @Test("transaction commands are refused", arguments: ["COMMIT;", "  begin ;", "SELECT 1;\nRollback;"])
    func transactionCommands(sql: String) {
        #expect(throws: PostgresError.self) { try MigrationFile(name: "0001_a.sql", sql: sql) }
    }

    @Test("a function's body may begin and end")
    func functionBody() throws {
        let sql = "CREATE FUNCTION f() RETURNS void AS $$\nBEGIN\n  PERFORM 1;\nEND;\n$$ LANGUAGE plpgsql;"
        #expect(try MigrationFile(name: "0012_a_b2.sql", sql: sql).number == 12)
    }
}
