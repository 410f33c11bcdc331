#if canImport(Glibc)
import Glibc
#endif

/// Pulls values out of a JSON text one after another, without a tree: the fast way into a struct.
///
/// Strict like the parser, except that duplicate names inside values that are skipped or taken raw are not looked for.
/// Within the objects that are read member by member they are refused.
///
/// ```swift
/// let event = try JSONReader.read(bytes) { (reader) throws(JSONError) in
///     var sessionId: String?
///     try reader.beginObject()
///     while let key = try reader.nextKey() {
///         switch key {
///         case "session_id": sessionId = try reader.string()
///         default: try reader.skipValue()
///         }
///     }
///     return try reader.required(sessionId, "session_id")
/// }
/// ```
package struct JSONReader: ~Copyable {
    private var scanner: JSONScanner
    private var depth = 0
    private var isFirst = true
    private var names = SeenNames()

    private init(scanner: JSONScanner) {
        self.scanner = scanner
    }

    /// Reads one document with `body` and checks that nothing follows it.
    ///
    /// The bytes must not change while `body` runs; what it returns must not point into them.
    /// - Throws: ``JSONError``, from the text or from `body`.
    package static func read<Result>(
        _ bytes: UnsafeBufferPointer<UInt8>,
        limits: JSONLimits = .standard,
        _ body: (inout JSONReader) throws(JSONError) -> Result
    ) throws(JSONError) -> Result {
        var reader = JSONReader(scanner: try JSONScanner(bytes, limits: limits))
        let result = try body(&reader)
        try reader.scanner.finish()
        return result
    }

    /// Reads one document with `body` and checks that nothing follows it.
    package static func read<Result>(
        _ bytes: [UInt8],
        limits: JSONLimits = .standard,
        _ body: (inout JSONReader) throws(JSONError) -> Result
    ) throws(JSONError) -> Result {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in try read(buffer, limits: limits, body) }
    }

    /// Offset of the next byte to read, for errors of the reading code.
    package var byteOffset: Int { scanner.index }

    /// Which type the next value has.
    package mutating func peekKind() throws(JSONError) -> JSONValue.Kind {
        switch try nextByte() {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw JSONError(.unexpectedByte, at: scanner.index)
        }
    }

    @inline(__always)
    private mutating func nextByte() throws(JSONError) -> UInt8 {
        scanner.skipWhitespace()
        return try scanner.peek()
    }

    @inline(__always)
    private mutating func begin(_ byte: UInt8, _ kind: JSONValue.Kind) throws(JSONError) {
        guard try nextByte() == byte else { throw try wrongType(kind) }
        depth += 1
        guard depth <= scanner.limits.depthMax else { throw JSONError(.depthExceeded, at: scanner.index) }
        scanner.index &+= 1
        isFirst = true
    }

    /// The error for a value of another type; first makes sure that a value starts here at all.
    private mutating func wrongType(_ kind: JSONValue.Kind) throws(JSONError) -> JSONError {
        _ = try peekKind()
        return JSONError(.wrongType, at: scanner.index, expected: kind.rawValue)
    }

    /// Steps into an object; read its members with ``nextKey()`` until that gives nil.
    @inline(__always)
    package mutating func beginObject() throws(JSONError) {
        try begin(UInt8(ascii: "{"), .object)
        names.enter()
    }

    /// Steps into an array; read its elements while ``nextElement()`` gives true.
    @inline(__always)
    package mutating func beginArray() throws(JSONError) {
        try begin(UInt8(ascii: "["), .array)
    }

    /// Moves on within a container; false when `close` has ended it.
    @inline(__always)
    private mutating func advance(_ close: UInt8) throws(JSONError) -> Bool {
        let byte = try nextByte()
        if byte == close {
            scanner.index &+= 1
            depth -= 1
            isFirst = false
            return false
        }
        if isFirst {
            isFirst = false
        } else {
            guard byte == UInt8(ascii: ",") else { throw JSONError(.unexpectedByte, at: scanner.index) }
            scanner.index &+= 1
            scanner.skipWhitespace()
        }
        return true
    }

    /// The next member's name, with its value to be read next; nil at the end of the object.
    ///
    /// Valid until the document's bytes go.
    @inline(__always)
    package mutating func nextKey() throws(JSONError) -> JSONKey? {
        guard try advance(UInt8(ascii: "}")) else {
            names.leave()
            return nil
        }
        guard try scanner.peek() == UInt8(ascii: "\"") else { throw JSONError(.unexpectedByte, at: scanner.index) }
        let offset = scanner.index
        let (start, end, hasEscapes) = try scanner.rawString()
        let decoded = hasEscapes ? try scanner.unescaped(start, end) : nil
        let key = JSONKey(start: scanner.base + start, count: end - start, decoded: decoded)
        guard names.insert(key) else { throw JSONError(.duplicateKey, at: offset) }
        scanner.skipWhitespace()
        try scanner.expect(UInt8(ascii: ":"))
        return key
    }

    /// Whether another element follows, to be read next; false at the end of the array.
    @inline(__always)
    package mutating func nextElement() throws(JSONError) -> Bool {
        try advance(UInt8(ascii: "]"))
    }

    /// Reads a string.
    @inline(__always)
    package mutating func string() throws(JSONError) -> String {
        guard try nextByte() == UInt8(ascii: "\"") else { throw try wrongType(.string) }
        return try scanner.string()
    }

    /// Reads a number.
    package mutating func number() throws(JSONError) -> JSONNumber {
        let byte = try nextByte()
        guard byte == UInt8(ascii: "-") || byte &- 48 < 10 else { throw try wrongType(.number) }
        return try scanner.number()
    }

    /// Reads a whole number that fits `Int`.
    package mutating func int() throws(JSONError) -> Int {
        let offset = scanner.index
        guard let value = try number().intValue else {
            throw JSONError(.outOfRange, at: offset, expected: "a 64-bit integer")
        }
        return value
    }

    /// Reads a number as the nearest double, which must be finite.
    package mutating func double() throws(JSONError) -> Double {
        let offset = scanner.index
        let value = try number().doubleValue
        guard value.isFinite else { throw JSONError(.outOfRange, at: offset, expected: "a number below 1.8e308") }
        return value
    }

    /// Reads a boolean.
    package mutating func bool() throws(JSONError) -> Bool {
        switch try nextByte() {
        case UInt8(ascii: "t"):
            try scanner.literal("true")
            return true
        case UInt8(ascii: "f"):
            try scanner.literal("false")
            return false
        default: throw try wrongType(.bool)
        }
    }

    /// Reads `null` if that is what comes next; otherwise leaves the value to be read and gives false.
    package mutating func null() throws(JSONError) -> Bool {
        guard try nextByte() == UInt8(ascii: "n") else { return false }
        try scanner.literal("null")
        return true
    }

    /// Reads a string, or `null` as nil.
    package mutating func optionalString() throws(JSONError) -> String? {
        try null() ? nil : try string()
    }

    /// Reads any value as a tree.
    package mutating func value() throws(JSONError) -> JSONValue {
        scanner.skipWhitespace()
        var parser = JSONParser(scanner: scanner, depth: depth)
        let value = try parser.value()
        scanner.index = parser.scanner.index
        return value
    }

    /// Steps over any value, checking it.
    package mutating func skipValue() throws(JSONError) {
        scanner.skipWhitespace()
        try skip(depth: depth)
    }

    /// Steps over any value, checking it, and gives its bytes, which belong to the document.
    package mutating func rawValue() throws(JSONError) -> UnsafeBufferPointer<UInt8> {
        scanner.skipWhitespace()
        let start = scanner.index
        try skip(depth: depth)
        return UnsafeBufferPointer(start: scanner.base + start, count: scanner.index - start)
    }

    private mutating func skip(depth: Int) throws(JSONError) {
        switch try scanner.peek() {
        case UInt8(ascii: "{"): try skipContainer(UInt8(ascii: "}"), depth: depth + 1)
        case UInt8(ascii: "["): try skipContainer(UInt8(ascii: "]"), depth: depth + 1)
        case UInt8(ascii: "\""): _ = try scanner.rawString()
        case UInt8(ascii: "t"): try scanner.literal("true")
        case UInt8(ascii: "f"): try scanner.literal("false")
        case UInt8(ascii: "n"): try scanner.literal("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): _ = try scanner.number()
        default: throw JSONError(.unexpectedByte, at: scanner.index)
        }
    }

    private mutating func skipContainer(_ close: UInt8, depth: Int) throws(JSONError) {
        guard depth <= scanner.limits.depthMax else { throw JSONError(.depthExceeded, at: scanner.index) }
        scanner.index &+= 1
        if try nextByte() == close {
            scanner.index &+= 1
            return
        }
        while true {
            if close == UInt8(ascii: "}") {
                guard try scanner.peek() == UInt8(ascii: "\"") else {
                    throw JSONError(.unexpectedByte, at: scanner.index)
                }
                _ = try scanner.rawString()
                scanner.skipWhitespace()
                try scanner.expect(UInt8(ascii: ":"))
                scanner.skipWhitespace()
            }
            try skip(depth: depth)
            let byte = try nextByte()
            guard byte == UInt8(ascii: ",") || byte == close else {
                throw JSONError(.unexpectedByte, at: scanner.index)
            }
            scanner.index &+= 1
            if byte == close { return }
            scanner.skipWhitespace()
        }
    }

    /// Unwraps what a member should have given; for the end of an object.
    package func required<Value>(_ value: Value?, _ name: StaticString) throws(JSONError) -> Value {
        guard let value else { throw JSONError(.missingMember, at: scanner.index, path: "/\(name)") }
        return value
    }
}

