import HTTPClient
import HTTPServer
import JSON
import Resilience
import TestKit
import Testing
import Tools

/// HTTP tools against a server on loopback.
@Suite(.timeLimit(.minutes(1)))
struct HTTPToolTests {
    private static func settings(_ entry: JSONValue) throws -> HTTPToolSettings {
        try #require(try HTTPToolFile.tools(JSONValue.object(["tools": [entry]]).serialized()).first)
    }

    private static func json(_ text: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(status: status, body: .bytes(Array(text.utf8)))
    }

    private static func context(within limit: Duration = .seconds(20)) -> ToolContext {
        ToolContext(
            tenantId: "acme",
            sessionId: "session-1",
            personaId: "clerk",
            idempotencyKey: "event-1",
            deadline: .now + limit
        )
    }

    /// Calls a tool of a server through a registry, as the executor does.
    private static func call(
        _ server: ToolServer,
        idempotent: Bool,
        timeout: Double = 20,
        retries: Int? = nil,
        breaker: CircuitBreaker = CircuitBreaker(name: "tool:order"),
        change: (inout JSONObject) -> Void = { _ in }
    ) async throws -> JSONValue {
        var entry = server.entry("order", idempotent: idempotent, timeout: timeout, retries: retries).objectValue ?? [:]
        change(&entry)
        let tool = HTTPTool(
            try settings(.object(entry)),
            variables: ["ORDER_KEY": "secret"],
            client: try HTTPClientPool(),
            breaker: breaker
        )
        let registry = try ToolRegistry([tool])
        return try await registry.run("order", ["n": 5], context: context(within: .seconds(timeout)))
    }

    @Test("The arguments are the body, the run is named, and secrets are in headers")
    func request() async throws {
        let server = try await ToolServer()
        let result = try await Self.call(server, idempotent: false) { entry in
            entry.set("headers", ["Authorization": "Bearer ${ORDER_KEY}"])
        }
        #expect(result == ["done": true])
        let call = try #require(server.calls.first)
        #expect(call.path == "/order")
        #expect(call.arguments == ["n": 5])
        #expect(call.key == "acme/event-1")
        #expect(call.headers["authorization"] == "Bearer secret")
        #expect(call.headers["content-type"] == "application/json")
        #expect(call.headers["parley-tenant"] == "acme")
        #expect(call.headers["parley-session"] == "session-1")
        #expect(call.headers["parley-persona"] == "clerk")
        await server.stop()
    }

    @Test("JSON that is no object is wrapped; anything but JSON is no result")
    func bodies() async throws {
        for (body, expected) in [("[1]", ["result": [1]] as JSONValue), ("7", ["result": 7]), ("{}", [:])] {
            let server = try await ToolServer { _, _ in Self.json(body, status: 201) }
            #expect(try await Self.call(server, idempotent: true) == expected)
            await server.stop()
        }
        for body in ["", "<html>", "{\"a\":"] {
            let server = try await ToolServer { _, _ in Self.json(body) }
            let error = await #expect(throws: ToolError.self) { try await Self.call(server, idempotent: true) }
            #expect(error?.code == .invalidResult)
            #expect(server.calls.count == 1)
            await server.stop()
        }
    }

    @Test("A result at the limit passes, one byte more does not", arguments: [0, 1])
    func size(over: Int) async throws {
        // {"a":"…"} has 8 bytes around the text.
        let body = #"{"a":"\#(String(repeating: "x", count: 100 - 8 + over))"}"#
        let server = try await ToolServer { _, _ in Self.json(body) }
        let result = try? await Self.call(server, idempotent: true) { $0.set("result_bytes_max", 100) }
        #expect((result != nil) == (over == 0))
        await server.stop()
    }

