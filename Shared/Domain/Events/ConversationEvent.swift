package import JSON

/// Who says a message.
package enum Role: String, Sendable, CaseIterable {
    /// The person or program that uses the platform.
    case user
    /// The persona that answers.
    case assistant
    /// The operator.
    case system
    /// A tool.
    case tool
}

/// Tokens that a model call used, as the provider counted them.
package struct TokenUsage: Sendable, Equatable {
    /// Tokens of the prompt.
    package var inputTokens: Int
    /// Tokens of the answer.
    package var outputTokens: Int

    /// Makes a count.
    package init(inputTokens: Int = 0, outputTokens: Int = 0) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
    }

    /// Tokens of both.
    package var totalTokens: Int { inputTokens + outputTokens }

    /// The sum of two counts.
    package static func + (left: TokenUsage, right: TokenUsage) -> TokenUsage {
        TokenUsage(
            inputTokens: left.inputTokens + right.inputTokens,
            outputTokens: left.outputTokens + right.outputTokens
        )
    }

    /// The shape of the `usage` member of events and answers.
    package var json: JSONValue {
        [
            "input_tokens": .int(inputTokens), "output_tokens": .int(outputTokens),
            "total_tokens": .int(totalTokens),
        ]
    }

    /// Reads the `usage` member; missing counts are 0.
    package init(json: JSONValue) {
        inputTokens = json["input_tokens"]?.intValue ?? 0
        outputTokens = json["output_tokens"]?.intValue ?? 0
    }
}

/// One message of a conversation, or one event of a turn that clients see (`Schemas/events/conversation_event.json`).
package struct ConversationEvent: Sendable, Equatable {
    /// The types that the platform itself gives events.
    package enum Kind {
        /// A message of a user or the final answer of a turn.
        package static let message = "message"
        /// A tool was called.
        package static let toolRequest = "tool.request"
        /// A tool answered.
        package static let toolResult = "tool.result"
        /// A turn ended without an answer.
        package static let turnFailed = "turn.failed"
        /// A turn was cancelled.
        package static let turnCancelled = "turn.cancelled"
    }

    /// Names the event for ever, everywhere.
    package var eventID: String
    /// The conversation.
    package var sessionID: String
    /// Who says it.
    package var role: Role
    /// The text.
    package var message: String
    /// The persona that is spoken to, or that speaks.
    package var personaID: String?
    /// Files and the like, as the client gave them.
    package var attachments: JSONValue?
    /// What the client or the platform adds.
    package var metadata: JSONValue?
    /// The tenant; nil means the default tenant.
    package var tenantID: String?
    /// The turn that the event belongs to.
    package var turnID: String?
    /// What kind of event it is; nil means a message.
    package var type: String?
    /// When it was made, ISO 8601 in UTC.
    package var createdAt: String?
    /// Tokens used, on a final answer.
    package var usage: TokenUsage?
    /// The turn's status, on its last event.
    package var status: String?

    /// Makes an event out of what every event has; the rest is set afterwards.
    package init(eventID: String, sessionID: String, role: Role, message: String) {
        self.eventID = eventID
        self.sessionID = sessionID
        self.role = role
        self.message = message
    }

    /// Reads an event that is valid under its schema.
    /// - Throws: `JSONError` when it is not.
    package init(json: JSONValue) throws(JSONError) {
        let fields = try JSONFields(json)
        eventID = try fields.string("event_id")
        sessionID = try fields.string("session_id")
        role = try fields.oneCase("role", of: Role.self)
        message = try fields.string("message")
        personaID = try fields.optionalString("persona_id")
        attachments = fields.optionalValue("attachments")
        metadata = fields.optionalValue("metadata")
        tenantID = try fields.optionalString("tenant_id")
        turnID = try fields.optionalString("turn_id")
        type = try fields.optionalString("type")
        createdAt = try fields.optionalString("created_at")
        usage = fields.optionalValue("usage").map(TokenUsage.init(json:))
        status = try fields.optionalString("status")
    }

    /// The event as JSON text in UTF-8.
    package func serialized() -> [UInt8] {
        var writer = JSONWriter(capacity: message.utf8.count + 384)
        writer.beginObject()
        writer.member("event_id", eventID)
        writer.member("session_id", sessionID)
        writer.member("role", role.rawValue)
        writer.member("message", message)
        writer.member("persona_id", ifPresent: personaID)
        if let attachments { writer.member("attachments", attachments) }
        if let metadata { writer.member("metadata", metadata) }
        writer.member("tenant_id", ifPresent: tenantID)
        writer.member("turn_id", ifPresent: turnID)
        writer.member("type", ifPresent: type)
        writer.member("created_at", ifPresent: createdAt)
        if let usage { writer.member("usage", usage.json) }
        writer.member("status", ifPresent: status)
        writer.endObject()
        return writer.bytes
    }
}
