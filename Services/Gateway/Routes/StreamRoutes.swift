import Domain
import HTTPServer
import JSON
import Observability
import Postgres
import Store

/// The stream of a session, over WebSocket or as server-sent events: the same events with the same ids.
struct StreamRoutes: Sendable {
    let hub: StreamHub
    let store: ReadStore
    let messages: MessageRoutes
    let idempotent: IdempotentRoutes
    let logger: Logger

    /// Who sends messages over a WebSocket: all that is kept of its request while it is quiet.
    private struct Sender {
        let key: SessionKey
        let credentialID: String
        let traceparent: String
    }

    /// How often a quiet server-sent stream says that it lives.
    static let heartbeat = Duration.seconds(15)

    /// The last words of a stream that failed; `retry` is how long a client is to wait before it comes back.
    private static let failed = Array(": the stream failed: resume after the last id\nretry: 1000\n\n".utf8)

    /// `GET /v1/session/{id}/stream?after`.
    func stream(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let sessionID = try routed.parameter("id")
        guard Identifier.isValid(sessionID) else {
            throw Problem.invalid([(name: "id", reason: "must be 1 to 128 characters out of A-Z a-z 0-9 . _ : -")])
        }
        let after = try position(of: routed.request)
        let key = SessionKey(tenantID: routed.tenantID, sessionID: sessionID)
        guard hub.hasRoom else {
            throw Problem.unavailable("Too many clients follow streams: come again later.", retryAfterSeconds: 5)
        }
        let feed = StreamFeed(hub: hub, key: key) { position, turnsMax in
            try await store.stream(of: sessionID, tenantID: key.tenantID, after: position, limit: turnsMax)
        }
        if routed.request.isWebSocketUpgrade {
            let sender = Sender(key: key, credentialID: routed.credentialID, traceparent: routed.traceparent)
            return HTTPResponse(
                status: 101,
                headers: [],
                body: .webSocket { socket in await self.serve(socket, feed, after: after, sender) }
            )
        }
        guard routed.request.header("accept")?.contains("text/event-stream") ?? false else {
            throw Problem(
                status: 406,
                code: "not_acceptable",
                detail: "Open this path as a WebSocket, or send Accept: text/event-stream."
            )
        }
        return HTTPResponse(
            status: 200,
            headers: [("content-type", "text/event-stream"), ("cache-control", "no-store")],
            body: .stream { writer in try await self.serve(writer, feed, after: after) }
        )
    }

    private func position(of request: HTTPRequest) throws -> StreamPosition {
        guard let text = request.header("last-event-id") ?? request.query("after"), !text.isEmpty else { return .start }
        if text == "0" { return .start }
        guard let position = StreamPosition(text) else {
            throw Problem.invalid([(name: "after", reason: "must be the id of an event of this stream, or 0")])
        }
        return position
    }

    private func serve(_ writer: HTTPBodyWriter, _ feed: StreamFeed, after: StreamPosition) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while true {
                    try await Task.sleep(for: Self.heartbeat)
                    try await writer.write(ServerSentEvent.comment("still here"))
                }
            }
            group.addTask {
                do {
                    _ = try await feed.run(after: after) { event in
                        try await writer.write(
                            ServerSentEvent(
                                id: event.position.description,
                                event: event.kind.rawValue,
                                data: String(decoding: event.serialized(), as: UTF8.self)
                            ).serialized()
                        )
                    }
                } catch let error as PostgresError {
                    self.logger.warning("a stream failed", [.error: .error(error)])
                    // The status is long gone: the client learns it here, and that the body is not whole.
                    try await writer.write(Self.failed)
                    throw CancellationError()
                }
            }
            // The first to end is the stream's end, or the client's.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func serve(
        _ socket: WebSocketConnection,
        _ feed: StreamFeed,
        after: StreamPosition,
        _ sender: Sender
    ) async {
        await socket.onMessage { message in
            let answer = await self.answer(to: message, sender)
            // Who is no longer there needs no answer.
            try? await socket.send(text: answer.string)
        }
        do {
            let end = try await feed.run(after: after) { event in
                try await socket.send(text: String(decoding: event.serialized(), as: UTF8.self))
            }
            // 1013, try again later: with the id of the last event the client loses nothing.
            let reason = end == .full ? "too many streams" : "cut off: resume after the last id"
            await socket.close(code: 1013, reason: reason)
        } catch is CancellationError {
            // The client has gone, or sends its own end.
        } catch is HTTPConnectionError {
            // The same, seen by a send.
        } catch {
            logger.warning("a stream failed", [.error: .error(error)])
            await socket.close(code: 1011, reason: "the stream failed: resume after the last id")
        }
    }

    private func answer(to message: WebSocketMessage, _ sender: Sender) async -> JSONValue {
        do {
            guard case .text(let text) = message else {
                throw Problem.invalid([(name: "message", reason: "send text messages with JSON")])
            }
            let json: JSONValue
            do {
                json = try JSONValue.parse(text)
            } catch {
                throw Problem(status: 400, code: "malformed_json", detail: error.description)
            }
            let message = try IncomingMessage(json: json, sessionID: sender.key.sessionID)
            guard let key = message.idempotencyKey else { return try await accept(message, sender, nil) }
            let request = try IdempotentRoutes.request(
                key: key,
                tenantID: sender.key.tenantID,
                credentialID: sender.credentialID,
                parts: [Array("WEBSOCKET".utf8), Array(sender.key.sessionID.utf8), Array(text.utf8)]
            )
            let (answer, _) = try await idempotent.once(request) {
                StoredAnswer(body: try await accept(message, sender, request).serialized())
            }
            return try JSONValue.parse(answer.body)
        } catch let problem as Problem {
            return Self.error(problem.code, problem.detail)
        } catch {
            logger.warning("a message could not be accepted", [.error: .error(error)])
            return Self.error("unavailable", "The message was not accepted: try again.")
        }
    }

    private func accept(
        _ message: IncomingMessage,
        _ sender: Sender,
        _ request: IdempotentRequest?
    ) async throws -> JSONValue {
        let eventID = Identifier.make()
        let answer: JSONValue = [
            "type": "accepted", "session_id": .string(message.sessionID), "event_id": .string(eventID),
        ]
        try await messages.accept(
            message,
            eventID: eventID,
            tenantID: sender.key.tenantID,
            traceparent: sender.traceparent,
            idempotency: request?.answered(StoredAnswer(body: answer.serialized()))
        )
        return answer
    }

    private static func error(_ code: String, _ detail: String) -> JSONValue {
        ["type": "error", "error": ["code": .string(code), "message": .string(detail)]]
    }
}