    @Test("An idempotent tool is called again under the same key after 503; one that is not is called once")
    func retries() async throws {
        let server = try await ToolServer { _, count in
            count < 2 ? Self.json("{}", status: 503) : Self.json(#"{"ok":1}"#)
        }
        #expect(try await Self.call(server, idempotent: true) == ["ok": 1])
        #expect(server.callsPerKey == ["acme/event-1": 3])
        await server.stop()
        let other = try await ToolServer { _, _ in Self.json("{}", status: 503) }
        let error = await #expect(throws: ToolError.self) { try await Self.call(other, idempotent: false) }
        #expect(error?.code == .failed)
        #expect(other.calls.count == 1)
        await other.stop()
    }

    @Test("Retries have an end, and a status that says no is final")
    func retriesEnd() async throws {
        let failing = try await ToolServer { _, _ in Self.json("{}", status: 500) }
        await #expect(throws: ToolError.self) { try await Self.call(failing, idempotent: true, retries: 1) }
        #expect(failing.calls.count == 2)
        await failing.stop()
        let refusing = try await ToolServer { _, _ in Self.json("{}", status: 404) }
        let error = await #expect(throws: ToolError.self) { try await Self.call(refusing, idempotent: true) }
        #expect(error?.code == .failed && refusing.calls.count == 1)
        await refusing.stop()
    }

    @Test("A redirect is not followed: the arguments go where the operator said")
    func redirect() async throws {
        let target = try await ToolServer()
        let location = target.url("/elsewhere")
        let server = try await ToolServer { _, _ in HTTPResponse(status: 307, headers: [("location", location)]) }
        await #expect(throws: ToolError.self) { try await Self.call(server, idempotent: true) }
        #expect(target.calls.isEmpty)
        await server.stop()
        await target.stop()
    }

    @Test("No answer in time is a timeout, and nobody there is unavailable")
    func silence() async throws {
        let server = try await ToolServer { _, _ in
            try await Task.sleep(for: .seconds(30))
            return Self.json("{}")
        }
        var error = await #expect(throws: ToolError.self) {
            try await Self.call(server, idempotent: true, timeout: 0.5)
        }
        #expect(error?.code == .timedOut)
        await server.stop()
        error = await #expect(throws: ToolError.self) { try await Self.call(server, idempotent: false) }
        #expect(error?.code == .unavailable)
    }

    @Test(
        "A connection that breaks over the call: not idempotent is interrupted after one call, idempotent is repeated",
        arguments: [false, true]
    )
    func broken(isIdempotent: Bool) async throws {
        let server = try await ToolServer { _, count in
            if count == 2 { return Self.json(#"{"ok":1}"#) }
            return HTTPResponse(
                status: 200,
                body: .stream { writer in
                    try await writer.write(Array("{".utf8))
                    throw CancellationError()
                }
            )
        }
        if isIdempotent {
            #expect(try await Self.call(server, idempotent: true) == ["ok": 1])
            #expect(server.calls.count == 3)
        } else {
            let error = await #expect(throws: ToolError.self) { try await Self.call(server, idempotent: false) }
            #expect(error?.code == .interrupted)
            #expect(server.calls.count == 1)
        }
        await server.stop()
    }

    private static func breaker(failuresMax: Int = 1) -> CircuitBreaker {
        CircuitBreaker(name: "tool:order", limits: .init(failuresMax: failuresMax, openDuration: .seconds(3600)))
    }

    @Test("Each try counts, and an open breaker answers unavailable at once and sends nothing")
    func openBreaker() async throws {
        let server = try await ToolServer { _, _ in Self.json("{}", status: 500) }
        let breaker = Self.breaker(failuresMax: 5)
        for calls in [3, 5, 5] {
            let error = await #expect(throws: ToolError.self) {
                try await Self.call(server, idempotent: true, retries: 2, breaker: breaker)
            }
            #expect(server.calls.count == calls)
            #expect(error?.code == (calls == 3 ? .failed : .unavailable))
        }
        #expect(breaker.status.state == .open)
        #expect(breaker.status.lastError == "the tool answered with status 500")
        await server.stop()
    }

    @Test(
        "What the caller did wrong, and more than is wanted, says nothing against the endpoint",
        arguments: [400, 200]
    )
    func othersFaults(status: Int) async throws {
        let server = try await ToolServer { _, _ in Self.json(#"{"a":"xxxxxxxxxxxxxxxxxxxxxxxx"}"#, status: status) }
        let breaker = Self.breaker()
        await #expect(throws: ToolError.self) {
            try await Self.call(server, idempotent: false, breaker: breaker) { $0.set("result_bytes_max", 10) }
        }
        #expect(breaker.status.state == .closed)
        await server.stop()
    }

    @Test("A time that passed counts, and a call that is stopped before does not")
    func timeouts() async throws {
        let server = try await ToolServer { _, _ in
            try await Task.sleep(for: .seconds(30))
            return Self.json("{}")
        }
        let late = Self.breaker()
        await #expect(throws: ToolError.self) {
            try await Self.call(server, idempotent: false, timeout: 0.3, breaker: late)
        }
        #expect(late.status.state == .open)
        let stopped = Self.breaker()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = try? await Self.call(server, idempotent: false, breaker: stopped) }
            try? await eventually("the call") { server.calls.count == 2 }
            group.cancelAll()
        }
        #expect(server.calls.count == 2)
        #expect(stopped.status.state == .closed)
        await server.stop()
    }
}
