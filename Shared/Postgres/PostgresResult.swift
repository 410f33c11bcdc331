/// The answer to one statement.
///
/// Holds the server's bytes as libpq received them; rows are views on it.
package struct PostgresResult: Sendable {
    let storage: LibPQResult

    /// The rows, in the server's order.
    package var rows: PostgresRows { PostgresRows(result: self) }
    /// How many rows a SELECT returned, or an INSERT, UPDATE, DELETE or MERGE changed; 0 for other commands.
    package var affectedRows: Int { storage.affectedRows }
    /// The command tag, for example `INSERT 0 1`.
    package var command: String { storage.command }
    /// The names of the columns, in order.
    package var columnNames: [String] { storage.columnNames }
    /// How many columns a row has.
    package var columnCount: Int { storage.columnCount }

    init(storage: LibPQResult) {
        self.storage = storage
    }

    /// A result that did not come from a server, for tests of what reads results.
    /// - Parameters:
    ///   - columns: Column names.
    ///   - rows: Values in the server's text form; nil is NULL. Each row has as many values as there are columns.
    package init(columns: [String], rows: [[String?]]) {
        storage = LibPQResult(columns: columns, rows: rows)
    }
}

/// The rows of a result.
package struct PostgresRows: Sendable, RandomAccessCollection {
    let result: PostgresResult

    /// Always 0.
    package var startIndex: Int { 0 }
    /// The number of rows.
    package var endIndex: Int { result.storage.rowCount }
    /// One row.
    package subscript(position: Int) -> PostgresRow {
        precondition(position >= 0 && position < endIndex, "row \(position) of \(endIndex)")
        return PostgresRow(result: result, index: position)
    }
}
