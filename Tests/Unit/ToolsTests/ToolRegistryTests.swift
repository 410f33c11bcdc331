import JSON
import JSONSchema
import Testing
import Tools

/// A tool whose definition and behaviour a test chooses.
struct StubTool: Tool {
    var name = "stub"
    var parameters: JSONValue = ["type": "object"]
    var timeout: Duration = .seconds(1)
    var resultBytesMax = 100
    var summary = "For tests."
    var approval = ToolDefinition.Approval.policy
    var body: @Sendable (JSONValue) async throws -> JSONValue = { $0 }

    var definition: ToolDefinition {
        ToolDefinition(
            name: name,
            description: summary,
            parameters: parameters,
            idempotent: false,
            timeout: timeout,
            approval: approval,
            resultBytesMax: resultBytesMax
        )
    }

    func run(_ arguments: JSONValue, context: ToolContext) async throws -> JSONValue { try await body(arguments) }
}

extension ToolContext {
    static var forTests: ToolContext {
        ToolContext(
            tenantId: "default",
            sessionId: "session-1",
            idempotencyKey: "event-1",
            deadline: .now + .seconds(600)
        )
    }
}

struct ToolRegistryTests {
    private struct Secret: Error {
        let text = "hunter2"
    }

    @Test func listsToolsByName() throws {
        let registry = try ToolRegistry(ToolRegistry.builtIn)
        #expect(registry.definitions.map(\.name) == ["calculator", "echo", "timestamp"])
        #expect(registry.count == 3)
        #expect(registry["echo"] != nil && registry["Echo"] == nil)
        #expect(registry.definition("echo")?.idempotent == true)
    }

    @Test func refusesTwoOfOneName() throws {
        let error = #expect(throws: ToolError.self) { try ToolRegistry([StubTool(), StubTool()]) }
        #expect(error?.code == .duplicateName)
    }

    @Test(
        arguments: [
            ["type": "string"], [:], true, ["type": "object", "properties": 5],
            ["type": "object", "properties": ["a": ["type": "text"]]], ["type": "object", "required": "a"],
            ["type": "object", "properties": ["a": ["pattern": "("]]],
            ["type": "object", "properties": ["a": ["$ref": "#/$defs/missing"]]],
            ["type": "object", "properties": ["a": ["$ref": "https://example.org/elsewhere.json"]]],
        ] as [JSONValue]
    )
    func refusesParameterSchemasThatAreNotValid(_ parameters: JSONValue) {
        let error = #expect(throws: ToolError.self) { try ToolRegistry([StubTool(parameters: parameters)]) }
        #expect(error?.code == .invalidDefinition)
    }

    @Test func namesAtTheLimitAndOver() throws {
        for name in ["a", "mcp:server/tool_1.x-y", String(repeating: "n", count: 128)] {
            #expect(try ToolRegistry([StubTool(name: name)]).count == 1)
        }
        for name in ["", "a b", "ä", "a\n", String(repeating: "n", count: 129)] {
            let error = #expect(throws: ToolError.self) { try ToolRegistry([StubTool(name: name)]) }
            #expect(error?.code == .invalidDefinition)
        }
    }

