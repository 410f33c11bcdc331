package import JSON

/// About how many bytes of memory values take, so that what is kept for clients can be bounded.
///
/// Counted is what the values allocate, by the number of their elements; not what the allocator adds.
package enum HeldBytes {
    /// What stands in front of an array's elements or of a string's bytes.
    private static let header = 32
    /// How many bytes a string holds in itself.
    private static let inlineMax = 15
    /// What a dictionary's entry takes of 24 bytes, with the free slots.
    private static let entry = 48

    /// What a string takes besides the place that it stands in.
    package static func of(_ text: String) -> Int {
        let count = text.utf8.count
        return count > inlineMax ? header + count : 0
    }

    /// What an event takes.
    package static func of(_ symbols: [String]) -> Int {
        symbols.reduce(header + MemoryLayout<[String]>.stride) { $0 + MemoryLayout<String>.stride + of($1) }
    }

    /// What feelings take; nothing without any.
    package static func of(_ emotives: [String: Double]) -> Int {
        emotives.isEmpty ? 0 : emotives.keys.reduce(2 * header) { $0 + entry + of($1) }
    }

    /// What an object takes; nothing without a member.
    package static func of(_ object: JSONObject) -> Int {
        if object.isEmpty { return 0 }
        // The names of a large one are in a table too.
        let member = MemoryLayout<JSONObject.Member>.stride + (object.count > 16 ? entry : 0)
        return object.reduce(header) { $0 + member + of($1.key) + of($1.value) }
    }

    /// What a value takes besides the place that it stands in.
    package static func of(_ value: JSONValue) -> Int {
        switch value {
        case .null, .bool, .number(.integer), .number(.double): 0
        case .number(.literal(let text)), .string(let text): of(text)
        case .array(let values): values.reduce(header) { $0 + MemoryLayout<JSONValue>.stride + of($1) }
        case .object(let object): of(object)
        }
    }
}
