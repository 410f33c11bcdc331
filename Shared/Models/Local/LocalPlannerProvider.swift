import JSON

/// Answers without a model and without a network: a planner that uses the tools it is given for what it understands,
/// and says plainly what it is for everything else.
///
/// The same conversation always gets the same answer.
package struct LocalPlannerProvider: ModelProvider {
    /// The name under which it answers.
    package static let model = "parley-built-in-planner"

    /// The longest part of a tool's result that is repeated, in characters.
    private static let resultCharactersMax = 4000

    /// Makes the planner.
    package init() {}

    /// Answers the last message, word by word.
    package func complete(
        _ request: ModelRequest,
        onDelta: @Sendable (String) async -> Void
    ) async throws(ModelError) -> ModelResponse {
        var text = ""
        var toolCalls: [ModelToolCall] = []
        switch plan(request) {
        case .say(let answer):
            text = answer
        case .call(let tool, let arguments):
            toolCalls = [ModelToolCall(id: "call_\(request.messages.count)", name: tool, arguments: arguments)]
        }
        for piece in Self.pieces(of: text) {
            guard !Task.isCancelled else {
                throw ModelError(code: .cancelled, message: "the model call was cancelled")
            }
            await onDelta(piece)
        }
        let usage = ModelUsage(
            inputTokens: TokenEstimator.inputTokens(of: request),
            outputTokens: TokenEstimator.outputTokens(text: text, toolCalls: toolCalls),
            isEstimated: true
        )
        return ModelResponse(
            text: text,
            toolCalls: toolCalls,
            usage: usage,
            finishReason: toolCalls.isEmpty ? .stop : .toolCalls,
            model: Self.model
        )
    }

    // MARK: Planning

    enum Plan: Equatable {
        case say(String)
        case call(tool: String, arguments: JSONObject)
    }

    func plan(_ request: ModelRequest) -> Plan {
        guard let last = request.messages.last else { return .say(introduction(request)) }
        switch last.role {
        case .tool: return .say(answer(from: last, in: request))
        case .user: return plan(last.content, request)
        case .system, .assistant: return .say(introduction(request))
        }
    }

    private func plan(_ message: String, _ request: ModelRequest) -> Plan {
        let intent = LocalIntent(message)
        let tool: String
        let arguments: JSONObject
        switch intent {
        case .arithmetic(let expression): (tool, arguments) = ("calculator", ["expression": .string(expression)])
        case .time(nil): (tool, arguments) = ("timestamp", [:])
        case .time(let zone?): (tool, arguments) = ("timestamp", ["timezone": .string(zone)])
        case .echo(let text): (tool, arguments) = ("echo", ["message": .string(text)])
        case .unknown: return .say(introduction(request))
        }
        guard has(tool, request) else {
            return .say(
                "That needs the tool \"\(tool)\", and this conversation does not have it. I am Parley's built-in "
                    + "planner, not a language model, and do nothing without tools."
            )
        }
        return .call(tool: tool, arguments: arguments)
    }

    private func has(_ tool: String, _ request: ModelRequest) -> Bool {
        request.tools.contains { $0.name == tool }
    }

    private func introduction(_ request: ModelRequest) -> String {
        var abilities: [String] = []
        if has("calculator", request) { abilities.append("arithmetic (\"Calculate 2 + 2\")") }
        if has("timestamp", request) { abilities.append("the time (\"What time is it?\")") }
        if has("echo", request) { abilities.append("repeating (\"echo hello\")") }
        let understood =
            abilities.isEmpty
            ? "I work through tools, and this conversation has none that I know."
            : "I understand " + abilities.joined(separator: ", ") + "."
        return "I am Parley's built-in planner, not a language model, so I cannot answer that. \(understood) "
            + "To connect a language model, set \(ModelProfile.EnvironmentKey.baseURL) to an OpenAI-compatible "
            + "endpoint, \(ModelProfile.EnvironmentKey.model) to a model and, if it needs one, "
            + "\(ModelProfile.EnvironmentKey.apiKey) to its key."
    }

    // MARK: Results of tools

    private func answer(from result: ModelMessage, in request: ModelRequest) -> String {
        let call = request.messages.lazy.reversed().flatMap(\.toolCalls).first { $0.id == result.toolCallID }
        let name = call?.name ?? result.name ?? "tool"
        let value = (try? JSONValue.parse(result.content)) ?? .string(result.content)
        if let reason = Self.failure(in: value) {
            return "The tool \"\(name)\" did not succeed: \(Self.bounded(reason))"
        }
        let text = Self.bounded(Self.text(of: value))
        guard !text.isEmpty else { return "The tool \"\(name)\" answered with nothing." }
        switch name {
        case "calculator":
            guard case .valid(let arguments) = call?.arguments, let expression = arguments["expression"]?.stringValue
            else { return "The result is \(text)." }
            return "\(expression) = \(text)."
        case "timestamp":
            let zone = value["timezone"]?.stringValue
            return "It is \(text)" + (zone.map { " (\($0))." } ?? ".")
        case "echo":
            return text
        default:
            return "The tool \"\(name)\" answered: \(text)"
        }
    }

    /// Why the tool failed, if its result says so: a status other than success, or an error.
    private static func failure(in value: JSONValue) -> String? {
        let error = value["error"].flatMap { error in
            error.stringValue ?? error["message"]?.stringValue ?? (error.isNull ? nil : error.string)
        }
        if let status = value["status"]?.stringValue, status != "success" {
            return error ?? status
        }
        return error
    }

    /// What a result says: the member that holds it, or all of it.
    private static func text(of value: JSONValue) -> String {
        if let payload = value["payload"] { return text(of: payload) }
        for key in ["result", "timestamp", "message", "value", "text"] {
            if let member = value[key] { return member.stringValue ?? member.string }
        }
        return value.stringValue ?? value.string
    }

    private static func bounded(_ text: String) -> String {
        text.count <= resultCharactersMax ? text : text.prefix(resultCharactersMax) + "…"
    }

    /// The text in words, each with the space after it, so that together they are the text.
    static func pieces(of text: String) -> [String] {
        var pieces: [String] = []
        var rest = text[...]
        while !rest.isEmpty {
            let word = rest.prefix { $0 != " " }
            let space = rest[word.endIndex...].prefix { $0 == " " }
            pieces.append(String(rest[..<space.endIndex]))
            rest = rest[space.endIndex...]
        }
        return pieces
    }
}
