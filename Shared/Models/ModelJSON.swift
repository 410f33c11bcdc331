package import JSON

// The JSON forms that a turn's journal keeps. Reading back gives an equal value, except for a request's deadline.

extension ModelToolCall {
    /// The JSON form: `{id, name, arguments}`, the arguments as the text that the model wrote.
    package var json: JSONValue {
        ["id": .string(id), "name": .string(name), "arguments": .string(argumentsJSON)]
    }

    /// Reads the JSON form.
    package init(json: JSONValue, at path: String = "") throws(JSONError) {
        let fields = try JSONFields(json, at: path)
        self.init(
            id: try fields.string("id"),
            name: try fields.string("name"),
            argumentsJSON: try fields.string("arguments")
        )
    }
}

extension ModelMessage {
    /// The JSON form: `{role, content, tool_calls?, tool_call_id?, name?}`.
    package var json: JSONValue {
        var object: JSONObject = ["role": .string(role.rawValue), "content": .string(content)]
        if !toolCalls.isEmpty {
            object["tool_calls"] = .array(toolCalls.map(\.json))
        }
        object["tool_call_id"] = toolCallID.map { .string($0) }
        object["name"] = name.map { .string($0) }
        return .object(object)
    }

    /// Reads the JSON form.
    package init(json: JSONValue, at path: String = "") throws(JSONError) {
        let fields = try JSONFields(json, at: path)
        self.init(
            role: try fields.oneCase("role", of: Role.self),
            content: try fields.string("content"),
            toolCalls: try readAll(try fields.optionalArray("tool_calls"), at: path + "/tool_calls") {
                (value, path) throws(JSONError) in try ModelToolCall(json: value, at: path)
            },
            toolCallID: try fields.optionalString("tool_call_id"),
            name: try fields.optionalString("name")
        )
    }
}

extension ModelTool {
    /// The JSON form: `{name, description, parameters}`.
    package var json: JSONValue {
        ["name": .string(name), "description": .string(description), "parameters": parameters]
    }

    /// Reads the JSON form.
    package init(json: JSONValue, at path: String = "") throws(JSONError) {
        let fields = try JSONFields(json, at: path)
        self.init(
            name: try fields.string("name"),
            description: try fields.string("description"),
            parameters: try fields.value("parameters")
        )
    }
}

extension ModelParameters {
    /// The JSON form: `{temperature?, max_output_tokens?, extra?}`.
    package var json: JSONValue {
        var object: JSONObject = [:]
        object["temperature"] = temperature.map { .double($0) }
        object["max_output_tokens"] = maxOutputTokens.map { .int($0) }
        if !extra.isEmpty {
            object["extra"] = .object(extra)
        }
        return .object(object)
    }

    /// Reads the JSON form.
    package init(json: JSONValue, at path: String = "") throws(JSONError) {
        let fields = try JSONFields(json, at: path)
        self.init(
            temperature: try fields.optionalDouble("temperature"),
            maxOutputTokens: try fields.optionalInt("max_output_tokens", in: 1...Int.max),
            extra: try fields.optionalObject("extra") ?? [:]
        )
    }
}

extension ModelRequest {
    /// The JSON form: `{model?, messages, tools, parameters, idempotency_key?}`; without the deadline.
    package var json: JSONValue {
        var object: JSONObject = [:]
        object["model"] = model.map { .string($0) }
        object["messages"] = .array(messages.map(\.json))
        object["tools"] = .array(tools.map(\.json))
        object["parameters"] = parameters.json
        object["idempotency_key"] = idempotencyKey.map { .string($0) }
        return .object(object)
    }

    /// Reads the JSON form.
    package init(json: JSONValue, at path: String = "") throws(JSONError) {
        let fields = try JSONFields(json, at: path)
        self.init(
            model: try fields.optionalString("model"),
            messages: try readAll(try fields.array("messages"), at: path + "/messages") {
                (value, path) throws(JSONError) in try ModelMessage(json: value, at: path)
            },
            tools: try readAll(try fields.optionalArray("tools"), at: path + "/tools") {
                (value, path) throws(JSONError) in try ModelTool(json: value, at: path)
            },
            parameters: try ModelParameters(
                json: fields.optionalValue("parameters") ?? [:],
                at: path + "/parameters"
            ),
            idempotencyKey: try fields.optionalString("idempotency_key")
        )
    }
}

extension ModelUsage {
    /// The JSON form: `{input_tokens, output_tokens, total_tokens, estimated}`.
    package var json: JSONValue {
        [
            "input_tokens": .int(inputTokens), "output_tokens": .int(outputTokens), "total_tokens": .int(totalTokens),
            "estimated": .bool(isEstimated),
        ]
    }

    /// Reads the JSON form.
    package init(json: JSONValue, at path: String = "") throws(JSONError) {
        let fields = try JSONFields(json, at: path)
        self.init(
            inputTokens: try fields.int("input_tokens", in: 0...Int.max),
            outputTokens: try fields.int("output_tokens", in: 0...Int.max),
            totalTokens: try fields.int("total_tokens", in: 0...Int.max),
            isEstimated: try fields.optionalBool("estimated") ?? false
        )
    }
}

extension ModelResponse {
    /// The JSON form: `{text, tool_calls, usage, finish_reason, model}`.
    package var json: JSONValue {
        [
            "text": .string(text), "tool_calls": .array(toolCalls.map(\.json)), "usage": usage.json,
            "finish_reason": .string(finishReason.rawValue), "model": .string(model),
        ]
    }

    /// Reads the JSON form.
    package init(json: JSONValue, at path: String = "") throws(JSONError) {
        let fields = try JSONFields(json, at: path)
        self.init(
            text: try fields.string("text"),
            toolCalls: try readAll(try fields.optionalArray("tool_calls"), at: path + "/tool_calls") {
                (value, path) throws(JSONError) in try ModelToolCall(json: value, at: path)
            },
            usage: try ModelUsage(json: try fields.value("usage"), at: path + "/usage"),
            finishReason: try fields.oneCase("finish_reason", of: ModelFinishReason.self),
            model: try fields.string("model")
        )
    }
}

/// Reads the elements of an array, each with its own path; none for a missing array.
private func readAll<Element>(
    _ values: [JSONValue]?,
    at path: String,
    _ read: (JSONValue, String) throws(JSONError) -> Element
) throws(JSONError) -> [Element] {
    var elements: [Element] = []
    for (position, value) in (values ?? []).enumerated() {
        elements.append(try read(value, "\(path)/\(position)"))
    }
    return elements
}
