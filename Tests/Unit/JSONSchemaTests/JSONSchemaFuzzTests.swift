import JSON
import JSONSchema
import TestKit
import Testing

extension SeededRandom {
    fileprivate mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }

    fileprivate mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}

/// Random schemas, many of them wrong, and random values: nothing crashes, and the fast answer is the thorough one.
///
/// Seeded: `SEED=n swift test --filter JSONSchemaFuzzTests` repeats a run.
struct JSONSchemaFuzzTests {
    private static let names = ["a", "b", "ab", "x", ""]

    private static func value(_ depth: Int, _ generator: inout SeededRandom) -> JSONValue {
        switch generator.below(depth > 0 ? 8 : 6) {
        case 0: return nil
        case 1: return .bool(generator.below(2) == 0)
        case 2: return .int(generator.below(7) - 2)
        case 3: return .double(Double(generator.below(40)) / 8)
        case 4, 5: return .string(generator.pick(names))
        case 6: return .array((0..<generator.below(4)).map { _ in value(depth - 1, &generator) })
        default:
            var object = JSONObject()
            for _ in 0..<generator.below(4) { object[generator.pick(names)] = value(depth - 1, &generator) }
            return .object(object)
        }
    }

    private static func schema(_ depth: Int, _ generator: inout SeededRandom) -> JSONValue {
        if depth == 0 || generator.below(8) == 0 { return .bool(generator.below(3) > 0) }
        var object = JSONObject()
        for _ in 0..<(1 + generator.below(4)) {
            let keyword = generator.pick(keywords)
            object[keyword] = keywordValue(keyword, depth, &generator)
        }
        return .object(object)
    }

    private static let keywords = [
        "type", "enum", "const", "minLength", "maxLength", "pattern", "minimum", "maximum", "multipleOf", "items",
        "prefixItems", "contains", "minContains", "maxContains", "uniqueItems", "minItems", "maxItems", "properties",
        "patternProperties", "additionalProperties", "propertyNames", "required", "dependentRequired",
        "dependentSchemas",
        "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "unevaluatedItems", "unevaluatedProperties", "$ref",
        "$dynamicRef", "$anchor", "$dynamicAnchor", "$defs", "format", "minProperties", "maxProperties",
    ]

    private static func keywordValue(_ keyword: String, _ depth: Int, _ generator: inout SeededRandom) -> JSONValue {
        // One value in twenty is of any kind, mostly of a wrong one.
        if generator.below(20) == 0 { return value(2, &generator) }
        switch keyword {
        case "type":
            return .string(generator.pick(["null", "boolean", "integer", "number", "string", "array", "object"]))
        case "enum": return .array((0..<3).map { _ in value(1, &generator) })
        case "const": return value(1, &generator)
        case "pattern": return .string(generator.pick(["a", "^b", "^(a|b)*$", "(?=a)", "(a)\\1", "("]))
        case "uniqueItems": return true
        case "multipleOf": return .double(Double(1 + generator.below(8)) / 4)
        case "$ref", "$dynamicRef": return .string(generator.pick(["#", "#a", "#/$defs/a", "#/properties/a", "#/not"]))
        case "$anchor", "$dynamicAnchor": return .string(generator.pick(["a", "b"]))
        case "format": return .string(generator.pick(["date", "uri", "regex", "other"]))
        case "required": return .array([.string(generator.pick(names))])
        case "dependentRequired": return [generator.pick(names): .array([.string(generator.pick(names))])]
        case "prefixItems", "allOf", "anyOf", "oneOf":
            return .array((0...generator.below(2)).map { _ in schema(depth - 1, &generator) })
        case "properties", "dependentSchemas", "$defs":
            return [generator.pick(names): schema(depth - 1, &generator), "a": schema(depth - 1, &generator)]
        case "patternProperties": return [generator.pick(["^a", "b$", "["]): schema(depth - 1, &generator)]
        case _ where keyword.hasPrefix("min") || keyword.hasPrefix("max"): return .int(generator.below(4))
        default: return schema(depth - 1, &generator)
        }
    }

    @Test func fastAndThoroughAnswersAgree() {
        var generator = SeededRandom(seed: SeededRandom.seed)
        let compiler = JSONSchemaCompiler(configuration: .init(violationsMax: 8, depthMax: 64, visitsMax: 20_000))
        var compiled = 0
        var accepted = 0
        var refused = 0
        for round in 0..<6_000 {
            let document = Self.schema(3, &generator)
            guard let schema = try? compiler.compile(document) else { continue }
            compiled += 1
            for _ in 0..<5 {
                let value = Self.value(3, &generator)
                let violations = schema.violations(value)
                let isValid = schema.isValid(value)
                #expect(isValid == violations.isEmpty, "seed \(SeededRandom.seed) round \(round): \(document.string)")
                #expect(violations.count <= 8)
                if isValid { accepted += 1 } else { refused += 1 }
            }
        }
        #expect(compiled > 1_000 && accepted > 1_000 && refused > 1_000, "the mix must be worth something")
    }

    /// `not` turns every verdict round, `allOf` with one branch keeps it, unless a limit was met.
    @Test func logicHolds() throws {
        var generator = SeededRandom(seed: SeededRandom.seed &+ 1)
        let compiler = JSONSchemaCompiler(configuration: .init(visitsMax: 20_000))
        for round in 0..<3_000 {
            let inner = Self.schema(2, &generator)
            guard !inner.string.contains("Ref"), !inner.string.contains("$ref"), !inner.string.contains("nchor"),
                let schema = try? compiler.compile(inner)
            else { continue }
            let negated = try compiler.compile(["not": inner])
            let wrapped = try compiler.compile(["allOf": [inner], "oneOf": [inner], "if": inner, "else": false])
            for _ in 0..<4 {
                let value = Self.value(2, &generator)
                let isValid = schema.isValid(value)
                #expect(negated.isValid(value) != isValid, "seed \(SeededRandom.seed) round \(round): \(inner.string)")
                #expect(wrapped.isValid(value) == isValid, "seed \(SeededRandom.seed) round \(round): \(inner.string)")
            }
        }
    }
}
