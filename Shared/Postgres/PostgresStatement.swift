/// One SQL statement with `$1`, `$2`… for its parameters.
///
/// It is prepared once per connection, at its first use and in the same round trip, and found again by its text.
/// So the text must be constant: values belong in parameters. For text that differs each time use
/// `init(unprepared:)`, which does not fill the cache.
package struct PostgresStatement: Sendable, Hashable, ExpressibleByStringLiteral {
    /// The text.
    package let sql: String
    /// Whether connections keep it prepared.
    package let isPrepared: Bool

    /// A statement that connections keep prepared.
    /// - Parameter sql: One statement.
    package init(_ sql: String) {
        self.sql = sql
        isPrepared = true
    }

    /// A statement that is parsed at each use.
    /// - Parameter sql: One statement.
    package init(unprepared sql: String) {
        self.sql = sql
        isPrepared = false
    }

    /// A statement that connections keep prepared.
    package init(stringLiteral value: String) {
        self.init(value)
    }
}
