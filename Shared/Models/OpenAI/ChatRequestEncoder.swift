import JSON

/// Writes a request in the form of OpenAI's chat completions.
struct ChatRequestEncoder {
    let profile: ModelProfile

    /// Members that `extra` may not replace.
    private static let ownMembers = ["model", "messages", "tools", "stream", "stream_options"]

    /// The body of the HTTP request.
    func encode(_ request: ModelRequest) -> [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.member("model", request.model ?? profile.model)
        writer.key("messages")
        writer.beginArray()
        for message in request.messages {
            encode(message, into: &writer)
        }
        writer.endArray()
        if !request.tools.isEmpty {
            writer.key("tools")
            writer.beginArray()
            for tool in request.tools {
                encode(tool, into: &writer)
            }
            writer.endArray()
        }
        encodeParameters(of: request, into: &writer)
        writer.member("stream", profile.isStreaming)
        if profile.isStreaming {
            writer.key("stream_options")
            writer.beginObject()
            writer.member("include_usage", true)
            writer.endObject()
        }
        writer.endObject()
        return writer.bytes
    }

    private func encodeParameters(of request: ModelRequest, into writer: inout JSONWriter) {
        var written = Self.ownMembers
        if let temperature = request.parameters.temperature ?? profile.parameters.temperature {
            writer.member("temperature", temperature)
            written.append("temperature")
        }
        if let maxOutputTokens = request.parameters.maxOutputTokens ?? profile.parameters.maxOutputTokens {
            writer.key(dynamic: profile.maxTokensMember)
            writer.int(maxOutputTokens)
            written.append(profile.maxTokensMember)
        }
        for extra in [request.parameters.extra, profile.parameters.extra] {
            for member in extra where !written.contains(member.key) {
                writer.key(dynamic: member.key)
                writer.value(member.value)
                written.append(member.key)
            }
        }
    }

    private func encode(_ message: ModelMessage, into writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("role", message.role.rawValue)
        if message.content.isEmpty, !message.toolCalls.isEmpty {
            writer.key("content")
            writer.null()
        } else {
            writer.member("content", message.content)
        }
        if !message.toolCalls.isEmpty {
            writer.key("tool_calls")
            writer.beginArray()
            for call in message.toolCalls {
                encode(call, into: &writer)
            }
            writer.endArray()
        }
        writer.member("tool_call_id", ifPresent: message.toolCallID)
        // A tool message is named by its call; some endpoints refuse a name there.
        if message.role != .tool {
            writer.member("name", ifPresent: message.name)
        }
        writer.endObject()
    }

    private func encode(_ call: ModelToolCall, into writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", call.id)
        writer.member("type", "function")
        writer.key("function")
        writer.beginObject()
        writer.member("name", call.name)
        switch call.arguments {
        case .valid where !call.argumentsJSON.isEmpty:
            writer.member("arguments", call.argumentsJSON)
        case .valid, .malformed:
            // Endpoints read the arguments of earlier calls and answer 400 to what is not JSON.
            writer.member("arguments", "{}")
        }
        writer.endObject()
        writer.endObject()
    }

    private func encode(_ tool: ModelTool, into writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("type", "function")
        writer.key("function")
        writer.beginObject()
        writer.member("name", tool.name)
        writer.member("description", tool.description)
        writer.member("parameters", tool.parameters)
        writer.endObject()
        writer.endObject()
    }
}
