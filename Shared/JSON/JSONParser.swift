/// Builds the tree: strict RFC 8259, no duplicate names, bounded depth.
struct JSONParser {
    var scanner: JSONScanner
    var depth = 0

    /// Reads the whole document.
    mutating func document() throws(JSONError) -> JSONValue {
        scanner.skipWhitespace()
        let value = try value()
        try scanner.finish()
        return value
    }

    /// Reads the value that starts at the cursor.
    mutating func value() throws(JSONError) -> JSONValue {
        switch try scanner.peek() {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try scanner.string())
        case UInt8(ascii: "t"):
            try scanner.literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try scanner.literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try scanner.literal("null")
            return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try scanner.number())
        default: throw JSONError(.unexpectedByte, at: scanner.index)
        }
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= scanner.limits.depthMax else { throw JSONError(.depthExceeded, at: scanner.index) }
        scanner.index &+= 1
        scanner.skipWhitespace()
    }

    /// After an element: true when a comma leads to the next one, false when `close` has ended the container.
    @inline(__always)
    private mutating func continues(until close: UInt8) throws(JSONError) -> Bool {
        scanner.skipWhitespace()
        let byte = try scanner.peek()
        guard byte == UInt8(ascii: ",") || byte == close else { throw JSONError(.unexpectedByte, at: scanner.index) }
        scanner.index &+= 1
        guard byte != close else {
            depth -= 1
            return false
        }
        scanner.skipWhitespace()
        return true
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        if try scanner.peek() == UInt8(ascii: "]") {
            scanner.index &+= 1
            depth -= 1
            return .array(elements)
        }
        repeat {
            elements.append(try value())
        } while try continues(until: UInt8(ascii: "]"))
        return .array(elements)
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        try enter()
        if try scanner.peek() == UInt8(ascii: "}") {
            scanner.index &+= 1
            depth -= 1
            return .object(JSONObject())
        }
        var members: [JSONObject.Member] = []
        members.reserveCapacity(8)
        var names = NameSet()
        repeat {
            guard try scanner.peek() == UInt8(ascii: "\"") else { throw JSONError(.unexpectedByte, at: scanner.index) }
            let start = scanner.index
            let key = try scanner.string()
            guard names.insert(key, among: members) else { throw JSONError(.duplicateKey, at: start) }
            scanner.skipWhitespace()
            try scanner.expect(UInt8(ascii: ":"))
            scanner.skipWhitespace()
            members.append(JSONObject.Member(key: key, value: try value()))
        } while try continues(until: UInt8(ascii: "}"))
        return .object(JSONObject(distinct: members))
    }
}

/// Tells whether a name is new to an object.
///
/// Few names are compared one by one, and only when a 64-bit sketch of them says that it may be needed; many go through
/// a hash set, so that a hostile object costs linear time.
private struct NameSet {
    private var sketch: UInt64 = 0
    private var many: Set<ExactText>?

    /// Adds `key`; false when one of `members` has that name.
    @inline(__always)
    mutating func insert(_ key: String, among members: [JSONObject.Member]) -> Bool {
        if members.count >= JSONObject.linearSearchMax { return insertIntoMany(key, among: members) }
        let bytes = key.utf8
        let first = bytes.first ?? 0
        let mixed = UInt64(bytes.count) &* 0x9E37_79B9 ^ UInt64(first) &* 0x85EB_CA6B
        let bit: UInt64 = 1 << ((mixed >> 7) & 63)
        defer { sketch |= bit }
        return sketch & bit == 0 || !members.contains { sameText($0.key, key) }
    }

    @inline(never)
    private mutating func insertIntoMany(_ key: String, among members: [JSONObject.Member]) -> Bool {
        if many == nil { many = Set(members.lazy.map { ExactText($0.key) }) }
        return many?.insert(ExactText(key)).inserted ?? true
    }
}

extension JSONValue {
    /// Parses one document of UTF-8 bytes.
    ///
    /// - Throws: ``JSONError`` with the byte offset: anything that RFC 8259 does not allow, duplicate names, a limit.
    package static func parse(
        _ bytes: UnsafeBufferPointer<UInt8>,
        limits: JSONLimits = .standard
    ) throws(JSONError) -> JSONValue {
        var parser = JSONParser(scanner: try JSONScanner(bytes, limits: limits))
        return try parser.document()
    }

    /// Parses one document of UTF-8 bytes.
    package static func parse(_ bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) -> JSONValue {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in try parse(buffer, limits: limits) }
    }

    /// Parses one document of UTF-8 bytes.
    package static func parse(_ bytes: ArraySlice<UInt8>, limits: JSONLimits = .standard) throws(JSONError) -> JSONValue
    {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in try parse(buffer, limits: limits) }
    }

    /// Parses one document; byte offsets in errors count its UTF-8 form.
    package static func parse(_ text: String, limits: JSONLimits = .standard) throws(JSONError) -> JSONValue {
        var copy = text
        return try copy.withUTF8 { buffer in
            Result { () throws(JSONError) in try parse(buffer, limits: limits) }
        }.get()
    }
}
