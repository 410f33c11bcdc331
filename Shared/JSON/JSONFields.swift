/// Takes a struct's values out of an object by name, with errors that say which member is wrong and why.
///
/// ```swift
/// let fields = try JSONFields(value)
/// self.name = try fields.string("name")
/// self.limit = try fields.optionalInt("limit", in: 1...100) ?? 20
/// try fields.allow("name", "limit")
/// ```
package struct JSONFields: Sendable {
    /// The object read from.
    package let object: JSONObject
    /// JSON Pointer of the object within its document, which errors start with.
    package let path: String

    /// Looks into `value`, which must be an object.
    package init(_ value: JSONValue, at path: String = "") throws(JSONError) {
        guard case .object(let object) = value else { throw JSONError(.wrongType, path: path, expected: "object") }
        self.object = object
        self.path = path
    }

    /// The error for a member: `expected` says in words what should have been there.
    package func error(_ name: String, _ code: JSONError.Code, _ expected: String = "") -> JSONError {
        JSONError(code, path: path + "/" + JSONPointer.escape(name), expected: expected)
    }

    /// The member's value; nil when it is missing or `null`.
    package func optionalValue(_ name: String) -> JSONValue? {
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    /// The member's value, which must be there; `null` counts as a value.
    package func value(_ name: String) throws(JSONError) -> JSONValue {
        guard let value = object[name] else { throw error(name, .missingMember) }
        return value
    }

    private func required<Value>(_ name: String, _ value: Value?, _ expected: String) throws(JSONError) -> Value {
        if let value { return value }
        throw error(name, object[name] == nil ? .missingMember : .wrongType, expected)
    }

    /// The member as a string; nil when it is missing or `null`.
    package func optionalString(_ name: String) throws(JSONError) -> String? {
        guard let value = optionalValue(name) else { return nil }
        guard let string = value.stringValue else { throw error(name, .wrongType, "string") }
        return string
    }

    /// The member as a string, which must be there.
    package func string(_ name: String) throws(JSONError) -> String {
        try required(name, try optionalString(name), "string")
    }

    /// The member as a whole number within `range`; nil when it is missing or `null`.
    package func optionalInt(
        _ name: String,
        in range: ClosedRange<Int> = Int.min...Int.max
    ) throws(JSONError) -> Int? {
        guard let value = optionalValue(name) else { return nil }
        guard let number = value.numberValue else { throw error(name, .wrongType, "integer") }
        guard let int = number.intValue, range.contains(int) else {
            throw error(name, .outOfRange, "an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return int
    }

    /// The member as a whole number within `range`, which must be there.
    package func int(_ name: String, in range: ClosedRange<Int> = Int.min...Int.max) throws(JSONError) -> Int {
        try required(name, try optionalInt(name, in: range), "integer")
    }

    /// The member as a finite double; nil when it is missing or `null`.
    package func optionalDouble(_ name: String) throws(JSONError) -> Double? {
        guard let value = optionalValue(name) else { return nil }
        guard let double = value.doubleValue else { throw error(name, .wrongType, "number") }
        guard double.isFinite else { throw error(name, .outOfRange, "a number below 1.8e308") }
        return double
    }

    /// The member as a finite double, which must be there.
    package func double(_ name: String) throws(JSONError) -> Double {
        try required(name, try optionalDouble(name), "number")
    }

    /// The member as a boolean; nil when it is missing or `null`.
    package func optionalBool(_ name: String) throws(JSONError) -> Bool? {
        guard let value = optionalValue(name) else { return nil }
        guard let bool = value.boolValue else { throw error(name, .wrongType, "boolean") }
        return bool
    }

    /// The member as a boolean, which must be there.
    package func bool(_ name: String) throws(JSONError) -> Bool {
        try required(name, try optionalBool(name), "boolean")
    }

    /// The member as an array; nil when it is missing or `null`.
    package func optionalArray(_ name: String) throws(JSONError) -> [JSONValue]? {
        guard let value = optionalValue(name) else { return nil }
        guard let array = value.arrayValue else { throw error(name, .wrongType, "array") }
        return array
    }

    /// The member as an array, which must be there.
    package func array(_ name: String) throws(JSONError) -> [JSONValue] {
        try required(name, try optionalArray(name), "array")
    }

    /// The member as an object's fields; nil when it is missing or `null`.
    package func optionalFields(_ name: String) throws(JSONError) -> JSONFields? {
        guard let value = optionalValue(name) else { return nil }
        return try JSONFields(value, at: path + "/" + JSONPointer.escape(name))
    }

    /// The member as an object's fields, which must be there.
    package func fields(_ name: String) throws(JSONError) -> JSONFields {
        try required(name, try optionalFields(name), "object")
    }

    /// The member as an object; nil when it is missing or `null`.
    package func optionalObject(_ name: String) throws(JSONError) -> JSONObject? {
        try optionalFields(name)?.object
    }

    /// The member as an object, which must be there.
    package func object(_ name: String) throws(JSONError) -> JSONObject {
        try fields(name).object
    }

    /// The member's string as one of the cases of an enum; nil when it is missing or `null`.
    package func optionalCase<Choice: RawRepresentable & CaseIterable>(
        _ name: String,
        of type: Choice.Type
    ) throws(JSONError) -> Choice? where Choice.RawValue == String {
        guard let text = try optionalString(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw error(name, .outOfRange, "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return choice
    }

    /// The member's string as one of the cases of an enum, which must be there.
    package func oneCase<Choice: RawRepresentable & CaseIterable>(
        _ name: String,
        of type: Choice.Type
    ) throws(JSONError) -> Choice where Choice.RawValue == String {
        try required(name, try optionalCase(name, of: type), "string")
    }

    /// Throws when the object has a member besides `names`.
    ///
    /// The error does not repeat the member's name.
    package func allow(_ names: String...) throws(JSONError) {
        for member in object where !names.contains(where: { sameText($0, member.key) }) {
            throw JSONError(.unknownMember, path: path, expected: "only " + names.joined(separator: ", "))
        }
    }
}
