import JSON

/// One compiled (sub)schema; others are referred to by their position in the table of nodes, so that cycles cost
/// nothing.
final class SchemaNode: Sendable {
    let keywords: SchemaKeywords

    init(_ keywords: SchemaKeywords) { self.keywords = keywords }
}

/// What a schema asks for, grouped by the type of value that it applies to.
struct SchemaKeywords: Sendable {
    /// The schema resource that the node belongs to, for the dynamic scope.
    var resource = 0
    /// What a boolean schema says; nil for an object.
    var verdict: Bool?
    var types: TypeSet?
    var enumeration: [JSONValue]?
    var enumerationSet: Set<JSONValue>?
    var constant: JSONValue?
    var string: StringRules?
    var number: NumberRules?
    var array: ArrayRules?
    var object: ObjectRules?
    var references: [Reference] = []
    var allOf: [Int] = []
    var anyOf: [Int] = []
    var oneOf: [Int] = []
    var not: Int?
    var condition: Condition?
    /// Whether anything but types, enumerations and rules by type has to be looked at.
    var hasInPlaceApplicators = false

    /// `$ref` or `$dynamicRef`.
    struct Reference: Sendable {
        let keyword: String
        let target: Int
        /// For a `$dynamicRef` to a `$dynamicAnchor`: which name is looked up in the dynamic scope.
        let dynamicName: Int?
    }

    /// `if`, `then`, `else`.
    struct Condition: Sendable {
        let test: Int
        let then: Int?
        let otherwise: Int?
    }
}

/// A set of the seven types that the keyword `type` knows.
struct TypeSet: OptionSet, Sendable {
    let rawValue: UInt8

    static let null = TypeSet(rawValue: 1)
    static let boolean = TypeSet(rawValue: 2)
    static let integer = TypeSet(rawValue: 4)
    static let number = TypeSet(rawValue: 8)
    static let string = TypeSet(rawValue: 16)
    static let array = TypeSet(rawValue: 32)
    static let object = TypeSet(rawValue: 64)

    static let names: [(name: String, type: TypeSet)] = [
        ("null", .null), ("boolean", .boolean), ("integer", .integer), ("number", .number), ("string", .string),
        ("array", .array), ("object", .object),
    ]

    init(rawValue: UInt8) { self.rawValue = rawValue }

    init?(name: String) {
        guard let found = Self.names.first(where: { $0.name == name }) else { return nil }
        self = found.type
    }

    /// The names joined for a message, such as `string or null`.
    var text: String {
        Self.names.filter { contains($0.type) }.map(\.name).joined(separator: " or ")
    }

    @inline(__always)
    func allows(_ value: JSONValue) -> Bool {
        switch value {
        case .null: contains(.null)
        case .bool: contains(.boolean)
        case .number(let number): contains(.number) || (contains(.integer) && number.isInteger)
        case .string: contains(.string)
        case .array: contains(.array)
        case .object: contains(.object)
        }
    }
}

/// Keywords for strings.
struct StringRules: Sendable {
    var minLength: Int?
    var maxLength: Int?
    var pattern: Pattern?
    var format: StringFormat?
}

/// Keywords for numbers.
struct NumberRules: Sendable {
    var minimum: JSONNumber?
    var maximum: JSONNumber?
    var exclusiveMinimum: JSONNumber?
    var exclusiveMaximum: JSONNumber?
    var multipleOf: MultipleOf?
}

/// Keywords for arrays.
struct ArrayRules: Sendable {
    var minItems: Int?
    var maxItems: Int?
    var uniqueItems = false
    var prefixItems: [Int] = []
    var items: Int?
    /// What `items` is called in the schema: `additionalItems` in old drafts.
    var itemsKeyword = "items"
    var contains: Int?
    var minContains: Int?
    var maxContains: Int?
    var unevaluatedItems: Int?
}

/// Keywords for objects.
struct ObjectRules: Sendable {
    var minProperties: Int?
    var maxProperties: Int?
    var required: [String] = []
    var dependentRequired: [(name: String, required: [String])] = []
    var properties = PropertyTable()
    var patternProperties: [(pattern: Pattern, source: String, node: Int)] = []
    var additionalProperties: Int?
    var propertyNames: Int?
    var dependentSchemas: [(keyword: String, name: String, node: Int)] = []
    var unevaluatedProperties: Int?

    /// Whether every member has to be looked at one by one.
    var visitsMembers: Bool {
        !properties.isEmpty || !patternProperties.isEmpty || additionalProperties != nil || propertyNames != nil
    }
}

/// The schemas of `properties` by name: a short list is searched, a long one hashed.
struct PropertyTable: Sendable {
    private static let linearSearchMax = 24
    private var entries: [(name: String, length: Int, node: Int)] = []
    private var index: [ExactText: Int]?

    init(_ properties: [(name: String, node: Int)] = []) {
        entries = properties.map { ($0.name, $0.name.utf8.count, $0.node) }
        guard properties.count > Self.linearSearchMax else { return }
        index = Dictionary(properties.map { (ExactText($0.name), $0.node) }, uniquingKeysWith: { first, _ in first })
    }

    var isEmpty: Bool { entries.isEmpty }

    @inline(__always)
    func node(for name: String) -> Int? {
        if let index { return index[ExactText(name)] }
        let length = name.utf8.count
        for entry in entries where entry.length == length && sameText(entry.name, name) { return entry.node }
        return nil
    }
}

/// `multipleOf`, exact for decimal fractions: 0.0075 is a multiple of 0.0001.
struct MultipleOf: Sendable {
    private let integer: Int64?
    private let digits: UInt64
    private let exponent: Int

    /// Nil unless the number is above zero and has at most 19 significant digits.
    init?(_ number: JSONNumber) {
        guard let decimal = number.decimal, !decimal.isNegative, !decimal.digits.isEmpty, decimal.digits.count <= 19
        else { return nil }
        digits = decimal.digits.reduce(0) { $0 * 10 + UInt64($1) }
        exponent = decimal.exponent
        if case .integer(let value) = number { integer = value } else { integer = nil }
    }

    func divides(_ number: JSONNumber) -> Bool {
        if let integer, case .integer(let value) = number { return value % integer == 0 }
        guard let decimal = number.decimal else { return false }
        guard !decimal.digits.isEmpty else { return true }
        // Below, both are whole multiples of 10^exponent. A value that is finer than that cannot be a multiple: its
        // last digit is not 0, and it would have to be divisible by ten.
        let shift = decimal.exponent - exponent
        guard shift >= 0 else { return false }
        let modulus = UInt128(digits)
        var remainder: UInt128 = 0
        for digit in decimal.digits { remainder = (remainder * 10 + UInt128(digit)) % modulus }
        var power: UInt128 = 10 % modulus
        var rest = shift
        while rest > 0 {
            if rest & 1 == 1 { remainder = remainder * power % modulus }
            power = power * power % modulus
            rest >>= 1
        }
        return remainder == 0
    }
}
