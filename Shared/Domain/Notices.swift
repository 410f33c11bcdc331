package import JSON

/// What clients are told of a tool call, live and told again later in the same words.
package enum ToolNotice {
    /// The members of a `tool.request` event.
    package static func request(eventID: String, toolName: String, arguments: JSONValue?) -> JSONObject {
        ["event_id": .string(eventID), "tool_name": .string(toolName), "args": arguments ?? [:]]
    }

    /// The members of a `tool.result` event.
    package static func result(_ result: ToolResult) -> JSONObject {
        var members: JSONObject = [
            "event_id": .string(result.eventID), "tool_name": .string(result.toolName),
            "status": .string(result.status.rawValue), "payload": result.payload,
        ]
        if let error = result.error { members.set("error", .string(error)) }
        return members
    }
}

/// What clients are told of a turn that ended without an answer.
package enum TurnNotice {
    /// The members of a `turn.failed` or `turn.cancelled` event.
    package static func failure(code: String, message: String) -> JSONObject {
        ["error": ["code": .string(code), "message": .string(message)]]
    }
}
