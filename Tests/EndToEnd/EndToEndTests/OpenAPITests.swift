import Configuration
import Domain
import HTTPClient
import JSON
import JSONSchema
import ServiceKit
import TestKit
import Testing

@testable import parley_gateway

/// The description of the API says what the gateway does, no more and no less.
@Suite(.timeLimit(.minutes(1)), .serviceLogs)
struct OpenAPITests {
    private static func description() throws -> JSONValue {
        try JSONValue.parse(try #require(SchemaFile.bytes(named: "api/openapi.json")))
    }

    @Test("Every route is described, and everything described is a route")
    func routes() async throws {
        try await withPlatform { platform in
            var environment = EnvironmentReader([
                "PARLEY_DATABASE_URL": platform.database.tcpConnectionString,
                "PARLEY_KAFKA_BROKERS": platform.broker.bootstrapServers,
            ])
            let configuration = GatewayConfiguration(environment: &environment)
            try environment.finish()
            // Nothing of it runs: only the table of its routes is looked at.
            let parts = try GatewayParts(configuration, try ServiceRuntime(configuration.service))
            let routes = Set(parts.router.table.map { "\($0.method) \($0.path)" })
            #expect(routes.count == parts.router.table.count, "a route is there twice")

            let methods = ["get", "put", "post", "delete", "patch"]
            var described: Set<String> = []
            let description = try Self.description()
            for path in description["paths"]?.objectValue ?? [:] {
                // Forms of one path share their description.
                let shared = path.value["$ref"]?.stringValue?.split(separator: "/").last.map { String($0) }
                let item = shared.flatMap { description["components"]?["pathItems"]?[$0] } ?? path.value
                for member in item.objectValue ?? [:] where methods.contains(member.key) {
                    described.insert("\(member.key.uppercased()) \(path.key)")
                }
            }
            #expect(routes.subtracting(described).sorted() == [], "routes without a description")
            #expect(described.subtracting(routes).sorted() == [], "descriptions without a route")
        }
    }

    @Test("The gateway serves the description")
    func served() async throws {
        try await withPlatform { platform in
            let response = try await platform.client.with(key: nil).get("/openapi.json")
            #expect(response.headers["content-type"] == "application/json")
            let description = try Self.description()
            #expect(response.json == description)
            #expect(response.json["openapi"]?.stringValue?.hasPrefix("3.1") ?? false)
        }
    }

    @Test("Every reference of the description leads somewhere, and every schema compiles")
    func references() throws {
        let description = try Self.description()
        func check(_ value: JSONValue, _ path: String) {
            for member in value.objectValue ?? [:] {
                if member.key == "$ref", let target = member.value.stringValue {
                    var found: JSONValue? = description
                    for part in target.dropFirst(2).split(separator: "/") {
                        found = found?[String(part)]
                    }
                    #expect(found != nil, "\(path) refers to \(target)")
                }
                check(member.value, "\(path)/\(member.key)")
            }
            for (index, element) in (value.arrayValue ?? []).enumerated() {
                check(element, "\(path)/\(index)")
            }
        }
        check(description, "#")
        for name in description["components"]?["schemas"]?.objectValue?.keys ?? [] {
            #expect(throws: Never.self) { try APISchemas.schema(name) }
        }
    }

    @Test("What the gateway answers is valid under the description")
    func answers() async throws {
        try await withPlatform { platform in
            let client = platform.client
            let session = unique("described")
            let stream = try await client.stream(session)
            defer { stream.cancel() }
            let posted = try await client.post(
                "/v1/session/message",
                json: ["message": "Calculate 1 + 2", "session_id": .string(session), "metadata": ["a": 1]]
            )
            try expect(posted, "Accepted")
            let eventID = try #require(posted.json["event_id"]?.stringValue)
            let events = try await stream.events(through: \.isFinal)
            for event in events {
                try APISchemas.expect(event.json, "StreamEvent")
            }
            _ = try await client.finishedTurn(eventID)
            try expect(try await client.get("/v1/turns/\(eventID)"), "Turn")
            try expect(try await client.get("/v1/sessions/\(session)/events?limit=1"), "History")
            try expect(try await client.get("/v1/sessions/\(session)/events?limit=1&order=asc"), "History")
            try expect(try await client.get("/v1/tools"), "Tools")
            let call: JSONValue = ["tool_name": "echo", "args": ["message": "x"]]
            let run = try await client.post("/v1/tool/request?wait=20", json: call)
            try expect(run, "ToolRun")
            try expect(try await client.post("/v1/tool/request", json: call), "ToolAccepted")
            let runID = try #require(run.json["event_id"]?.stringValue)
            try expect(try await client.get("/v1/tool/runs/\(runID)"), "ToolRun")
            try expect(try await client.get("/health"), "Health")

            for problem in [
                try await client.get("/nothing"), try await client.with(key: nil).get("/v1/tools"),
                try await client.post("/v1/session/message", json: ["message": 7]),
                try await client.request("POST", "/v1/session/message", body: [0x7B]),
                try await client.request("PUT", "/v1/tools"),
                try await client.request("POST", "/v1/session/message", body: [UInt8](repeating: 0x20, count: 2 << 20)),
            ] {
                #expect(problem.status >= 400)
                try APISchemas.expect(problem.json, "Problem")
            }
        }
    }

    @Test("Events of turns that fail or begin again, and what comes over a WebSocket, are valid too")
    func otherEvents() async throws {
        try await withPlatform { platform in
            let marker = platform.model.answer { _, _ in .error(400) }
            let session = unique("described")
            let socket = try await platform.client.webSocket(session)
            try await socket.send(["message": .string("Fail \(marker)")])
            try await socket.send(["message": 7])
            var types: Set<String> = []
            while !types.isSuperset(of: ["turn.failed", "accepted", "error"]) {
                guard case .message(let json) = try await socket.next() else { break }
                try APISchemas.expect(json, "SocketMessage")
                types.insert(json["type"]?.stringValue ?? "")
            }
            #expect(types.isSuperset(of: ["turn.started", "turn.failed", "accepted", "error"]))
            try await socket.close()
            let turns = try await platform.client.history(session)
            #expect(turns.contains { $0["type"] == "turn.failed" })
        }
    }

    private func expect(
        _ response: PlatformResponse,
        _ schema: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(response.status == 200, sourceLocation: sourceLocation)
        try APISchemas.expect(response.json, schema, sourceLocation: sourceLocation)
    }
}

/// The schemas of the description, by name.
enum APISchemas {
    /// Compiles a schema of `components.schemas`.
    static func schema(_ name: String) throws -> CompiledSchema {
        var compiler = JSONSchemaCompiler()
        let bytes = try #require(SchemaFile.bytes(named: "api/openapi.json"))
        try compiler.add(JSONValue.parse(bytes), uri: "urn:parley:openapi")
        return try compiler.compile(["$ref": .string("urn:parley:openapi#/components/schemas/\(name)")])
    }