/// A member's name while it is read: to be compared with literals, so that no string need be made.
package struct JSONKey {
    let start: UnsafePointer<UInt8>
    let count: Int
    let decoded: String?

    /// The name as a string.
    package var string: String {
        decoded ?? String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Whether the name is `literal`, byte by byte.
    @inline(__always)
    package static func == (key: JSONKey, literal: StaticString) -> Bool {
        guard key.decoded == nil else { return sameText(key.string, literal.description) }
        return key.count == literal.utf8CodeUnitCount && memcmp(key.start, literal.utf8Start, key.count) == 0
    }

    /// Makes `case "name":` work in a switch over a key.
    @inline(__always)
    package static func ~= (literal: StaticString, key: JSONKey) -> Bool { key == literal }

    /// 64-bit hash of the name (FNV-1a with a seed of this process).
    @inline(__always)
    fileprivate var fingerprint: UInt64 {
        var hash = Self.seed
        if let decoded {
            for byte in decoded.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        } else {
            for position in 0..<count { hash = (hash ^ UInt64(start[position])) &* 0x100_0000_01b3 }
        }
        return hash
    }

    private static let seed = UInt64.random(in: .min ... .max)
}

/// The names met in each object that is open, as 64-bit fingerprints: two names are taken for the same with a chance of
/// 2^-64, which only ever refuses a document, and nobody can aim at it without the seed.
private struct SeenNames {
    private static let linearSearchMax = 32
    private var fingerprints: [UInt64] = []
    private var starts: [Int] = []
    private var many: [Set<UInt64>?] = []

    @inline(__always)
    mutating func enter() {
        starts.append(fingerprints.count)
        many.append(nil)
    }

    @inline(__always)
    mutating func leave() {
        guard let start = starts.popLast() else { return }
        fingerprints.removeLast(fingerprints.count - start)
        many.removeLast()
    }

    @inline(__always)
    mutating func insert(_ key: JSONKey) -> Bool {
        let fingerprint = key.fingerprint
        guard let start = starts.last else { return true }
        guard fingerprints.count - start < Self.linearSearchMax else { return insertIntoMany(fingerprint, start) }
        for position in start..<fingerprints.count where fingerprints[position] == fingerprint { return false }
        fingerprints.append(fingerprint)
        return true
    }

    @inline(never)
    private mutating func insertIntoMany(_ fingerprint: UInt64, _ start: Int) -> Bool {
        let last = many.count - 1
        var set = many[last] ?? Set(fingerprints[start...])
        many[last] = nil
        let inserted = set.insert(fingerprint).inserted
        many[last] = set
        return inserted
    }
}
