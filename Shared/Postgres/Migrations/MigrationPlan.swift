/// One migration as it stands in a file.
package struct MigrationFile: Sendable, Equatable {
    /// Its place in the order, from 1.
    package let number: Int
    /// The file's name, `0001_name.sql`.
    package let name: String
    /// The script: any number of statements, without transaction commands.
    package let sql: String

    /// Reads number and name out of a file's name.
    /// - Parameters:
    ///   - name: Four digits, an underscore, lower-case letters, digits and underscores, `.sql`.
    ///   - sql: The script.
    /// - Throws: `PostgresError` with code `migration` for another name or a script with transaction commands.
    package init(name: String, sql: String) throws(PostgresError) {
        let digits = name.utf8.prefix(4)
        let rest = name.utf8.dropFirst(4).dropLast(4)
        let isWord = rest.dropFirst().allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }
        guard digits.count == 4, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int(name.prefix(4)), number > 0, name.hasSuffix(".sql"),
            rest.first == UInt8(ascii: "_"), rest.count > 1, isWord
        else {
            throw PostgresError(
                .migration,
                "the migration file \(name) is not named like 0001_short_name.sql: rename it"
            )
        }
        for line in sql.split(whereSeparator: \.isNewline) {
            let word = line.lowercased().filter { !$0.isWhitespace }
            guard !["begin;", "commit;", "rollback;", "starttransaction;"].contains(word) else {
                throw PostgresError(
                    .migration,
                    "the migration \(name) contains a transaction command, but runs in a transaction already: remove it"
                )
            }
        }
        self.number = number
        self.name = name
        self.sql = sql
    }
}

/// One migration that the database has.
package struct AppliedMigration: Sendable, Equatable {
    /// Its place in the order.
    package let number: Int
    /// The file's name.
    package let name: String
    /// SHA-256 of the script, in lower-case hexadecimal.
    package let checksum: String

    /// Makes a record.
    package init(number: Int, name: String, checksum: String) {
        self.number = number
        self.name = name
        self.checksum = checksum
    }
}

/// Compares what the files say with what the database has; no I/O.
enum MigrationPlan {
    /// A file with the SHA-256 of its script.
    struct Candidate: Equatable {
        let file: MigrationFile
        let checksum: String
    }

    /// The files that are still to be applied, in order.
    /// - Throws: `PostgresError` with code `migration` for a doubled or missing number, a file that was edited, renamed
    ///   or removed after it was applied.
    static func pending(_ files: [Candidate], applied: [AppliedMigration]) throws(PostgresError) -> [Candidate] {
        let ordered = files.sorted { ($0.file.number, $0.file.name) < ($1.file.number, $1.file.name) }
        var expected = 1
        for candidate in ordered {
            guard candidate.file.number >= expected else {
                throw PostgresError(
                    .migration,
                    "two migrations have the number of \(candidate.file.name): renumber one"
                )
            }
            guard candidate.file.number == expected else {
                throw PostgresError(
                    .migration,
                    "no migration has the number \(expected), but there is \(candidate.file.name): numbers have no gap"
                )
            }
            expected += 1
        }
        for (index, record) in applied.sorted(by: { $0.number < $1.number }).enumerated() {
            guard record.number == index + 1 else {
                throw PostgresError(
                    .migration,
                    "the database has \(record.name) but not the migration before it: repair schema_migrations"
                )
            }
            guard index < ordered.count else {
                throw PostgresError(
                    .migration,
                    "the database has \(record.name), which this version does not know: run a newer version"
                )
            }
            let candidate = ordered[index]
            guard candidate.file.name == record.name, candidate.checksum == record.checksum else {
                throw PostgresError(
                    .migration,
                    "the migration \(candidate.file.name) was changed after it was applied as \(record.name): "
                        + "restore it and write a new migration instead"
                )
            }
        }
        return Array(ordered.dropFirst(applied.count))
    }
}