    /// Expects a value to be valid.
    static func expect(
        _ value: JSONValue,
        _ name: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let violations = try schema(name).violations(value).map(\.description)
        #expect(violations == [], "\(name): \(value.string)", sourceLocation: sourceLocation)
    }

    /// Expects an answer to be one that the description has for the call, `GET /sessions/{id}`, with a valid body.
    static func expect(
        _ response: PlatformResponse,
        answers call: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let bytes = try #require(SchemaFile.bytes(named: "api/openapi.json"))
        let description = try JSONValue.parse(bytes)
        func resolved(_ pointer: [String]) -> (pointer: [String], value: JSONValue?) {
            let value = pointer.reduce(Optional(description)) { $0?[$1] }
            guard let target = value?["$ref"]?.stringValue else { return (pointer, value) }
            return resolved(target.split(separator: "/").dropFirst().map { String($0) })
        }
        let words = call.split(separator: " ").map { String($0) }
        let item = resolved(["paths", words[1]]).pointer
        let answer = resolved(item + [words[0].lowercased(), "responses", "\(response.status)"])
        let type = try #require(response.headers["content-type"], sourceLocation: sourceLocation)
        try #require(
            answer.value?["content"]?[type]?["schema"] != nil,
            "\(call) has no answer \(response.status) as \(type)",
            sourceLocation: sourceLocation
        )
        let pointer = (answer.pointer + ["content", type, "schema"]).map { $0.replacing("/", with: "~1") }
        var compiler = JSONSchemaCompiler()
        try compiler.add(description, uri: "urn:parley:openapi")
        let place = pointer.joined(separator: "/").replacing("{", with: "%7B").replacing("}", with: "%7D")
        let schema = try compiler.compile(["$ref": .string("urn:parley:openapi#/\(place)")])
        let violations = schema.violations(response.json).map(\.description)
        #expect(violations == [], "\(call): \(response.json.string)", sourceLocation: sourceLocation)
    }
}
