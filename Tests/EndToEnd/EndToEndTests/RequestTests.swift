import HTTPClient
import JSON
import TestKit
import Testing

/// What the gateway refuses, and how it says why.
@Suite(.timeLimit(.minutes(1)), .serviceLogs)
struct RequestTests {
    private static let path = "/v1/session/message"

    private func expectProblem(
        _ response: PlatformResponse,
        _ status: Int,
        code: String? = nil,
        fields: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(response.status == status, sourceLocation: sourceLocation)
        #expect(response.headers["content-type"] == "application/problem+json", sourceLocation: sourceLocation)
        #expect(response.json["status"]?.intValue == status, sourceLocation: sourceLocation)
        #expect(response.json["title"]?.stringValue?.isEmpty == false, sourceLocation: sourceLocation)
        #expect(response.json["detail"]?.stringValue?.isEmpty == false, sourceLocation: sourceLocation)
        if let code { #expect(response.code == code, sourceLocation: sourceLocation) }
        #expect(response.fields == fields, sourceLocation: sourceLocation)
    }

    @Test(
        "A message with wrong members is refused, all of them named at once",
        arguments: [
            (#"{}"#, ["message"]),
            (#"{"message":null}"#, ["message"]),
            (#"{"message":""}"#, ["message"]),
            (#"{"message":7}"#, ["message"]),
            (#"{"message":["x"]}"#, ["message"]),
            (#"{"message":"a\u0000b"}"#, ["message"]),
            (#"{"message":"x","session_id":7}"#, ["session_id"]),
            (#"{"message":"x","session_id":""}"#, ["session_id"]),
            (#"{"message":"x","session_id":"a b"}"#, ["session_id"]),
            (#"{"message":"x","persona_id":"a/b"}"#, ["persona_id"]),
            (#"{"message":"x","attachments":{}}"#, ["attachments"]),
            (#"{"message":"x","metadata":[]}"#, ["metadata"]),
            (#"{"message":"x","tenant_id":"other"}"#, ["tenant_id"]),
            (#"{"message":7,"session_id":7,"metadata":7}"#, ["session_id", "message", "metadata"]),
            (#"[]"#, ["body"]),
            (#""text""#, ["body"]),
        ]
    )
    func wrongMembers(body: String, fields: [String]) async throws {
        try await withPlatform { platform in
            let response = try await platform.client.request("POST", Self.path, body: Array(body.utf8))
            expectProblem(response, 422, code: "invalid_request", fields: fields)
        }
    }

    @Test("Ids are accepted up to 128 characters")
    func idLength() async throws {
        try await withPlatform { platform in
            let longest = String(repeating: "i", count: 128)
            let sent = try await platform.client.post("hello", session: longest)
            #expect(sent.sessionID == longest)
            let message: JSONValue = ["message": "hello", "session_id": .string(longest + "i")]
            expectProblem(try await platform.client.post(Self.path, json: message), 422, fields: ["session_id"])
        }
    }

    @Test(
        "What is no JSON is 400",
        arguments: ["", "{", "{\"message\":\"x\"} trailing", "{'message':'x'}", "\u{FEFF}nope", "{\"a\":1,}"]
    )
    func malformed(body: String) async throws {
        try await withPlatform { platform in
            let response = try await platform.client.request("POST", Self.path, body: Array(body.utf8))
            expectProblem(response, 400, code: "malformed_json")
            let invalid = try await platform.client.request("POST", Self.path, body: [0x22, 0xFF, 0x22])
            expectProblem(invalid, 400, code: "malformed_json")
        }
    }

    @Test("A body may be 1 MiB long, and not a byte longer")
    func bodySize() async throws {
        try await withPlatform { platform in
            func body(_ count: Int) -> [UInt8] {
                // White space, so that only the length is wrong.
                let text = Array(#"{"message":"hello"}"#.utf8)
                return text + [UInt8](repeating: 0x20, count: count - text.count)
            }
            let limit = 1 << 20
            let atLimit = try await platform.client.request("POST", Self.path, body: body(limit))
            #expect(atLimit.status == 200)
            let over = try await platform.client.request("POST", Self.path, body: body(limit + 1))
            expectProblem(over, 413)
        }
    }

    @Test("A message may have 262,144 characters, whatever their size in bytes, and not one more")
    func messageSize() async throws {
        try await withPlatform { platform in
            let marker = platform.model.answer { _, _ in .text("read") }
            let limit = 262_144
            let longest = marker + String(repeating: "x", count: limit - marker.count)
            let sent = try await platform.client.post(longest, session: unique("long"))
            #expect(try await platform.client.answer(to: sent) == "read")
            let over: JSONValue = ["message": .string(longest + "x")]
            expectProblem(try await platform.client.post(Self.path, json: over), 422, code: "invalid_request")

            // Four bytes each: within the body's limit, and still more than the broker takes.
            func wide(_ bytes: Int) -> String { marker + String(repeating: "\u{1F600}", count: bytes / 4) }
            let fits = try await platform.client.post(wide(990_000), session: unique("wide"))
            #expect(try await platform.client.answer(to: fits) == "read")
            let tooWide: JSONValue = ["message": .string(wide(1_000_000))]
            expectProblem(try await platform.client.post(Self.path, json: tooWide), 413, code: "too_large")
            let call: JSONValue = [
                "tool_name": "echo", "args": ["message": "x"], "metadata": ["note": .string(wide(1_000_000))],
            ]
            expectProblem(try await platform.client.post("/v1/tool/request", json: call), 413, code: "too_large")
        }
    }

    @Test("Another media type is 415")
    func mediaType() async throws {
        try await withPlatform { platform in
            let response = try await platform.client.request(
                "POST",
                Self.path,
                body: Array(#"{"message":"x"}"#.utf8),
                headers: ["Content-Type": "text/plain"]
            )
            expectProblem(response, 415, code: "unsupported_media_type")
        }
    }

    @Test(
        "Without a key that is valid nothing is answered",
        arguments: [nil, "pk_wrong", "", "pk_" + String(repeating: "k", count: 300)]
    )
    func badKey(key: String?) async throws {
        try await withPlatform { platform in
            let client = platform.client.with(key: key)
            for path in ["/v1/tools", "/v1/sessions/a/events", "/v1/turns/a", "/v1/tool/runs/a"] {
                let response = try await client.get(path)
                expectProblem(response, 401, code: "unauthorized")
                #expect(response.headers["www-authenticate"] == "Bearer")
            }
            expectProblem(try await client.post(Self.path, json: ["message": "x"]), 401, code: "unauthorized")
            let basic = try await client.request("GET", "/v1/tools", headers: ["Authorization": "Basic cGs6eA=="])
            expectProblem(basic, 401, code: "unauthorized")
        }
    }

    @Test("A path that nobody knows is 404, a method that a path does not know is 405 with those that it knows")
    func unknownPathsAndMethods() async throws {
        try await withPlatform { platform in
            for path in ["/", "/v1", "/v1/nothing", "/v1/session/message/more", "/v1/session//stream"] {
                expectProblem(try await platform.client.get(path), 404, code: "not_found")
            }
            for (method, path, allowed) in [
                ("GET", Self.path, "POST"), ("DELETE", Self.path, "POST"), ("POST", "/v1/tools", "GET"),
                ("PUT", "/v1/turns/a", "GET"), ("POST", "/livez", "GET"),
            ] {
                let response = try await platform.client.request(method, path)
                expectProblem(response, 405, code: "method_not_allowed")
                #expect(response.headers["allow"] == allowed)
            }
        }
    }

    @Test("HEAD is answered like GET, without the body; operations need no key")
    func operations() async throws {
        try await withPlatform { platform in
            let anonymous = platform.client.with(key: nil)
            for path in ["/livez", "/readyz", "/health", "/metrics", "/openapi.json"] {
                #expect(try await anonymous.get(path).status == 200)
                let head = try await anonymous.request("HEAD", path)
                #expect(head.status == 200)
                #expect(head.body.isEmpty)
            }
            let health = try await anonymous.get("/health").json
            #expect(health["status"]?.stringValue == "ok")
            let metrics = String(decoding: try await anonymous.get("/metrics").body, as: UTF8.self)
            #expect(metrics.contains("parley_http_requests_total"))
        }
    }

    @Test("The trace of a request goes on where the client began it")
    func trace() async throws {
        try await withPlatform { platform in
            let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            let response = try await platform.client.request(
                "POST",
                Self.path,
                body: Array(#"{"message":"x"}"#.utf8),
                headers: ["traceparent": "00-\(trace)-00f067aa0ba902b7-01"]
            )
            #expect(response.status == 200)
            #expect(response.headers["traceparent"]?.contains(trace) ?? false)
            let eventID = try #require(response.json["event_id"]?.stringValue)
            let stored = try await platform.sql("SELECT traceparent FROM turns WHERE turn_id = '\(eventID)'")
            #expect(stored.contains(trace))
        }
    }
}
