import JSON

/// Reads the keywords of one schema object that hold no schemas, with errors that name the place.
struct KeywordReader {
    let object: JSONObject
    let location: SchemaRegistry.Location
    let dialect: SchemaRegistry.Dialect
    let patternStepsMax: Int

    func invalid(_ keyword: String, _ reason: String) -> JSONSchemaError {
        JSONSchemaError(.invalidKeyword, at: location.key, "\(keyword) \(reason)")
    }

    func string(_ keyword: String) throws(JSONSchemaError) -> String? {
        guard let value = object[keyword] else { return nil }
        guard let text = value.stringValue else { throw invalid(keyword, "must be a string") }
        return text
    }

    /// A count; numbers too great for `Int` mean that there is no such limit in practice.
    func count(_ keyword: String) throws(JSONSchemaError) -> Int? {
        guard let value = object[keyword] else { return nil }
        guard let number = value.numberValue, number.isInteger, number >= .integer(0) else {
            throw invalid(keyword, "must be a whole number of at least 0")
        }
        return number.intValue ?? Int.max
    }

    func number(_ keyword: String) throws(JSONSchemaError) -> JSONNumber? {
        guard let value = object[keyword] else { return nil }
        guard let number = value.numberValue else { throw invalid(keyword, "must be a number") }
        return number
    }

    func bool(_ keyword: String) throws(JSONSchemaError) -> Bool? {
        guard let value = object[keyword] else { return nil }
        guard let bool = value.boolValue else { throw invalid(keyword, "must be true or false") }
        return bool
    }

    func names(_ value: JSONValue, _ keyword: String) throws(JSONSchemaError) -> [String] {
        guard let elements = value.arrayValue else { throw invalid(keyword, "must be a list of names") }
        var names: [String] = []
        for element in elements {
            guard let name = element.stringValue else { throw invalid(keyword, "must be a list of names") }
            guard !names.contains(where: { sameText($0, name) }) else { throw invalid(keyword, "repeats a name") }
            names.append(name)
        }
        return names
    }

    func pattern(_ source: String, _ keyword: String) throws(JSONSchemaError) -> Pattern {
        do {
            return try Pattern(source, stepsMax: patternStepsMax)
        } catch {
            throw JSONSchemaError(.invalidPattern, at: location.key, "\(keyword): \(error.reason)")
        }
    }

    // MARK: Assertions

    func readAssertions(into keywords: inout SchemaKeywords) throws(JSONSchemaError) {
        keywords.types = try types()
        if let value = object["enum"] {
            guard let elements = value.arrayValue else { throw invalid("enum", "must be a list") }
            keywords.enumeration = elements
            if elements.count > 16 { keywords.enumerationSet = Set(elements) }
        }
        keywords.constant = object["const"]
        keywords.string = try stringRules()
        keywords.number = try numberRules()
        keywords.array = try arrayRules()
        keywords.object = try objectRules()
    }

    private func types() throws(JSONSchemaError) -> TypeSet? {
        guard let value = object["type"] else { return nil }
        var types: TypeSet = []
        let names = value.stringValue == nil ? try names(value, "type") : [value.stringValue ?? ""]
        guard !names.isEmpty else { throw invalid("type", "must name at least one type") }
        for name in names {
            guard let type = TypeSet(name: name) else { throw invalid("type", "names a type that does not exist") }
            types.insert(type)
        }
        return types
    }

    private func stringRules() throws(JSONSchemaError) -> StringRules? {
        var rules = StringRules()
        rules.minLength = try count("minLength")
        rules.maxLength = try count("maxLength")
        if let source = try string("pattern") { rules.pattern = try pattern(source, "pattern") }
        return rules.minLength == nil && rules.maxLength == nil && rules.pattern == nil ? nil : rules
    }

    func readFormat(into keywords: inout SchemaKeywords, isAsserted: Bool) throws(JSONSchemaError) {
        // A format that is not known asserts nothing (JSON Schema Validation §7.2.3).
        guard let name = try string("format"), isAsserted, let format = StringFormat(rawValue: name) else { return }
        keywords.string = keywords.string ?? StringRules()
        keywords.string?.format = format
    }

    private func numberRules() throws(JSONSchemaError) -> NumberRules? {
        let names = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
        guard names.contains(where: { object[$0] != nil }) else { return nil }
        var rules = NumberRules()
        rules.minimum = try number("minimum")
        rules.maximum = try number("maximum")
        rules.exclusiveMinimum = try number("exclusiveMinimum")
        rules.exclusiveMaximum = try number("exclusiveMaximum")
        if let divisor = try number("multipleOf") {
            guard let multipleOf = MultipleOf(divisor) else {
                throw invalid("multipleOf", "must be above 0 and have at most 19 digits")
            }
            rules.multipleOf = multipleOf
        }
        return rules
    }

    private func arrayRules() throws(JSONSchemaError) -> ArrayRules? {
        let names = ["minItems", "maxItems", "uniqueItems", "minContains", "maxContains"]
        guard names.contains(where: { object[$0] != nil }) else { return nil }
        var rules = ArrayRules()
        rules.minItems = try count("minItems")
        rules.maxItems = try count("maxItems")
        rules.uniqueItems = try bool("uniqueItems") ?? false
        rules.minContains = try count("minContains")
        rules.maxContains = try count("maxContains")
        return rules
    }

    private func objectRules() throws(JSONSchemaError) -> ObjectRules? {
        let names = ["minProperties", "maxProperties", "required", "dependentRequired"]
        guard names.contains(where: { object[$0] != nil }) else { return nil }
        var rules = ObjectRules()
        rules.minProperties = try count("minProperties")
        rules.maxProperties = try count("maxProperties")
        if let value = object["required"] { rules.required = try self.names(value, "required") }
        if let value = object["dependentRequired"] {
            guard let dependencies = value.objectValue else { throw invalid("dependentRequired", "must be an object") }
            for member in dependencies {
                rules.dependentRequired.append((member.key, try self.names(member.value, "dependentRequired")))
            }
        }
        return rules
    }
}
