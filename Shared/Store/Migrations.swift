import Domain
package import Postgres

/// The migrations that this build knows, embedded in it.
package enum Migrations {
    /// Every migration, in order.
    /// - Returns: The files of `Schemas/database`.
    /// - Throws: `PostgresError` when a file's name is not NNNN_name.sql, which a test of this build excludes.
    package static func files() throws -> [MigrationFile] {
        let folder = "database/"
        return try SchemaFile.names.filter { $0.hasPrefix(folder) }.sorted().map { name in
            let text = String(decoding: SchemaFile.bytes(named: name) ?? [], as: UTF8.self)
            return try MigrationFile(name: String(name.dropFirst(folder.count)), sql: text)
        }
    }
}
