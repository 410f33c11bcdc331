import JSON
import Testing

@testable import JSONSchema

struct JSONSchemaTests {
    private static func compile(
        _ schema: JSONValue,
        _ configuration: JSONSchemaCompiler.Configuration = .init()
    ) throws -> CompiledSchema {
        try JSONSchemaCompiler(configuration: configuration).compile(schema)
    }

    @Test func violationsNameInstanceSchemaAndKeyword() throws {
        let schema = try Self.compile([
            "type": "object",
            "required": ["a", "b"],
            "properties": ["list": ["items": ["$ref": "#/$defs/small"]], "x/y": ["type": ["string", "null"]]],
            "additionalProperties": false,
            "$defs": ["small": ["type": "integer", "maximum": 5]],
        ])
        let violations = schema.violations(["a": 1, "list": [1, 9, "x"], "x/y": 2])
        #expect(
            violations == [
                .init(
                    instancePath: "",
                    schemaPath: "/required",
                    keyword: "required",
                    message: "must have the member b"
                ),
                .init(instancePath: "/a", schemaPath: "/additionalProperties", keyword: "", message: "is not allowed"),
                .init(
                    instancePath: "/list/1",
                    schemaPath: "/properties/list/items/$ref/maximum",
                    keyword: "maximum",
                    message: "must be at most 5"
                ),
                .init(
                    instancePath: "/list/2",
                    schemaPath: "/properties/list/items/$ref/type",
                    keyword: "type",
                    message: "must be integer"
                ),
                .init(
                    instancePath: "/x~1y",
                    schemaPath: "/properties/x~1y/type",
                    keyword: "type",
                    message: "must be null or string"
                ),
            ]
        )
    }

    @Test func messagesDoNotRepeatTheInstance() throws {
        let schema = try Self.compile([
            "properties": [
                "a": ["enum": ["x", "y"]], "b": ["const": 1], "c": ["pattern": "^z$"], "d": ["format": "uuid"],
                "e": ["maxLength": 2], "f": ["anyOf": [["type": "null"], ["minimum": 5]]],
            ]
        ])
        let secret: JSONValue = "hunter2"
        let violations = schema.violations(["a": secret, "b": secret, "c": secret, "d": secret, "e": secret, "f": 1])
        #expect(violations.map(\.keyword) == ["enum", "const", "pattern", "format", "maxLength", "anyOf"])
        #expect(violations[0].message == #"must be one of "x", "y""#)
        for violation in violations { #expect(!violation.description.contains("hunter2")) }
    }

    @Test func longNamesAreCutInPaths() throws {
        let schema = try Self.compile(["additionalProperties": ["type": "integer"]])
        let name = String(repeating: "n", count: 1_000_000)
        let violation = try #require(schema.violations([name: "x"]).first)
        #expect(violation.instancePath.utf8.count < 200)
    }

    @Test func validateThrowsTheViolations() throws {
        let schema = try Self.compile(["type": "string"])
        try schema.validate("x")
        let error = #expect(throws: JSONSchemaError.self) { try schema.validate(1) }
        #expect(error?.code == .invalidInstance)
        #expect(error?.description == "not valid under the schema: (root) must be string")
        #expect(error?.isRetriable == false)
    }

    @Test func violationsAtTheLimitAndOver() throws {
        let schema = try Self.compile(["items": ["type": "string"]])
        for (count, expected) in [(0, 0), (1, 1), (31, 31), (32, 32), (33, 32), (1_000, 32)] {
            let value = JSONValue.array(Array(repeating: 1, count: count))
            #expect(schema.violations(value).count == expected)
            #expect(schema.isValid(value) == (count == 0))
        }
    }

    @Test(
        arguments: [
            ["type": "text"], ["type": 5], ["type": []], ["type": ["string", "string"]], ["minLength": -1],
            ["minLength": 1.5], ["minLength": "1"], ["maximum": "5"], ["multipleOf": 0], ["multipleOf": -1],
            ["pattern": "("], ["pattern": 5], ["patternProperties": ["[": true]], ["required": "a"], ["required": [1]],
            ["required": ["a", "a"]], ["enum": "a"], ["allOf": []], ["anyOf": [:]], ["oneOf": [5]], ["not": "x"],
            ["properties": []], ["properties": ["a": 1]], ["items": 5], ["items": []], ["uniqueItems": "yes"],
            ["dependentRequired": ["a": "b"]], ["$ref": 5], ["$anchor": "1a"], ["$id": 5], ["$id": "x#fragment"],
            ["format": 5],
            ["$defs": ["a": ["$id": "x"], "b": ["$id": "x", "type": "null"]]],
            ["$defs": ["a": ["$anchor": "x"], "b": ["$anchor": "x"]]], ["$schema": "https://example.org/unknown"], 5,
            "x", nil,
            [],
        ] as [JSONValue]
    )
    func refusesSchemasThatAreNotValid(_ schema: JSONValue) {
        #expect(throws: JSONSchemaError.self) { try Self.compile(schema) }
    }

    @Test func referencesThatLeadNowhere() {
        for reference in ["#/$defs/a", "#a", "other.json", "https://example.org/x", "#/%zz"] {
            let error = #expect(throws: JSONSchemaError.self) { try Self.compile(["$ref": .string(reference)]) }
            #expect(error?.code == .unresolvedReference || error?.code == .invalidURI)
        }
    }

    @Test func addedDocumentsAreFoundUnderTheirURIs() throws {
        var compiler = JSONSchemaCompiler()
        try compiler.add(
            ["$id": "https://example.org/own.json", "$defs": ["n": ["type": "integer", "$anchor": "number"]]],
            uri: "https://elsewhere.org/added.json"
        )
        try compiler.add(["$id": "https://example.org/plain.json", "type": "string"])
        #expect(throws: JSONSchemaError.self) { try compiler.add(["type": "string"]) }
        for reference in [
            "https://example.org/own.json#/$defs/n", "https://elsewhere.org/added.json#/$defs/n",
            "https://example.org/own.json#number", "https://elsewhere.org/added.json#number", "own.json#number",
        ] {
            let schema = try compiler.compile(
                ["$ref": .string(reference)],
                baseURI: "https://example.org/folder/../base.json"
            )
            #expect(schema.isValid(1) && !schema.isValid("x"), "\(reference)")
        }
        let direct = try compiler.compile(uri: "https://example.org/own.json#/$defs/n")
        #expect(direct.isValid(1) && !direct.isValid(nil))
    }

    @Test func formatsAreAssertedOnlyIfAskedFor() throws {
        let schema: JSONValue = ["format": "ipv4"]
        #expect(try !Self.compile(schema).isValid("x"))
        #expect(try Self.compile(schema, .init(assertsFormat: false)).isValid("x"))
        #expect(try Self.compile(["format": "unknown"]).isValid("x"))
    }

    @Test func oldDraftsOfToolsAreUnderstood() throws {
        let schema = try Self.compile([
            "$schema": "http://json-schema.org/draft-07/schema#",
            "definitions": ["n": ["type": "integer"]],
            "items": [["$ref": "#/definitions/n"], ["type": "string"]],
            "additionalItems": false,
            "dependencies": ["a": ["b"]],
        ])
        #expect(schema.isValid([1, "x"]) && !schema.isValid(["x"]) && !schema.isValid([1, "x", 2]))
        #expect(schema.isValid(["a": 1, "b": 2]) && !schema.isValid(["a": 1]))
    }

    @Test func metaschemaKnowsItsVocabularies() throws {
        let compiler = JSONSchemaCompiler()
        let schema = try compiler.compile(uri: Metaschema.uri)
        #expect(schema.isValid(["type": "string", "properties": ["a": true]]))
        for wrong: JSONValue in [["type": "text"], ["minLength": -1], ["properties": ["a": 5]], ["$id": 5], 5] {
            #expect(!schema.isValid(wrong))
        }
        for text in [Metaschema.schema] + Metaschema.vocabularies {
            let document = try JSONValue.parse(text)
            let uri = try #require(document["$id"]?.stringValue)
            #expect(schema.violations(document) == [])
            #expect(throws: Never.self) { try compiler.compile(uri: uri) }
        }
        #expect(Metaschema.vocabularies.count == 8)
    }

    // MARK: Limits

    @Test func endlessRecursionIsStopped() throws {
        for schema: JSONValue in [
            ["$ref": "#"], ["not": ["$ref": "#"]], ["anyOf": [["$ref": "#"], ["type": "null"]]],
            ["$dynamicAnchor": "a", "$dynamicRef": "#a"],
        ] {
            let compiled = try Self.compile(schema)
            #expect(!compiled.isValid(1))
            #expect(compiled.violations(1).contains { $0.message == "takes too many steps to check" })
        }
    }

    @Test func depthAtTheLimitAndOver() throws {
        // Each level of the value takes one level of evaluation for `items` and one for `$ref`.
        let schema = try Self.compile(["items": ["$ref": "#"]], .init(depthMax: 9))
        func nested(_ levels: Int) -> JSONValue { (0..<levels).reduce([]) { inner, _ in [inner] } }
        #expect(schema.isValid(nested(4)))
        #expect(!schema.isValid(nested(5)))
    }

    @Test func visitsAtTheLimitAndOver() throws {
        let schema = try Self.compile(["items": true], .init(visitsMax: 11))
        #expect(schema.isValid(.array(Array(repeating: 1, count: 10))))
        #expect(!schema.isValid(.array(Array(repeating: 1, count: 11))))
        // 2^40 ways through would never end.
        var definitions = JSONObject()
        for level in 0..<40 {
            let next: JSONValue = ["$ref": "#/$defs/\(level + 1)"]
            definitions["\(level)"] = ["anyOf": [next, next]]
        }
        definitions["40"] = ["type": "string"]
        let hostile: JSONValue = ["$ref": "#/$defs/0", "$defs": .object(definitions)]
        #expect(try !Self.compile(hostile, .init(visitsMax: 100_000)).isValid(1))
    }

    @Test func nodesAtTheLimitAndOver() throws {
        let schema: JSONValue = ["allOf": [true, ["not": false]]]
        #expect(throws: Never.self) { try Self.compile(schema, .init(nodesMax: 4)) }
        let error = #expect(throws: JSONSchemaError.self) { try Self.compile(schema, .init(nodesMax: 3)) }
        #expect(error?.code == .tooLarge)
    }

    @Test func numbersAreExact() throws {
        let cases: [(String, String, Bool)] = [
            ("0.01", "0.07", true), ("0.0001", "0.0075", true), ("0.01", "0.075", false),
            ("3", "9007199254740993", true),
            ("1e-8", "1e308", true), ("7", "1e400", false), ("2", "1e400", true), ("0.5", "-2.5", true),
            ("2", "0", true),
            ("3", "12345678901234567890123456789", true), ("3", "12345678901234567890123456788", false),
        ]
        for (divisor, value, expected) in cases {
            let schema = try Self.compile(["multipleOf": try JSONValue.parse(divisor)])
            #expect(schema.isValid(try JSONValue.parse(value)) == expected, "\(value) by \(divisor)")
        }
        let bound = try Self.compile(["maximum": 9_007_199_254_740_992])
        #expect(!bound.isValid(9_007_199_254_740_993) && bound.isValid(9_007_199_254_740_992))
        let huge = try Self.compile(["exclusiveMaximum": .number(.literal("1e400"))])
        #expect(huge.isValid(1e308) && !huge.isValid(.number(.literal("1e400"))))
    }

    @Test func namesAndTextsAreComparedByBytes() throws {
        let schema = try Self.compile(["properties": ["\u{e9}": ["type": "integer"]], "enum": [["e\u{301}": "x"]]])
        #expect(schema.isValid(["e\u{301}": "x"]))
        #expect(!schema.isValid(["\u{e9}": "x"]))
    }

    @Test func manyPropertiesAndValues() throws {
        let names = (0..<100).map { "p\($0)" }
        let properties = JSONObject(names.map { .init(key: $0, value: ["type": "integer"]) })
        let schema = try Self.compile([
            "properties": .object(properties), "additionalProperties": ["enum": .array(names.map { .string($0) })],
        ])
        #expect(schema.isValid(["p99": 1, "q": "p99"]))
        #expect(!schema.isValid(["p99": "x"]) && !schema.isValid(["q": "p100"]))
    }
}
