/// A value for `$n` of a statement.
///
/// The server infers the type from the statement; add a cast (`$1::jsonb`) where it cannot.
package enum PostgresParameter: Sendable, Hashable {
    /// SQL NULL.
    case null
    /// Text; a NUL byte in it is refused before anything is sent, because Postgres cannot store it.
    case text(String)
    /// An integer of any width.
    case int(Int64)
    /// A floating-point number, including infinities and NaN.
    case double(Double)
    /// A truth value.
    case bool(Bool)
    /// Raw bytes for a `bytea`, sent in binary.
    case bytes([UInt8])
    /// A `text[]`; nil elements are NULL.
    case textArray([String?])
    /// An `int4[]` or `int8[]`; nil elements are NULL.
    case intArray([Int64?])
    /// JSON text in UTF-8 for `json` or `jsonb`.
    case json([UInt8])

    /// Text, or NULL for nil.
    package static func text(orNull value: String?) -> PostgresParameter {
        value.map(PostgresParameter.text) ?? .null
    }

    /// An integer, or NULL for nil.
    package static func int(orNull value: Int64?) -> PostgresParameter {
        value.map(PostgresParameter.int) ?? .null
    }

    /// An integer of the platform's width.
    package static func int(_ value: Int) -> PostgresParameter {
        .int(Int64(value))
    }

    /// JSON, or NULL for nil.
    package static func json(orNull value: [UInt8]?) -> PostgresParameter {
        value.map(PostgresParameter.json) ?? .null
    }
}

extension PostgresParameter: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByNilLiteral
{
    /// A `text` parameter.
    package init(stringLiteral value: String) { self = .text(value) }
    /// An `int` parameter.
    package init(integerLiteral value: Int64) { self = .int(value) }
    /// A `bool` parameter.
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A `double` parameter.
    package init(floatLiteral value: Double) { self = .double(value) }
    /// NULL.
    package init(nilLiteral: ()) { self = .null }
}
