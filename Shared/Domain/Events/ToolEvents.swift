package import JSON

/// A call of a tool (`Schemas/events/tool_request.json`).
package struct ToolRequest: Sendable, Equatable {
    /// Names the call; the result carries the same.
    package var eventID: String
    /// The conversation that it belongs to.
    package var sessionID: String
    /// The tool.
    package var toolName: String
    /// The arguments, valid under the tool's parameters once the executor has checked them.
    package var arguments: JSONValue
    /// The persona on whose behalf the tool runs.
    package var personaID: String?
    /// What the caller adds.
    package var metadata: JSONValue?
    /// The tenant; nil means the default tenant.
    package var tenantID: String?
    /// The turn that asked, if a turn did.
    package var turnID: String?
    /// The model's own id of the call.
    package var toolCallID: String?
    /// When the caller stops waiting, ISO 8601 in UTC.
    package var deadline: String?

    /// Makes a call out of what every call has; the rest is set afterwards.
    package init(eventID: String, sessionID: String, toolName: String, arguments: JSONValue) {
        self.eventID = eventID
        self.sessionID = sessionID
        self.toolName = toolName
        self.arguments = arguments
    }

    /// Reads a call that is valid under its schema.
    /// - Throws: `JSONError` when it is not.
    package init(json: JSONValue) throws(JSONError) {
        let fields = try JSONFields(json)
        eventID = try fields.string("event_id")
        sessionID = try fields.string("session_id")
        toolName = try fields.string("tool_name")
        arguments = .object(try fields.object("args"))
        personaID = try fields.optionalString("persona_id")
        metadata = fields.optionalValue("metadata")
        tenantID = try fields.optionalString("tenant_id")
        turnID = try fields.optionalString("turn_id")
        toolCallID = try fields.optionalString("tool_call_id")
        deadline = try fields.optionalString("deadline")
    }

    /// The call as JSON text in UTF-8.
    package func serialized() -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writer.member("event_id", eventID)
        writer.member("session_id", sessionID)
        writer.member("tool_name", toolName)
        writer.member("args", arguments)
        writer.member("persona_id", ifPresent: personaID)
        if let metadata { writer.member("metadata", metadata) }
        writer.member("tenant_id", ifPresent: tenantID)
        writer.member("turn_id", ifPresent: turnID)
        writer.member("tool_call_id", ifPresent: toolCallID)
        writer.member("deadline", ifPresent: deadline)
        writer.endObject()
        return writer.bytes
    }
}

/// How a tool run ended.
package enum ToolStatus: String, Sendable, CaseIterable {
    /// It answered.
    case success
    /// It failed, or its arguments were wrong.
    case error
    /// A policy said no.
    case denied
    /// It took longer than it may.
    case timeout
    /// It was cut off, and may not be run again because it is not idempotent.
    case interrupted
}

/// The answer of a tool, under the event_id of its request (`Schemas/events/tool_result.json`).
package struct ToolResult: Sendable, Equatable {
    /// The request's event_id.
    package var eventID: String
    /// The request's session.
    package var sessionID: String
    /// The tool.
    package var toolName: String
    /// How the run ended.
    package var status: ToolStatus
    /// The answer; empty when there is none.
    package var payload: JSONValue
    /// What went wrong, for the model and the user; without secrets.
    package var error: String?
    /// How long the run took, in seconds.
    package var executionTime: Double?
    /// What the request carried.
    package var metadata: JSONValue?
    /// The request's tenant; nil means the default tenant.
    package var tenantID: String?
    /// The request's turn.
    package var turnID: String?
    /// The model's own id of the call.
    package var toolCallID: String?

    /// Makes the answer to `request`.
    package init(to request: ToolRequest, status: ToolStatus, payload: JSONValue, error: String? = nil) {
        eventID = request.eventID
        sessionID = request.sessionID
        toolName = request.toolName
        self.status = status
        self.payload = payload
        self.error = error
        metadata = request.metadata
        tenantID = request.tenantID
        turnID = request.turnID
        toolCallID = request.toolCallID
    }

    /// Reads a result that is valid under its schema.
    /// - Throws: `JSONError` when it is not.
    package init(json: JSONValue) throws(JSONError) {
        let fields = try JSONFields(json)
        eventID = try fields.string("event_id")
        sessionID = try fields.string("session_id")
        toolName = try fields.string("tool_name")
        status = try fields.oneCase("status", of: ToolStatus.self)
        payload = .object(try fields.object("payload"))
        error = try fields.optionalString("error")
        executionTime = try fields.optionalDouble("execution_time")
        metadata = fields.optionalValue("metadata")
        tenantID = try fields.optionalString("tenant_id")
        turnID = try fields.optionalString("turn_id")
        toolCallID = try fields.optionalString("tool_call_id")
    }

    /// The result as JSON text in UTF-8.
    package func serialized() -> [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.beginObject()
        writer.member("event_id", eventID)
        writer.member("session_id", sessionID)
        writer.member("tool_name", toolName)
        writer.member("status", status.rawValue)
        writer.member("payload", payload)
        writer.member("error", ifPresent: error)
        if let executionTime { writer.member("execution_time", executionTime) }
        if let metadata { writer.member("metadata", metadata) }
        writer.member("tenant_id", ifPresent: tenantID)
        writer.member("turn_id", ifPresent: turnID)
        writer.member("tool_call_id", ifPresent: toolCallID)
        writer.endObject()
        return writer.bytes
    }

    /// What the model is told: the payload, or the error where there is no success.
    package var forModel: JSONValue {
        if status == .success { return payload }
        return ["status": .string(status.rawValue), "error": .string(error ?? "The tool gave no reason.")]
    }
}
