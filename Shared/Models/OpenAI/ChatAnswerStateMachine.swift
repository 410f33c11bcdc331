import JSON

/// Puts an answer together out of the chunks of a stream, or reads it whole.
///
/// No I/O.
///
/// `open` (chunks may come) → `done` (the end marker came). `finish()` gives the answer only if the provider has said
/// that it is complete, by a finish reason or the end marker; a stream that merely stops is a cut one.
struct ChatAnswerStateMachine {
    /// Tool calls in one answer.
    static let toolCallsMax = 128

    private struct PartialCall {
        var index: Int
        var id: String
        var name: String
        var arguments: String
    }

    let request: ModelRequest
    private var model: String
    private var text = ""
    private var calls: [PartialCall] = []
    private var usage: ModelUsage?
    private var finishReason: ModelFinishReason?
    private(set) var isDone = false

    init(request: ModelRequest, model: String) {
        self.request = request
        self.model = request.model ?? model
    }

    /// Whether the provider has said that the answer is complete.
    var isComplete: Bool { isDone || finishReason != nil }

    /// Takes the data of one event and returns the text that is new, if there is any.
    mutating func receiveChunk(_ data: [UInt8]) throws(ModelError) -> String? {
        guard !isDone else { return nil }
        if data.elementsEqual("[DONE]".utf8) {
            isDone = true
            return nil
        }
        let chunk = try fields(data)
        try throwIfError(chunk)
        do throws(JSONError) {
            try receiveCommon(chunk)
            guard let choice = try firstChoice(chunk) else { return nil }
            try receiveFinishReason(choice)
            guard let delta = try choice.optionalFields("delta") else { return nil }
            return try receiveMessage(delta)
        } catch {
            throw Self.malformed(error)
        }
    }

    /// Takes an answer that came in one piece and returns its text, if there is any.
    mutating func receiveWhole(_ data: [UInt8]) throws(ModelError) -> String? {
        let answer = try fields(data)
        try throwIfError(answer)
        do throws(JSONError) {
            try receiveCommon(answer)
            guard let choice = try firstChoice(answer) else {
                throw JSONError(.missingMember, path: "/choices/0")
            }
            try receiveFinishReason(choice)
            let text = try receiveMessage(try choice.fields("message"))
            isDone = true
            return text
        } catch {
            throw Self.malformed(error)
        }
    }

    /// The complete answer; throws `incomplete` if it was cut.
    func finish() throws(ModelError) -> ModelResponse {
        guard isComplete else {
            throw ModelError(
                code: .incomplete,
                message: "the provider's stream ended without a finish reason or an end marker; try again"
            )
        }
        var toolCalls: [ModelToolCall] = []
        for (position, call) in calls.enumerated() {
            guard !call.name.isEmpty else {
                throw ModelError(code: .malformedResponse, message: "a tool call of the provider has no name")
            }
            // Unique within the conversation, and the same when the call is replayed.
            let id = call.id.isEmpty ? "call_\(request.messages.count)_\(position)" : call.id
            toolCalls.append(ModelToolCall(id: id, name: call.name, argumentsJSON: call.arguments))
        }
        let estimate = ModelUsage(
            inputTokens: TokenEstimator.inputTokens(of: request),
            outputTokens: TokenEstimator.outputTokens(text: text, toolCalls: toolCalls),
            isEstimated: true
        )
        var reason = finishReason ?? .stop
        if reason == .stop, !toolCalls.isEmpty {
            // Several providers say `stop` here too.
            reason = .toolCalls
        }
        return ModelResponse(
            text: text,
            toolCalls: toolCalls,
            usage: usage ?? estimate,
            finishReason: reason,
            model: model
        )
    }

    // MARK: Parts of a chunk

    private func fields(_ data: [UInt8]) throws(ModelError) -> JSONFields {
        do throws(JSONError) {
            return try JSONFields(try JSONValue.parse(data))
        } catch {
            throw Self.malformed(error)
        }
    }

    private func throwIfError(_ fields: JSONFields) throws(ModelError) {
        if let error = fields.optionalValue("error") {
            throw ChatErrorBody(error).modelError(status: nil, retryAfter: nil)
        }
    }

    /// More tokens than any call has; sums of such counts cannot overflow.
    private static let tokensMax = 1_000_000_000

    private mutating func receiveCommon(_ fields: JSONFields) throws(JSONError) {
        if let name = try fields.optionalString("model"), !name.isEmpty {
            model = name
        }
        if let counts = try fields.optionalFields("usage") {
            let input = try counts.optionalInt("prompt_tokens", in: 0...Self.tokensMax) ?? 0
            let output = try counts.optionalInt("completion_tokens", in: 0...Self.tokensMax) ?? 0
            let total = try counts.optionalInt("total_tokens", in: 0...(2 * Self.tokensMax))
            usage = ModelUsage(inputTokens: input, outputTokens: output, totalTokens: total ?? (input &+ output))
        }
    }

    private func firstChoice(_ fields: JSONFields) throws(JSONError) -> JSONFields? {
        // The chunk that carries the usage has no choices. We ask for one choice; others would be somebody else's.
        guard let choice = try fields.optionalArray("choices")?.first else { return nil }
        return try JSONFields(choice, at: "/choices/0")
    }

    private mutating func receiveFinishReason(_ choice: JSONFields) throws(JSONError) {
        guard let reason = try choice.optionalString("finish_reason"), !reason.isEmpty else { return }
        finishReason = ModelFinishReason(rawValue: reason) ?? .other
    }

    private mutating func receiveMessage(_ message: JSONFields) throws(JSONError) -> String? {
        for (position, value) in (try message.optionalArray("tool_calls") ?? []).enumerated() {
            try receiveToolCall(try JSONFields(value, at: "\(message.path)/tool_calls/\(position)"), position)
        }
        var new = try content(message)
        if new.isEmpty {
            new = try message.optionalString("refusal") ?? ""
        }
        text += new
        return new.isEmpty ? nil : new
    }

    /// The content: a text, nothing, or (some providers) a list of parts with texts.
    private func content(_ message: JSONFields) throws(JSONError) -> String {
        guard let parts = message.optionalValue("content")?.arrayValue else {
            return try message.optionalString("content") ?? ""
        }
        return parts.compactMap { $0["text"]?.stringValue }.joined()
    }

    private mutating func receiveToolCall(_ fields: JSONFields, _ position: Int) throws(JSONError) {
        let index = try fields.optionalInt("index", in: 0...Int.max) ?? position
        let id = try fields.optionalString("id") ?? ""
        let function = try fields.optionalFields("function")
        let name = try function?.optionalString("name") ?? ""
        let arguments = try function?.optionalString("arguments") ?? ""
        let known = calls.lastIndex { $0.index == index }
        // A new id with a name at an index that is taken is a new call: some providers number all of them 0.
        if let known, id.isEmpty || name.isEmpty || calls[known].id.isEmpty || calls[known].id == id {
            if calls[known].id.isEmpty { calls[known].id = id }
            if calls[known].name.isEmpty { calls[known].name = name }
            calls[known].arguments += arguments
            return
        }
        guard calls.count < Self.toolCallsMax else {
            throw fields.error("index", .outOfRange, "at most \(Self.toolCallsMax) tool calls")
        }
        calls.append(PartialCall(index: index, id: id, name: name, arguments: arguments))
    }

    private static func malformed(_ error: JSONError) -> ModelError {
        ModelError(code: .malformedResponse, message: "the provider's answer is not a chat completion: \(error)")
    }
}
