import Postgres
import Store

/// `parleyctl migrate`: brings the database's tables up to what this build needs.
enum MigrateCommand: Command {
    static let name = "migrate"
    static let summary = "bring the database's tables up to what this build needs"
    static let usage = "parleyctl migrate"
    static let details = "Reads PARLEY_MIGRATION_DATABASE_URL. Doing it again does nothing."

    static func run(_ arguments: inout Arguments) async throws {
        try arguments.finish()
        let migrator = PostgresMigrator(
            configuration: try OperatorSettings.ownerDatabase(),
            files: try Migrations.files()
        )
        let applied = try await migrator.migrate()
        if applied.isEmpty {
            Console.print("nothing to do: every migration is applied")
        }
        for name in applied {
            Console.print("applied \(name)")
        }
    }
}