    @Test func limitsOfTheRegistry() throws {
        let configuration = ToolRegistry.Configuration(toolsMax: 2, descriptionBytesMax: 10, parametersBytesMax: 17)
        #expect(throws: Never.self) {
            try ToolRegistry([StubTool(name: "a", summary: "0123456789")], configuration: configuration)
        }
        #expect(throws: ToolError.self) {
            try ToolRegistry([StubTool(name: "a", summary: "0123456789+")], configuration: configuration)
        }
        #expect(throws: ToolError.self) {
            try ToolRegistry(
                [StubTool(parameters: ["type": "object", "x": 1], summary: "")],
                configuration: configuration
            )
        }
        let tools = ["a", "b", "c"].map { StubTool(name: $0, summary: "") }
        #expect(try ToolRegistry(Array(tools.prefix(2)), configuration: configuration).count == 2)
        #expect(throws: ToolError.self) { try ToolRegistry(tools, configuration: configuration) }
        #expect(throws: ToolError.self) { try ToolRegistry([StubTool(timeout: .zero)]) }
        #expect(throws: ToolError.self) { try ToolRegistry([StubTool(resultBytesMax: 0)]) }
    }

    @Test func validatesArgumentsBeforeTheRun() async throws {
        let registry = try ToolRegistry([EchoTool()])
        let wrong: [JSONValue] = [[:], ["message": 5], ["message": "x", "more": 1], [], nil]
        for arguments in wrong {
            let error = await #expect(throws: ToolError.self) {
                try await registry.run("echo", arguments, context: .forTests)
            }
            #expect(error?.code == .invalidArguments)
            #expect(error?.violations.isEmpty == false)
        }
        let error = #expect(throws: ToolError.self) { try registry.validate(["message": 5], for: "echo") }
        #expect(
            error?.violations == [
                SchemaViolation(
                    instancePath: "/message",
                    schemaPath: "/properties/message/type",
                    keyword: "type",
                    message: "must be string"
                )
            ]
        )
        #expect(throws: ToolError(.unknownTool, "there is no tool of this name")) {
            try registry.validate([:], for: "missing")
        }
    }

    @Test func echoGivesItsMessageBack() async throws {
        let registry = try ToolRegistry([EchoTool()])
        let arguments: JSONValue = ["message": "Echo test"]
        let result = try await registry.run("echo", arguments, context: .forTests)
        #expect(result == ["message": "Echo test"])
        let longest: JSONValue = ["message": .string(String(repeating: "\u{1}", count: 65_536))]
        #expect(try await registry.run("echo", longest, context: .forTests) == longest)
        let over: JSONValue = ["message": .string(String(repeating: "x", count: 65_537))]
        await #expect(throws: ToolError.self) { try await registry.run("echo", over, context: .forTests) }
    }

    @Test func boundsResults() async throws {
        // {"x":"…"} is 8 bytes longer than its text.
        let registry = try ToolRegistry([StubTool()])
        let fitting: JSONValue = ["x": .string(String(repeating: "y", count: 92))]
        #expect(try await registry.run("stub", fitting, context: .forTests) == fitting)
        let large: JSONValue = ["x": .string(String(repeating: "y", count: 93))]
        let error = await #expect(throws: ToolError.self) {
            try await registry.run("stub", large, context: .forTests)
        }
        #expect(error?.code == .invalidResult)
        let list = try ToolRegistry([StubTool { _ in [1] }])
        let other = await #expect(throws: ToolError.self) { try await list.run("stub", [:], context: .forTests) }
        #expect(other?.code == .invalidResult)
    }

    @Test func errorsOfToolsDoNotLeak() async throws {
        let failing = try ToolRegistry([StubTool { _ in throw Secret() }])
        await #expect(throws: ToolError(.failed, "stub failed")) {
            try await failing.run("stub", [:], context: .forTests)
        }
        let saying = try ToolRegistry([StubTool { _ in throw ToolError(.denied, "not here") }])
        await #expect(throws: ToolError(.denied, "not here")) {
            try await saying.run("stub", [:], context: .forTests)
        }
        let cancelled = try ToolRegistry([StubTool { _ in throw CancellationError() }])
        let error = await #expect(throws: ToolError.self) {
            try await cancelled.run("stub", [:], context: .forTests)
        }
        #expect(error?.code == .timedOut && error?.isRetriable == true)
    }

    @Test func whatAlwaysNeedsAnApprovalIsNotRunWhereNobodyCanGiveOne() async throws {
        let body: @Sendable (JSONValue) async throws -> JSONValue = { _ in
            Issue.record("the tool was run")
            return [:]
        }
        let registry = try ToolRegistry([StubTool(approval: .always, body: body)])
        let error = await #expect(throws: ToolError.self) {
            try await registry.run("stub", [:], context: .forTests)
        }
        #expect(error?.code == .denied && error?.reason.hasPrefix("approval_required: ") == true)
        for approval in [ToolDefinition.Approval.never, .policy] {
            let other = try ToolRegistry([StubTool(approval: approval)])
            #expect(try await other.run("stub", ["x": 1], context: .forTests) == ["x": 1])
        }
    }

    @Test func definitionsAsJSON() throws {
        let definition = StubTool(timeout: .milliseconds(1_500)).definition
        #expect(
            definition.json == [
                "name": "stub", "description": "For tests.", "parameters": ["type": "object"], "idempotent": false,
                "timeout_seconds": 1.5, "approval": "policy", "result_bytes_max": 100,
            ]
        )
        #expect(
            definition.functionJSON == [
                "type": "function",
                "function": ["name": "stub", "description": "For tests.", "parameters": ["type": "object"]],
            ]
        )
    }
}
