/// An answer of Redis.
package enum RedisValue: Sendable, Hashable {
    /// Nothing: the key does not exist.
    case null
    /// A number.
    case integer(Int64)
    /// Bytes.
    case bytes([UInt8])
    /// A short word such as `OK`.
    case status(String)
    /// Several answers.
    case array([RedisValue])
    /// An error inside an array (`EXEC`, scripts); an error by itself is thrown.
    case error(String)

    /// Text of bytes or a status, with invalid UTF-8 replaced; nil for other answers.
    package var string: String? {
        switch self {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .status(let word): word
        default: nil
        }
    }

    /// A number, also where it came as text; nil for other answers.
    package var int: Int64? {
        switch self {
        case .integer(let value): value
        case .bytes, .status: string.flatMap { Int64($0) }
        default: nil
        }
    }

    /// The elements of an array; nil for other answers.
    package var array: [RedisValue]? {
        guard case .array(let values) = self else { return nil }
        return values
    }

    /// Whether there is nothing.
    package var isNull: Bool { self == .null }
}

/// One word of a command: its name, a key or a value.
///
/// Any bytes are allowed.
package struct RedisArgument: Sendable, Hashable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    let bytes: [UInt8]

    /// Bytes as they are.
    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    /// Text in UTF-8.
    package init(_ text: String) { bytes = Array(text.utf8) }
    /// A number in decimal.
    package init(_ value: some BinaryInteger) { bytes = Array("\(value)".utf8) }
    /// Text in UTF-8.
    package init(stringLiteral value: String) { self.init(value) }
    /// A number in decimal.
    package init(integerLiteral value: Int64) { self.init(value) }
}

/// The form in which commands travel: arrays of length-prefixed strings (Redis serialization protocol, version 2).
enum RedisCommandEncoder {
    static func encode(_ words: [RedisArgument]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(words.reduce(16) { $0 + $1.bytes.count + 16 })
        appendLength("*", words.count, to: &bytes)
        for word in words {
            appendLength("$", word.bytes.count, to: &bytes)
            bytes.append(contentsOf: word.bytes)
            bytes.append(UInt8(ascii: "\r"))
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }

    private static func appendLength(_ sign: Unicode.Scalar, _ length: Int, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: sign))
        bytes.append(contentsOf: "\(length)".utf8)
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
    }
}
