/// The header fields of a request or a response, in the order in which they were sent.
package struct HTTPClientHeaders: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    /// One field line.
    package struct Field: Sendable, Hashable {
        /// The name as it was sent.
        package var name: String
        /// The value without the white space around it.
        package var value: String

        /// A field line.
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// All field lines.
    package private(set) var fields: [Field]

    /// No fields.
    package init() {
        self.fields = []
    }

    /// The given fields.
    package init(dictionaryLiteral elements: (String, String)...) {
        self.fields = elements.map { Field(name: $0.0, value: $0.1) }
    }

    /// The number of field lines.
    package var count: Int { fields.count }

    /// Adds a field line, beside others of the same name.
    package mutating func append(_ name: String, _ value: String) {
        fields.append(Field(name: name, value: value))
    }

    /// Removes every field.
    package mutating func removeAll() {
        fields.removeAll(keepingCapacity: true)
    }

    /// The first value of that name in any case; setting replaces all of them, nil removes them.
    package subscript(name: String) -> String? {
        get { fields.first { Self.isSameName($0.name, name) }?.value }
        set {
            fields.removeAll { Self.isSameName($0.name, name) }
            if let newValue {
                fields.append(Field(name: name, value: newValue))
            }
        }
    }

    /// Every value of that name in any case.
    package func all(_ name: String) -> [String] {
        fields.filter { Self.isSameName($0.name, name) }.map(\.value)
    }

    private static func isSameName(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count
            && zip(left.utf8, right.utf8).allSatisfy { lowercase($0) == lowercase($1) }
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}

extension HTTPClientHeaders.Field {
    /// Whether the field can be sent as it is: a token as the name, and no control bytes in the value (RFC 9110 §5).
    ///
    /// A line break in a value would let whoever chose the value add fields or a second request.
    var isValid: Bool {
        !name.isEmpty && name.utf8.allSatisfy(Self.isTokenByte)
            && value.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
    }

    static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
