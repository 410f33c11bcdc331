import HTTPClient
import JSON
import TestKit
import Testing

/// A client of the memory, for one gateway and one credential.
struct MemoryClient: Sendable {
    /// What sends the requests.
    let http: PlatformClient

    /// Makes a client.
    init(_ http: PlatformClient) {
        self.http = http
    }

    /// Begins a session and gives its id.
    func begin(_ node: String, _ more: JSONObject = JSONObject()) async throws -> String {
        var body = more
        body.set("node_id", .string(node))
        let response = try await http.post("/sessions", json: .object(body))
        guard response.status == 200, let id = response.json["session_id"]?.stringValue else {
            throw MemoryRefusal("no session: \(response.status) \(response.json.string)")
        }
        return id
    }

    /// Observes strings, or a whole observation.
    @discardableResult
    func observe(_ session: String, _ strings: [String], key: String? = nil) async throws -> PlatformResponse {
        try await observe(session, ["strings": .array(strings.map { .string($0) })], key: key)
    }

    /// Observes.
    @discardableResult
    func observe(_ session: String, _ body: JSONValue, key: String? = nil) async throws -> PlatformResponse {
        try await post("/sessions/\(session)/observe", body, key: key)
    }

    /// Sends JSON, under an idempotency key if there is one.
    func post(_ path: String, _ body: JSONValue = [:], key: String? = nil) async throws -> PlatformResponse {
        var headers: HTTPClientHeaders = ["Content-Type": "application/json"]
        if let key { headers.append("Idempotency-Key", key) }
        return try await http.request("POST", path, body: body.serialized(), headers: headers)
    }

    /// The short-term memory of a session.
    func memory(_ session: String) async throws -> [[String]] {
        let response = try await http.get("/sessions/\(session)/stm")
        guard response.status == 200 else {
            throw MemoryRefusal("no STM: \(response.status) \(response.json.string)")
        }
        return (response.json["stm"]?.arrayValue ?? []).map { event in
            (event.arrayValue ?? []).compactMap(\.stringValue)
        }
    }

    /// Learns and gives the pattern's name.
    func learn(_ session: String) async throws -> String {
        let response = try await post("/sessions/\(session)/learn")
        guard response.status == 200, let name = response.json["pattern_name"]?.stringValue else {
            throw MemoryRefusal("not learned: \(response.status) \(response.json.string)")
        }
        return name
    }

    /// What a session predicts.
    func predictions(_ session: String) async throws -> [JSONValue] {
        let response = try await http.get("/sessions/\(session)/predictions")
        guard response.status == 200, let list = response.json["predictions"]?.arrayValue else {
            throw MemoryRefusal("no predictions: \(response.status) \(response.json.string)")
        }
        return list
    }

    /// A pattern of a node.
    func pattern(_ name: String, _ node: String) async throws -> JSONValue? {
        let path = "/pattern/\(name.replacing("|", with: "%7C"))?node_id=\(node)"
        return try await http.get(path).json["pattern"]?["pattern"]
    }
}

extension Platform {
    /// A client of the memory with the default tenant's key.
    var memory: MemoryClient { MemoryClient(client) }
}

/// Makes calls with a session whose answers are compared as a whole.
struct MemoryCaller: Sendable {
    /// What sends the requests.
    let memory: MemoryClient
    /// The node.
    let node: String
    /// The session that `{id}` stands for.
    var session = "none"

    /// Makes a caller of a tenant of its own, so that nobody else begins sessions in it.
    init(_ platform: Platform) async throws {
        memory = MemoryClient(try await platform.makeTenant(unique("tenant")))
        node = unique("node")
    }

    /// Makes a call, such as `GET /sessions/{id}/stm`, and holds its answer against the description of the API.
    func call(
        _ call: String,
        _ body: JSONValue? = nil,
        query: String = "",
        names: [String: String] = [:],
        status: Int = 200,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JSONValue {
        let words = call.split(separator: " ").map { String($0) }
        var path = words[1].replacing("{id}", with: session)
        for (name, value) in names { path = path.replacing("{\(name)}", with: value) }
        var headers: HTTPClientHeaders = [:]
        if body != nil { headers.append("Content-Type", "application/json") }
        let bytes = body?.serialized() ?? []
        let response = try await memory.http.request(words[0], path + query, body: bytes, headers: headers)
        #expect(response.status == status, "\(response.json.string)", sourceLocation: sourceLocation)
        try APISchemas.expect(response, answers: call, sourceLocation: sourceLocation)
        return response.json
    }
}

extension JSONValue {
    /// Whether it is a moment in UTC, as the memory writes it.
    var isMoment: Bool { stringValue?.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/) != nil }
}

/// An answer that a test did not expect.
struct MemoryRefusal: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
