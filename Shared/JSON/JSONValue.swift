/// Any JSON value (RFC 8259), as a tree.
package enum JSONValue: Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number, kept exactly.
    case number(JSONNumber)
    /// A string, unescaped.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object; its members keep their order.
    case object(JSONObject)

    /// An integer.
    package static func int(_ value: Int) -> JSONValue { .number(.integer(Int64(value))) }
    /// A double; not-a-number and infinity are written as `null`, because JSON has neither.
    package static func double(_ value: Double) -> JSONValue { .number(.double(value)) }

    /// The JSON types, as JSON Schema names them.
    package enum Kind: String, Sendable, CaseIterable {
        case null
        case bool = "boolean"
        case number
        case string
        case array
        case object
    }

    /// Which of the six types this is.
    package var kind: Kind {
        switch self {
        case .null: .null
        case .bool: .bool
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// Whether this is `null`.
    package var isNull: Bool {
        if case .null = self { return true }
        return false
    }

    /// The boolean, if it is one.
    package var boolValue: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    /// The number, if it is one.
    package var numberValue: JSONNumber? {
        if case .number(let value) = self { return value }
        return nil
    }

    /// The number as `Int`, if it is a whole one that fits.
    package var intValue: Int? { numberValue?.intValue }

    /// The nearest double, if it is a number.
    package var doubleValue: Double? { numberValue?.doubleValue }

    /// The string, if it is one.
    package var stringValue: String? {
        if case .string(let value) = self { return value }
        return nil
    }

    /// The elements, if it is an array.
    package var arrayValue: [JSONValue]? {
        if case .array(let value) = self { return value }
        return nil
    }

    /// The members, if it is an object.
    package var objectValue: JSONObject? {
        if case .object(let value) = self { return value }
        return nil
    }

    /// Whether a string in it, or the name of a member, has a NUL character, which PostgreSQL's texts cannot hold.
    package var hasNUL: Bool {
        switch self {
        case .string(let text): text.utf8.contains(0)
        case .array(let elements): elements.contains(where: \.hasNUL)
        case .object(let object): object.contains { $0.key.utf8.contains(0) || $0.value.hasNUL }
        default: false
        }
    }

    /// The member with this name, if it is an object that has one.
    ///
    /// Setting replaces, appends, or with nil removes; setting a member of anything but an object is a programmer's
    /// error.
    package subscript(key: String) -> JSONValue? {
        get {
            if case .object(let object) = self { return object[key] }
            return nil
        }
        set {
            guard case .object(var object) = self else {
                preconditionFailure("only an object has members that can be set")
            }
            self = .null
            object[key] = newValue
            self = .object(object)
        }
    }

    /// The element at this position, if it is an array that has one.
    package subscript(position: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(position) else { return nil }
        return elements[position]
    }
}

extension JSONValue: Hashable {
    /// Whether both are the same value: numbers by value, strings by bytes, objects without regard to order.
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): sameText(left, right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    /// Hashes in agreement with `==`.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        switch self {
        case .null: break
        case .bool(let value): hasher.combine(value)
        case .number(let value): hasher.combine(value)
        case .string(let value): ExactText(value).hash(into: &hasher)
        case .array(let value): hasher.combine(value)
        case .object(let value): hasher.combine(value)
        }
    }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// `null`.
    package init(nilLiteral: ()) { self = .null }
    /// A boolean.
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An integer.
    package init(integerLiteral value: Int64) { self = .number(.integer(value)) }
    /// A double.
    package init(floatLiteral value: Double) { self = .number(.double(value)) }
    /// A string.
    package init(stringLiteral value: String) { self = .string(value) }
    /// An array.
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object; of equal names the last one counts.
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements.map { JSONObject.Member(key: $0.0, value: $0.1) }))
    }
}
