import Domain
import HTTPServer
import JSON
import Observability
import ServiceKit
import Store

/// A message as a client sends it, over HTTP or WebSocket.
struct IncomingMessage: Sendable {
    /// The conversation; a new one when the client names none.
    var sessionID: String
    /// The persona that is spoken to.
    var personaID: String?
    /// The text.
    var message: String
    /// Files and the like.
    var attachments: JSONValue?
    /// What the client adds.
    var metadata: JSONValue?
    /// The key by which the client names the message, over a WebSocket; HTTP has a header for it.
    var idempotencyKey: String?

    private static let members: Set<String> = ["session_id", "persona_id", "message", "attachments", "metadata"]
    private static let keyMember = "idempotency_key"

    /// Reads a message, and says everything that is wrong with it at once.
    /// - Parameters:
    ///   - json: The client's JSON.
    ///   - pathSessionID: The session, where the path names it.
    /// - Throws: `Problem`.
    init(json: JSONValue, sessionID pathSessionID: String? = nil) throws {
        guard let object = json.objectValue else {
            throw Problem.invalid([(name: "body", reason: "must be a JSON object")])
        }
        var problems: [(name: String, reason: String)] = []
        let isOfSocket = pathSessionID != nil
        for member in object
        where !Self.members.contains(member.key) && !(isOfSocket && member.key == Self.keyMember) {
            problems.append((name: String(member.key.prefix(64)), reason: "is not a member of a message"))
        }
        let sessionID = Self.identifier("session_id", in: object, &problems)
        if let pathSessionID, let sessionID, sessionID != pathSessionID {
            problems.append((name: "session_id", reason: "is not the session of this stream"))
        }
        personaID = Self.identifier("persona_id", in: object, &problems)
        message = ""
        switch object["message"] {
        case .string(let text)?:
            message = text
            if text.isEmpty { problems.append((name: "message", reason: "must not be empty")) }
            if text.utf8.contains(0) { problems.append((name: "message", reason: "must not have a NUL character")) }
        case nil:
            problems.append((name: "message", reason: "is required"))
        default:
            problems.append((name: "message", reason: "must be a string"))
        }
        attachments = object["attachments"]
        if let attachments, attachments.arrayValue == nil {
            problems.append((name: "attachments", reason: "must be an array"))
        }
        metadata = object["metadata"]
        if let metadata, metadata.objectValue == nil {
            problems.append((name: "metadata", reason: "must be an object"))
        }
        if isOfSocket, let key = object[Self.keyMember], !key.isNull {
            idempotencyKey = key.stringValue
            if idempotencyKey == nil { problems.append((name: Self.keyMember, reason: "must be a string")) }
        }
        if !problems.isEmpty { throw Problem.invalid(problems) }
        self.sessionID = pathSessionID ?? sessionID ?? Identifier.make()
    }

    private static func identifier(
        _ name: String,
        in object: JSONObject,
        _ problems: inout [(name: String, reason: String)]
    ) -> String? {
        switch object[name] {
        case nil, .null?:
            return nil
        case .string(let text)? where Identifier.isValid(text):
            return text
        default:
            problems.append((name: name, reason: "must be 1 to 128 characters out of A-Z a-z 0-9 . _ : -"))
            return nil
        }
    }
}

/// Accepts messages: committed first, then answered, then published.
struct MessageRoutes: Sendable {
    let messages: MessageStore
    let limiter: OpenTurnLimiter
    let publisher: OutboxPublisher
    let metrics: GatewayMetrics

    /// `POST /v1/session/message`.
    func post(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let message = try IncomingMessage(json: try await routed.jsonBody())
        let eventID = Identifier.make()
        var writer = JSONWriter(capacity: 160)
        writer.beginObject()
        writer.member("session_id", message.sessionID)
        writer.member("event_id", eventID)
        writer.endObject()
        try await accept(
            message,
            eventID: eventID,
            tenantID: routed.tenantID,
            traceparent: routed.traceparent,
            idempotency: routed.idempotency?.answered(StoredAnswer(body: writer.bytes))
        )
        return .json(writer.bytes)
    }

    /// Commits a message and sends it on its way.
    /// - Parameters:
    ///   - message: The message.
    ///   - eventID: Its id, which is the turn's.
    ///   - tenantID: Whose it is.
    ///   - traceparent: The trace that it belongs to.
    ///   - idempotency: The answer to keep, where the client named the request by a key.
    /// - Throws: `Problem` when it is not valid or there is no room; `PostgresError`.
    func accept(
        _ message: IncomingMessage,
        eventID: String,
        tenantID: String,
        traceparent: String,
        idempotency: IdempotencyRecord?
    ) async throws {
        var event = ConversationEvent(
            eventID: eventID,
            sessionID: message.sessionID,
            role: .user,
            message: message.message
        )
        event.personaID = message.personaID
        event.attachments = message.attachments
        event.metadata = message.metadata
        event.tenantID = tenantID
        event.type = ConversationEvent.Kind.message
        event.createdAt = WallClock.now().iso8601
        let payload = event.serialized()
        guard payload.count <= EventLimits.bytesMax else { throw Problem.tooLarge }
        do {
            _ = try EventSchema.conversationEvent.parse(payload)
        } catch {
            throw Problem(status: 422, code: "invalid_request", detail: error.reason)
        }
        var request = AcceptRequest(event, payload: payload, tenantID: tenantID, traceparent: traceparent)
        request.idempotency = idempotency
        try await commit(request)
        metrics.accepted()
        publisher.enqueue([
            OutboxEvent(
                tenantID: tenantID,
                topic: .inbound,
                eventID: event.eventID,
                sessionID: event.sessionID,
                payload: payload,
                traceparent: traceparent
            )
        ])
    }

    private func commit(_ request: AcceptRequest) async throws {
        guard try await limiter.reserve(request.tenantID) else {
            throw Problem(
                status: 429,
                code: "tenant_full",
                detail: "The tenant has as many unfinished turns as it may have; wait for answers.",
                retryAfterSeconds: 1
            )
        }
        let outcome: AcceptOutcome
        do {
            outcome = try await messages.accept(request)
        } catch {
            // It may be committed all the same.
            limiter.end(request.tenantID)
            throw error
        }
        guard outcome != .sessionFull else {
            limiter.release(request.tenantID)
            throw Problem(
                status: 429,
                code: "session_full",
                detail: "The session has as many unfinished turns as it may have; wait for an answer.",
                retryAfterSeconds: 1
            )
        }
        limiter.end(request.tenantID)
    }
}
