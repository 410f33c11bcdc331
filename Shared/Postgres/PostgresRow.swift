/// A column of a row, by its zero-based position or its name.
package protocol PostgresColumn: Sendable {
    /// The position of the column in this result; nil where there is none.
    func position(in result: borrowing PostgresResult) -> Int?
    /// How errors name the column.
    var label: String { get }
}

extension Int: PostgresColumn {
    /// The number itself, where it is in range.
    package func position(in result: borrowing PostgresResult) -> Int? {
        indices(result).contains(self) ? self : nil
    }

    /// `#n`.
    package var label: String { "#\(self)" }

    private func indices(_ result: borrowing PostgresResult) -> Range<Int> { 0..<result.columnCount }
}

extension String: PostgresColumn {
    /// The first column of that name, compared byte by byte.
    package func position(in result: borrowing PostgresResult) -> Int? { result.storage.position(of: self) }
    /// The name.
    package var label: String { self }
}

/// One row of a result.
///
/// Values are decoded when they are asked for; the row keeps its whole result alive.
package struct PostgresRow: Sendable {
    let result: PostgresResult
    let index: Int

    /// Whether the value is NULL.
    /// - Throws: `PostgresError` with code `decoding` where there is no such column.
    package func isNull(_ column: some PostgresColumn) throws(PostgresError) -> Bool {
        result.storage.isNull(row: index, column: try position(column))
    }

    /// Text of any type, in the server's text form.
    package func string(_ column: some PostgresColumn) throws(PostgresError) -> String {
        try required(column, "text") { String(decoding: $0, as: UTF8.self) }
    }

    /// Text, or nil for NULL.
    package func stringOrNil(_ column: some PostgresColumn) throws(PostgresError) -> String? {
        try optional(column, "text") { String(decoding: $0, as: UTF8.self) }
    }

    /// An integer of any width.
    package func int64(_ column: some PostgresColumn) throws(PostgresError) -> Int64 {
        try required(column, "integer", PostgresText.int)
    }

    /// An integer of any width, or nil for NULL.
    package func int64OrNil(_ column: some PostgresColumn) throws(PostgresError) -> Int64? {
        try optional(column, "integer", PostgresText.int)
    }

    /// An integer of any width.
    package func int(_ column: some PostgresColumn) throws(PostgresError) -> Int {
        Int(try int64(column))
    }

    /// An integer of any width, or nil for NULL.
    package func intOrNil(_ column: some PostgresColumn) throws(PostgresError) -> Int? {
        try int64OrNil(column).map { Int($0) }
    }

    /// A number as `float8`.
    package func double(_ column: some PostgresColumn) throws(PostgresError) -> Double {
        try required(column, "number", PostgresText.double)
    }

    /// A number as `float8`, or nil for NULL.
    package func doubleOrNil(_ column: some PostgresColumn) throws(PostgresError) -> Double? {
        try optional(column, "number", PostgresText.double)
    }

    /// A truth value.
    package func bool(_ column: some PostgresColumn) throws(PostgresError) -> Bool {
        try required(column, "boolean", PostgresText.bool)
    }

    /// A truth value, or nil for NULL.
    package func boolOrNil(_ column: some PostgresColumn) throws(PostgresError) -> Bool? {
        try optional(column, "boolean", PostgresText.bool)
    }

    /// A `bytea`.
    package func bytes(_ column: some PostgresColumn) throws(PostgresError) -> [UInt8] {
        try required(column, "bytea", PostgresText.bytes)
    }

    /// A `bytea`, or nil for NULL.
    package func bytesOrNil(_ column: some PostgresColumn) throws(PostgresError) -> [UInt8]? {
        try optional(column, "bytea", PostgresText.bytes)
    }

    /// The text form as bytes: for `json`, `jsonb` and `text` that goes on to a parser.
    package func json(_ column: some PostgresColumn) throws(PostgresError) -> [UInt8] {
        try required(column, "json") { [UInt8]($0) }
    }

    /// The text form as bytes, or nil for NULL.
    package func jsonOrNil(_ column: some PostgresColumn) throws(PostgresError) -> [UInt8]? {
        try optional(column, "json") { [UInt8]($0) }
    }

    /// A `timestamptz` in microseconds since 1970-01-01 UTC.
    package func microseconds(_ column: some PostgresColumn) throws(PostgresError) -> Int64 {
        try required(column, "timestamp", PostgresText.microseconds)
    }

    /// A `timestamptz` in microseconds since 1970-01-01 UTC, or nil for NULL.
    package func microsecondsOrNil(_ column: some PostgresColumn) throws(PostgresError) -> Int64? {
        try optional(column, "timestamp", PostgresText.microseconds)
    }

    /// A `text[]`; nil elements are NULL.
    package func textArray(_ column: some PostgresColumn) throws(PostgresError) -> [String?] {
        try PostgresArrayLiteral.parse(try json(column))
    }

    /// An `int4[]` or `int8[]`; nil elements are NULL.
    package func intArray(_ column: some PostgresColumn) throws(PostgresError) -> [Int64?] {
        var numbers: [Int64?] = []
        for text in try textArray(column) {
            guard let text else {
                numbers.append(nil)
                continue
            }
            guard let number = Int64(text) else { throw mismatch(column, "array of integers") }
            numbers.append(number)
        }
        return numbers
    }

    private func required<Value>(
        _ column: some PostgresColumn,
        _ type: StaticString,
        _ decode: (UnsafeRawBufferPointer) -> Value?
    ) throws(PostgresError) -> Value {
        guard let value = try optional(column, type, decode) else {
            throw PostgresError(
                .decoding,
                "column \(column.label) is NULL, a \(type) was expected: ask for the OrNil variant or select a default"
            )
        }
        return value
    }

    private func optional<Value>(
        _ column: some PostgresColumn,
        _ type: StaticString,
        _ decode: (UnsafeRawBufferPointer) -> Value?
    ) throws(PostgresError) -> Value? {
        let position = try position(column)
        guard !result.storage.isNull(row: index, column: position) else { return nil }
        guard let value = result.storage.withBytes(row: index, column: position, decode) else {
            throw mismatch(column, "\(type)")
        }
        return value
    }

    private func position(_ column: some PostgresColumn) throws(PostgresError) -> Int {
        guard let position = column.position(in: result) else {
            throw PostgresError(
                .decoding,
                "the result has no column \(column.label), only \(result.columnNames.joined(separator: ", "))"
            )
        }
        return position
    }

    private func mismatch(_ column: some PostgresColumn, _ type: String) -> PostgresError {
        PostgresError(.decoding, "column \(column.label) does not hold a \(type)")
    }
}
