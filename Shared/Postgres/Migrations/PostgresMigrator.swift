import Glibc
package import Observability

extension LogKey {
    /// The name of a migration's file.
    static let migration = LogKey("migration")
}

/// Brings a database to the state that numbered SQL files describe.
///
/// Each file is applied in one transaction together with its record in `schema_migrations`. Any number of starters may
/// run at the same moment: an advisory lock lets them through one by one, and each looks again what is left to do.
package struct PostgresMigrator: Sendable {
    /// The key of the advisory lock: "parley" in ASCII.
    static let lockKey: Int64 = 0x7061_726C_6579

    private let files: [MigrationFile]
    private let configuration: PostgresConfiguration
    private let logger: Logger

    /// Makes a migrator from the files of a folder.
    /// - Parameters:
    ///   - configuration: The database; the role must own the schema. The statement timeout is not applied.
    ///   - directory: The folder with the files `NNNN_name.sql`; files that do not end in `.sql` are left alone.
    ///   - logger: Where each applied file is named.
    /// - Throws: `PostgresError` with code `migration` when the folder or a file cannot be read.
    package init(
        configuration: PostgresConfiguration,
        directory: String,
        logger: Logger = .disabled
    ) throws(PostgresError) {
        self.init(configuration: configuration, files: try Self.files(in: directory), logger: logger)
    }

    /// Makes a migrator from files that the program carries with it.
    package init(configuration: PostgresConfiguration, files: [MigrationFile], logger: Logger = .disabled) {
        var configuration = configuration
        configuration.poolSize = 1
        configuration.connectionsMin = 0
        // Building an index may take long; an operator watches it and can stop it.
        configuration.statementTimeout = .seconds(24 * 3600)
        self.files = files
        self.configuration = configuration
        self.logger = logger
    }

    /// Applies what is missing.
    /// - Returns: The names of the files that this call applied, in order.
    /// - Throws: `PostgresError`: with code `migration` where files and database contradict each other or a script
    ///   failed (`debugDescription` has the server's words), else what kept the database from answering.
    package func migrate() async throws -> [String] {
        let client = try PostgresClient(configuration: configuration, logger: logger)
        do {
            let names = try await migrate(client)
            await client.close()
            return names
        } catch {
            await client.close()
            throw error
        }
    }

    /// What the database has, in order; empty for a database that was never migrated.
    package func applied() async throws -> [AppliedMigration] {
        let client = try PostgresClient(configuration: configuration, logger: logger)
        do {
            let exists = try await client.query("SELECT to_regclass('schema_migrations') IS NOT NULL")
            let records = try exists.rows.first?.bool(0) == true ? try await client.query(Self.select) : nil
            await client.close()
            return try Self.records(records)
        } catch {
            await client.close()
            throw error
        }
    }

    private func migrate(_ client: PostgresClient) async throws -> [String] {
        var names: [String] = []
        while true {
            let applied = try await client.transaction { transaction in
                try await applyNext(transaction)
            }
            guard let applied else { return names }
            logger.info("migration applied", [.migration: .string(applied)])
            names.append(applied)
        }
    }

    /// - Returns: The name of the file that was applied; nil when there is nothing left to do.
    private func applyNext(_ transaction: PostgresTransaction) async throws -> String? {
        _ = try await transaction.query("SELECT pg_advisory_xact_lock($1)", [.int(Self.lockKey)])
        _ = try await transaction.query(
            """
            CREATE TABLE IF NOT EXISTS schema_migrations (
                number integer PRIMARY KEY,
                name text NOT NULL,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            )
            """
        )
        let results = try await transaction.batch(
            [(Self.select, [])] + files.map { (Self.checksum, [.bytes(Array($0.sql.utf8))]) }
        )
        let candidates = try zip(files, results.dropFirst()).map { file, result in
            MigrationPlan.Candidate(file: file, checksum: try result.rows.first?.string(0) ?? "")
        }
        let pending = try MigrationPlan.pending(candidates, applied: try Self.records(results.first))
        guard let next = pending.first else { return nil }
        do {
            try await transaction.script(next.file.sql)
        } catch let error as PostgresError where !error.isConnectionFailure {
            throw PostgresError(
                .migration,
                "the migration \(next.file.name) failed\(error.sqlState.map { " with \($0)" } ?? "") and was undone",
                detail: error.detail
            )
        }
        _ = try await transaction.query(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
            [.int(next.file.number), .text(next.file.name), .text(next.checksum)]
        )
        return next.file.name
    }

    private static let select: PostgresStatement =
        "SELECT number, name, checksum FROM schema_migrations ORDER BY number"
    private static let checksum: PostgresStatement = "SELECT encode(sha256($1::bytea), 'hex')"

    private static func records(_ result: PostgresResult?) throws -> [AppliedMigration] {
        try result?.rows.map { row in
            AppliedMigration(
                number: try row.int("number"),
                name: try row.string("name"),
                checksum: try row.string("checksum")
            )
        } ?? []
    }

    private static func files(in directory: String) throws(PostgresError) -> [MigrationFile] {
        guard let handle = opendir(directory) else {
            throw PostgresError(.migration, "the migration folder cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { closedir(handle) }
        var files: [MigrationFile] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasSuffix(".sql") else { continue }
            files.append(try MigrationFile(name: name, sql: try content(directory + "/" + name, name: name)))
        }
        return files.sorted { $0.number < $1.number }
    }

    private static func content(_ path: String, name: String) throws(PostgresError) -> String {
        guard let file = fopen(path, "re") else {
            throw PostgresError(.migration, "the migration \(name) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[0..<count])
        }
        guard ferror(file) == 0, let text = String(validating: bytes, as: UTF8.self) else {
            throw PostgresError(.migration, "the migration \(name) cannot be read or is not UTF-8")
        }
        return text
    }
}
