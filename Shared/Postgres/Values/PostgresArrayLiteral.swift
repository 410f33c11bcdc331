/// The text form of one-dimensional arrays, `{a,"b \"c\"",NULL}` (PostgreSQL manual, "Array Input and Output Syntax").
package enum PostgresArrayLiteral {
    static func append(_ values: [Int64?], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: (value.map { "\($0)" } ?? "NULL").utf8)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// Reads a literal of one dimension.
    /// - Parameter bytes: The literal in UTF-8.
    /// - Returns: The elements; nil is NULL.
    /// - Throws: `PostgresError` with code `decoding` for anything else than a one-dimensional literal.
    package static func parse(_ bytes: some Collection<UInt8>) throws(PostgresError) -> [String?] {
        var parser = Parser(bytes: Array(bytes))
        return try parser.parse()
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0

        mutating func parse() throws(PostgresError) -> [String?] {
            // Arrays whose lower bound is not 1 come as `[0:2]={…}`; the bounds say nothing about the elements.
            if bytes.first == UInt8(ascii: "["), let equals = bytes.firstIndex(of: UInt8(ascii: "=")) {
                position = equals + 1
            }
            try expect(UInt8(ascii: "{"))
            var values: [String?] = []
            if peek == UInt8(ascii: "}") {
                position += 1
            } else {
                while true {
                    values.append(try element())
                    let delimiter = try next()
                    if delimiter == UInt8(ascii: "}") { break }
                    guard delimiter == UInt8(ascii: ",") else { throw Self.malformed }
                }
            }
            guard position == bytes.count else { throw Self.malformed }
            return values
        }

        private mutating func element() throws(PostgresError) -> String? {
            guard let first = peek else { throw Self.malformed }
            return first == UInt8(ascii: "\"") ? try quoted() : try bare()
        }

        private mutating func quoted() throws(PostgresError) -> String {
            position += 1
            var text: [UInt8] = []
            while true {
                let byte = try next()
                switch byte {
                case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
                case UInt8(ascii: "\\"): text.append(try next())
                default: text.append(byte)
                }
            }
        }

        private mutating func bare() throws(PostgresError) -> String? {
            var text: [UInt8] = []
            while let byte = peek, byte != UInt8(ascii: ","), byte != UInt8(ascii: "}") {
                guard byte != UInt8(ascii: "{"), byte != UInt8(ascii: "\"") else { throw Self.malformed }
                position += 1
                text.append(byte == UInt8(ascii: "\\") ? try next() : byte)
            }
            guard !text.isEmpty else { throw Self.malformed }
            let value = String(decoding: text, as: UTF8.self)
            return value.uppercased() == "NULL" ? nil : value
        }

        private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

        private mutating func next() throws(PostgresError) -> UInt8 {
            guard position < bytes.count else { throw Self.malformed }
            position += 1
            return bytes[position - 1]
        }

        private mutating func expect(_ byte: UInt8) throws(PostgresError) {
            guard try next() == byte else { throw Self.malformed }
        }

        private static let malformed = PostgresError(.decoding, "the value is not a one-dimensional array literal")
    }
}
