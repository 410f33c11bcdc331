import Foundation
import Postgres
import TestKit
import Testing

@Suite("Migrations against a real server", .timeLimit(.minutes(2)))
struct MigratorTests {
    private let first: (String, String) = (
        "0001_things.sql",
        "CREATE TABLE things (id int); INSERT INTO things VALUES (1); -- several statements\nSELECT 1;"
    )
    private let second: (String, String) = ("0002_more.sql", "INSERT INTO things VALUES (2);")

    private func migrator(_ endpoint: PostgresEndpoint, _ files: [(String, String)]) throws -> PostgresMigrator {
        PostgresMigrator(
            configuration: PostgresConfiguration(url: endpoint.connectionString),
            files: try files.map { try MigrationFile(name: $0.0, sql: $0.1) }
        )
    }

    @Test("files are applied once, in order, and recorded with their SHA-256")
    func twice() async throws {
        try await withPostgres { endpoint in
            #expect(try await migrator(endpoint, [first]).applied() == [])
            #expect(try await migrator(endpoint, [first]).migrate() == ["0001_things.sql"])
            #expect(try await migrator(endpoint, [first, second]).migrate() == ["0002_more.sql"])
            #expect(try await migrator(endpoint, [first, second]).migrate() == [])
            #expect(try await endpoint.sql("SELECT count(*) FROM things") == "2")
            let applied = try await migrator(endpoint, [first, second]).applied()
            #expect(applied.map(\.name) == ["0001_things.sql", "0002_more.sql"])
            // From `printf %s 'INSERT INTO things VALUES (2);' | sha256sum`.
            #expect(applied[1].checksum == "00f4189ae28246fea0b66cf42a74ad25fcc23d3a07943c1b15a3222b9bb0e4b6")
        }
    }

    @Test("eight starters at once apply each file once")
    func concurrently() async throws {
        try await withPostgres { endpoint in
            let names = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<8 {
                    let migrator = try migrator(endpoint, [first, second])
                    group.addTask { try await migrator.migrate() }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(names.sorted() == ["0001_things.sql", "0002_more.sql"])
            #expect(try await endpoint.sql("SELECT count(*) FROM things") == "2")
        }
    }

    @Test("an edited file is an error that names it, and nothing is applied")
    func edited() async throws {
        try await withPostgres { endpoint in
            _ = try await migrator(endpoint, [first]).migrate()
            let error = await #expect(throws: PostgresError.self) {
                try await migrator(endpoint, [(first.0, first.1 + " "), second]).migrate()
            }
            #expect(error?.code == .migration)
            #expect(error?.message.contains("0001_things.sql") == true)
            let count = try await endpoint.sql("SELECT count(*) FROM things")
            #expect(count == "1")
        }
    }

    @Test("a failing script is undone as a whole and named")
    func failing() async throws {
        try await withPostgres { endpoint in
            let bad = ("0002_bad.sql", "INSERT INTO things VALUES (7); SELECT no_such_column;")
            let error = await #expect(throws: PostgresError.self) {
                try await migrator(endpoint, [first, bad]).migrate()
            }
            #expect(error?.message.contains("0002_bad.sql") == true)
            #expect(error?.message.contains("42703") == true)
            let count = try await endpoint.sql("SELECT count(*) FROM things")
            #expect(count == "1")
            let names = try await migrator(endpoint, [first, second]).migrate()
            #expect(names == ["0002_more.sql"])
        }
    }

    @Test("files are read from a folder; other files are left alone, bad names and a missing folder are errors")
    func directory() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("migrations-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in [second, first, ("README.md", "not SQL")] {
            try Data(text.utf8).write(to: folder.appendingPathComponent(name))
        }
        try await withPostgres { endpoint in
            let configuration = PostgresConfiguration(url: endpoint.connectionString)
            let names = try await PostgresMigrator(configuration: configuration, directory: folder.path).migrate()
            #expect(names == ["0001_things.sql", "0002_more.sql"])
        }
        try Data().write(to: folder.appendingPathComponent("third.sql"))
        for path in [folder.path, folder.path + "/nowhere"] {
            let error = #expect(throws: PostgresError.self) {
                try PostgresMigrator(configuration: PostgresConfiguration(), directory: path)
            }
            #expect(error?.code == .migration)
        }
    }
}
