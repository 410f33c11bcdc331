package import HTTPClient
package import JSON

/// An answer of the gateway.
package struct PlatformResponse: Sendable {
    /// The status.
    package let status: Int
    /// The headers.
    package let headers: HTTPClientHeaders
    /// The body.
    package let body: [UInt8]

    /// The body as JSON; null when it is none.
    package var json: JSONValue { (try? JSONValue.parse(body)) ?? .null }
    /// What programs go by in a problem document.
    package var code: String? { json["code"]?.stringValue }
    /// The names of the members that a problem document complains of.
    package var fields: [String] {
        (json["errors"]?.arrayValue ?? []).compactMap { $0["field"]?.stringValue }
    }
}

/// An accepted message.
package struct SentMessage: Sendable, Hashable {
    /// The conversation.
    package let sessionID: String
    /// The message's id, which is its turn's too.
    package let eventID: String
}

/// A client of a platform's gateway, with one API key.
package struct PlatformClient: Sendable {
    /// Where the gateway is: scheme, host and port.
    package let baseURL: String
    /// The port of the gateway.
    package let port: UInt16
    /// The API key; nil sends none.
    package let key: String?
    /// The longest time for a whole exchange; a stream ends with it too.
    package var timeout: Duration = .seconds(60)
    /// The longest silence on a stream; nil: no such limit.
    package var idleTimeout: Duration?
    private let pool: HTTPClientPool

    /// Makes a client.
    init(port: UInt16, key: String?, pool: HTTPClientPool) {
        baseURL = "http://127.0.0.1:\(port)"
        self.port = port
        self.key = key
        self.pool = pool
    }

    /// The same with another key.
    package func with(key: String?) -> PlatformClient {
        PlatformClient(port: port, key: key, pool: pool)
    }

    /// The same over connections of its own, so that many at once do not wait for each other.
    package func with(pool: HTTPClientPool) -> PlatformClient {
        PlatformClient(port: port, key: key, pool: pool)
    }

    /// The same for another service, which listens on another port.
    package func onPort(_ port: UInt16) -> PlatformClient {
        PlatformClient(port: port, key: key, pool: pool)
    }

    /// Sends any request.
    package func request(
        _ method: String,
        _ path: String,
        body: [UInt8]? = nil,
        headers: HTTPClientHeaders = [:]
    ) async throws -> PlatformResponse {
        let response = try await pool.send(makeRequest(method, path, body: body, headers: headers))
        return PlatformResponse(status: response.status, headers: response.headers, body: response.body)
    }

    /// Reads what is at a path.
    package func get(_ path: String) async throws -> PlatformResponse {
        try await request("GET", path)
    }

    /// Sends JSON to a path.
    package func post(
        _ path: String,
        json: JSONValue,
        headers: HTTPClientHeaders = [:]
    ) async throws -> PlatformResponse {
        var headers = headers
        headers.append("Content-Type", "application/json")
        return try await request("POST", path, body: json.serialized(), headers: headers)
    }

    /// Sends a message and requires that it is accepted.
    package func post(
        _ message: String,
        session: String? = nil,
        persona: String? = nil
    ) async throws -> SentMessage {
        var json: JSONObject = ["message": .string(message)]
        if let session { json.set("session_id", .string(session)) }
        if let persona { json.set("persona_id", .string(persona)) }
        let response = try await post("/v1/session/message", json: .object(json))
        guard response.status == 200, let sessionID = response.json["session_id"]?.stringValue,
            let eventID = response.json["event_id"]?.stringValue
        else {
            let body = String(decoding: response.body, as: UTF8.self)
            throw TestKitError(.commandFailed, "the message was not accepted: \(response.status) \(body)")
        }
        return SentMessage(sessionID: sessionID, eventID: eventID)
    }

    /// The events of a session; `query` such as `limit=5&order=asc`.
    package func history(_ sessionID: String, _ query: String = "") async throws -> [JSONValue] {
        let response = try await get("/v1/sessions/\(sessionID)/events?\(query)")
        guard response.status == 200, let events = response.json["events"]?.arrayValue else {
            throw TestKitError(.commandFailed, "no history: \(response.status)")
        }
        return events
    }

    /// A turn, as soon as it is over.
    package func finishedTurn(_ eventID: String, timeout: Duration = .seconds(45)) async throws -> JSONValue {
        try await eventuallyValue("the end of turn \(eventID)", timeout: timeout, interval: .milliseconds(20)) {
            let response = try await get("/v1/turns/\(eventID)")
            let status = response.json["status"]?.stringValue ?? ""
            // Not `: nil`: JSON has a null of its own.
            return ["completed", "failed", "cancelled"].contains(status) ? .some(response.json) : .none
        }
    }

    /// The text of the answer to a message, as soon as it is there; throws when the turn failed.
    package func answer(to message: SentMessage, timeout: Duration = .seconds(45)) async throws -> String {
        let turn = try await finishedTurn(message.eventID, timeout: timeout)
        guard turn["status"]?.stringValue == "completed" else {
            throw TestKitError(.commandFailed, "the turn failed: \(turn.string)")
        }
        let stream = try await self.stream(message.sessionID)
        defer { stream.cancel() }
        var iterator = stream.makeIterator()
        while let event = try await iterator.next() {
            if event.type == "message", event.turnID == message.eventID {
                return event.json["message"]?.stringValue ?? ""
            }
        }
        throw TestKitError(.commandFailed, "the stream ended without the answer")
    }

    /// Follows a session by server-sent events.
    ///
    /// - Parameters:
    ///   - sessionID: The session.
    ///   - after: The id to resume after, in the query.
    ///   - lastEventID: The id to resume after, in the header.
    /// - Returns: The stream.
    /// - Throws: When the gateway answers with anything but a stream.
    package func stream(
        _ sessionID: String,
        after: String? = nil,
        lastEventID: String? = nil
    ) async throws -> SessionStream {
        var headers: HTTPClientHeaders = ["Accept": "text/event-stream"]
        if let lastEventID { headers.append("Last-Event-ID", lastEventID) }
        let query = after.map { "?after=\($0)" } ?? ""
        var request = makeRequest("GET", "/v1/session/\(sessionID)/stream\(query)", body: nil, headers: headers)
        request.idleTimeout = idleTimeout
        let stream = try await pool.stream(request)
        guard stream.status == 200 else {
            stream.cancel()
            throw TestKitError(.commandFailed, "no stream: \(stream.status)")
        }
        return SessionStream(stream: stream)
    }

    /// Follows a session by WebSocket.
    ///
    /// - Parameters:
    ///   - sessionID: The session.
    ///   - after: The id to resume after.
    ///   - receiveBytes: How much the kernel may hold that was not read; nil: its own choice.
    /// - Returns: The open WebSocket.
    /// - Throws: When the gateway refuses.
    package func webSocket(
        _ sessionID: String,
        after: String? = nil,
        receiveBytes: Int32? = nil
    ) async throws -> SessionWebSocket {
        let query = after.map { "?after=\($0)" } ?? ""
        let path = "/v1/session/\(sessionID)/stream\(query)"
        return try await SessionWebSocket.open(port: port, path: path, key: key, receiveBytes: receiveBytes)
    }

    /// Opens a WebSocket at a path.
    package func webSocket(path: String) async throws -> SessionWebSocket {
        try await SessionWebSocket.open(port: port, path: path, key: key)
    }

    private func makeRequest(
        _ method: String,
        _ path: String,
        body: [UInt8]?,
        headers: HTTPClientHeaders
    ) -> HTTPClientRequest {
        var headers = headers
        if let key, headers["Authorization"] == nil { headers.append("Authorization", "Bearer \(key)") }
        return HTTPClientRequest(
            method: method,
            url: baseURL + path,
            headers: headers,
            body: body,
            timeout: timeout
        )
    }
}
