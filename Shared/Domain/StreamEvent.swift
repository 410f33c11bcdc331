package import JSON

/// One event of a session as clients see it, over WebSocket and server-sent events alike.
package struct StreamEvent: Sendable, Equatable {
    /// What happened.
    package enum Kind: String, Sendable, CaseIterable {
        /// A turn began.
        case turnStarted = "turn.started"
        /// A turn began again, after its worker was lost or the model's answer was cut off; text of the attempt before
        /// is void.
        case turnRestarted = "turn.restarted"
        /// New text of the answer.
        case delta
        /// A tool was called.
        case toolRequest = "tool.request"
        /// A tool answered.
        case toolResult = "tool.result"
        /// The final answer.
        case message
        /// The turn ended without an answer.
        case turnFailed = "turn.failed"
        /// The turn was cancelled.
        case turnCancelled = "turn.cancelled"

        /// Whether the turn is over with it.
        package var isFinal: Bool {
            switch self {
            case .message, .turnFailed, .turnCancelled: true
            case .turnStarted, .turnRestarted, .delta, .toolRequest, .toolResult: false
            }
        }
    }

    /// Where the event stands; its text is the event's id.
    package let position: StreamPosition
    /// What happened.
    package let kind: Kind
    /// The conversation.
    package let sessionID: String
    /// The turn.
    package let turnID: String
    /// The members that this kind has besides the common ones.
    package let details: JSONObject
    /// The place of the session's turn before this one, 0 for none; nil where it is not known.
    ///
    /// Clients do not see it.
    package let priorTurn: Int64?

    /// Makes an event.
    package init(
        position: StreamPosition,
        kind: Kind,
        sessionID: String,
        turnID: String,
        details: JSONObject = [:],
        priorTurn: Int64? = nil
    ) {
        self.position = position
        self.kind = kind
        self.sessionID = sessionID
        self.turnID = turnID
        self.details = details
        self.priorTurn = priorTurn
    }

    /// The opening event of an attempt: the first is a start, each later one a restart.
    package static func opening(
        position: StreamPosition,
        sessionID: String,
        turnID: String,
        priorTurn: Int64? = nil
    ) -> StreamEvent {
        StreamEvent(
            position: position,
            kind: position.attempt == 1 ? .turnStarted : .turnRestarted,
            sessionID: sessionID,
            turnID: turnID,
            details: position.attempt == 1 ? [:] : ["attempt": .int(position.attempt)],
            priorTurn: priorTurn
        )
    }

    /// New text.
    package static func delta(_ delta: ConversationDelta, at position: StreamPosition) -> StreamEvent {
        StreamEvent(
            position: position,
            kind: .delta,
            sessionID: delta.sessionID,
            turnID: delta.turnID,
            details: ["index": .int(delta.index), "text": .string(delta.text)]
        )
    }

    /// An event of `conversation.outbound`; nil for a type that clients do not see.
    package init?(_ event: ConversationEvent, at position: StreamPosition) {
        guard let kind = Kind(rawValue: event.type ?? ConversationEvent.Kind.message), let turnID = event.turnID else {
            return nil
        }
        var details: JSONObject = [:]
        switch kind {
        case .message:
            details.set("event_id", .string(event.eventID))
            details.set("role", .string(event.role.rawValue))
            details.set("message", .string(event.message))
            if let persona = event.personaID { details.set("persona_id", .string(persona)) }
            if let metadata = event.metadata { details.set("metadata", metadata) }
            if let usage = event.usage { details.set("usage", usage.json) }
            if let createdAt = event.createdAt { details.set("created_at", .string(createdAt)) }
        case .toolRequest, .toolResult, .turnFailed, .turnCancelled:
            for (key, value) in event.metadata?.objectValue?.map({ ($0.key, $0.value) }) ?? [] {
                details.set(key, value)
            }
        case .turnStarted, .turnRestarted, .delta:
            return nil
        }
        self.init(position: position, kind: kind, sessionID: event.sessionID, turnID: turnID, details: details)
    }

    /// The event as JSON text in UTF-8: `id`, `type`, `session_id`, `turn_id`, then what its kind has.
    package func serialized() -> [UInt8] {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        writer.member("id", position.description)
        writer.member("type", kind.rawValue)
        writer.member("session_id", sessionID)
        writer.member("turn_id", turnID)
        for member in details {
            writer.key(dynamic: member.key)
            writer.value(member.value)
        }
        writer.endObject()
        return writer.bytes
    }
}
