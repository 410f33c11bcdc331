import Foundation
import JSON
import JSONSchema
import Testing

/// Walks the schemas of events and their examples.
struct EventExamplesTests {
    static let schemas = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Schemas").path

    static let names = [
        "budget_event", "conversation_control", "conversation_delta", "conversation_event", "delegation_task",
        "tool_request", "tool_result",
    ]

    private static func schema(_ name: String) throws -> CompiledSchema {
        try JSONSchemaCompiler().compile(try SchemaFiles.read("\(schemas)/events/\(name).json"))
    }

    private static func examples(_ name: String, _ kind: String) throws -> [(name: String, value: JSONValue)] {
        let folder = "\(schemas)/examples/\(name)/\(kind)"
        return try SchemaFiles.list(folder, suffix: ".json", isRecursive: false).map {
            ($0, try SchemaFiles.read(folder + "/" + $0))
        }
    }

    @Test func thereIsASchemaForEveryShapeAndNoOther() throws {
        let files = try SchemaFiles.list(Self.schemas + "/events", suffix: ".json", isRecursive: false)
        #expect(files == Self.names.map { $0 + ".json" })
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.schemas + "/examples").sorted()
        #expect(folders == Self.names)
    }

    @Test(arguments: names)
    func validExamplesAreValid(_ name: String) throws {
        let schema = try Self.schema(name)
        let examples = try Self.examples(name, "valid")
        #expect(examples.count >= 2)
        for example in examples {
            #expect(schema.violations(example.value) == [], "\(example.name)")
            #expect(schema.isValid(example.value), "\(example.name)")
        }
    }

    @Test(arguments: names)
    func invalidExamplesAreInvalidAndSayWhy(_ name: String) throws {
        let schema = try Self.schema(name)
        let examples = try Self.examples(name, "invalid")
        #expect(examples.count >= 5)
        for example in examples {
            let violations = schema.violations(example.value)
            #expect(violations.count >= 1, "\(example.name)")
            #expect(!schema.isValid(example.value), "\(example.name)")
        }
    }

    @Test(arguments: names)
    func schemasAreClosedNamedAndValidUnderTheMetaschema(_ name: String) throws {
        let document = try SchemaFiles.read("\(Self.schemas)/events/\(name).json")
        #expect(document["$id"] == .string("https://parley.dev/schemas/\(name).json"))
        #expect(document["$schema"] == "https://json-schema.org/draft/2020-12/schema")
        #expect(document["additionalProperties"] == false)
        let metaschema = try JSONSchemaCompiler().compile(uri: "https://json-schema.org/draft/2020-12/schema")
        #expect(metaschema.violations(document) == [])
        let properties = try #require(document["properties"]?.objectValue)
        let required = try #require(document["required"]?.arrayValue).compactMap(\.stringValue)
        for member in required { #expect(properties.contains(member), "\(member)") }
        for member in properties { #expect(member.value["description"] != nil || member.value["$ref"] != nil) }
    }

    /// Each schema's required and optional members, as the design fixes them.
    @Test(arguments: [
        (
            "conversation_event", ["event_id", "session_id", "role", "message"],
            [
                "persona_id", "attachments", "metadata", "tenant_id", "turn_id", "type", "created_at", "usage",
                "status",
            ]
        ),
        (
            "tool_request", ["event_id", "session_id", "tool_name", "args"],
            ["persona_id", "metadata", "tenant_id", "turn_id", "tool_call_id", "deadline"]
        ),
        (
            "tool_result", ["event_id", "session_id", "tool_name", "status", "payload"],
            ["error", "execution_time", "metadata", "tenant_id", "turn_id", "tool_call_id"]
        ),
        ("conversation_delta", ["session_id", "turn_id", "index", "text"], ["tenant_id"]),
        (
            "conversation_control", ["event_id", "session_id", "action"],
            ["turn_id", "request_id", "reason", "tenant_id"]
        ),
    ])
    func membersAreThoseOfTheDesign(_ name: String, _ required: [String], _ optional: [String]) throws {
        let document = try SchemaFiles.read("\(Self.schemas)/events/\(name).json")
        #expect(document["required"] == .array(required.map { .string($0) }))
        let properties = try #require(document["properties"]?.objectValue)
        #expect(Set(properties.keys) == Set(required + optional))
    }

    @Test func theFixedExamplesOfTheDesign() throws {
        let event: JSONValue = [
            "event_id": "abc123", "session_id": "session-1", "role": "user", "message": "Test", "attachments": [],
            "metadata": [:],
        ]
        let schema = try Self.schema("conversation_event")
        #expect(schema.isValid(event))
        var withoutSession = event
        withoutSession["session_id"] = nil
        #expect(schema.violations(withoutSession).map(\.keyword) == ["required"])
        var withNumber = event
        withNumber["message"] = 7
        #expect(schema.violations(withNumber).map(\.instancePath) == ["/message"])
        let request = try Self.schema("tool_request")
        #expect(
            request.isValid([
                "event_id": "e", "session_id": "s", "tool_name": "echo", "args": ["message": "Echo test"],
            ])
        )
        let result = try Self.schema("tool_result")
        #expect(
            result.isValid([
                "event_id": "e", "session_id": "s", "tool_name": "echo", "status": "success",
                "payload": ["message": "Echo test"],
            ])
        )
    }

    @Test func messagesAtTheLimitAndOver() throws {
        let schema = try Self.schema("conversation_event")
        func event(_ message: String) -> JSONValue {
            ["event_id": "e", "session_id": "s", "role": "user", "message": .string(message)]
        }
        // Two code points of four bytes each make one character for a reader, but JSON Schema counts code points.
        let text = String(repeating: "\u{1F1E9}\u{1F1EA}", count: 131_072)
        #expect(schema.isValid(event(text)))
        #expect(schema.violations(event(text + "x")).map(\.keyword) == ["maxLength"])
    }

    @Test func idsAtTheLimitAndOver() throws {
        let schema = try Self.schema("conversation_event")
        func isValid(_ id: String) -> Bool {
            schema.isValid(["event_id": .string(id), "session_id": "s", "role": "user", "message": ""])
        }
        #expect(isValid(String(repeating: "a", count: 128)) && isValid("A.z_0:9-"))
        for id in ["", String(repeating: "a", count: 129), "a b", "a/b", "a\n", "\na", "ä", "a\0", "а"] {
            #expect(!isValid(id))
        }
    }

    @Test func onlyDatesAreDates() throws {
        let schema = try Self.schema("conversation_event")
        func isValid(_ date: JSONValue) -> Bool {
            schema.isValid(["event_id": "e", "session_id": "s", "role": "user", "message": "", "created_at": date])
        }
        #expect(isValid("2026-01-31T10:00:00Z") && isValid("2024-02-29T10:00:00.5+14:00"))
        for date in ["yesterday", "2026-01-31", "2026-02-29T10:00:00Z", "2026-01-31T10:00:00", "2026-01-31T24:00:00Z"] {
            #expect(!isValid(.string(date)))
        }
    }
}
