package import JSON

/// One message of the conversation that a model is shown.
package struct ModelMessage: Sendable, Equatable {
    /// Who speaks.
    package enum Role: String, Sendable, CaseIterable {
        /// Instructions of the platform or the persona.
        case system
        /// The human, or whoever asks.
        case user
        /// The model.
        case assistant
        /// The result of a tool that the model called.
        case tool
    }

    /// Who speaks.
    package var role: Role
    /// The text; may be empty when there are tool calls.
    package var content: String
    /// The tools that an assistant message calls.
    package var toolCalls: [ModelToolCall]
    /// Which call a tool message answers.
    package var toolCallID: String?
    /// The name of the speaker or the tool.
    package var name: String?

    /// Makes a message.
    package init(
        role: Role,
        content: String,
        toolCalls: [ModelToolCall] = [],
        toolCallID: String? = nil,
        name: String? = nil
    ) {
        self.role = role
        self.content = content
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
        self.name = name
    }

    /// A system message.
    package static func system(_ content: String) -> ModelMessage { ModelMessage(role: .system, content: content) }
    /// A user's message.
    package static func user(_ content: String) -> ModelMessage { ModelMessage(role: .user, content: content) }
    /// An assistant's message.
    package static func assistant(_ content: String, toolCalls: [ModelToolCall] = []) -> ModelMessage {
        ModelMessage(role: .assistant, content: content, toolCalls: toolCalls)
    }
    /// The result of a tool call.
    package static func tool(_ content: String, answering call: ModelToolCall) -> ModelMessage {
        ModelMessage(role: .tool, content: content, toolCallID: call.id, name: call.name)
    }
}

/// One tool that the model wants to be run.
package struct ModelToolCall: Sendable, Equatable {
    /// What a model wrote as arguments.
    package enum Arguments: Sendable, Equatable {
        /// A JSON object.
        case valid(JSONObject)
        /// Not a JSON object; the error says why without quoting.
        case malformed(JSONError)
    }

    /// Names the call within the conversation.
    package let id: String
    /// The tool.
    package let name: String
    /// The arguments exactly as the model wrote them.
    package let argumentsJSON: String
    /// The arguments, read.
    package let arguments: Arguments

    /// Makes a call and reads the arguments.
    ///
    /// An empty text counts as `{}`: so some providers write a call without any.
    package init(id: String, name: String, argumentsJSON: String) {
        self.id = id
        self.name = name
        self.argumentsJSON = argumentsJSON
        self.arguments = Self.read(argumentsJSON)
    }

    /// Makes a call of known arguments.
    package init(id: String, name: String, arguments: JSONObject) {
        self.id = id
        self.name = name
        self.argumentsJSON = JSONValue.object(arguments).string
        self.arguments = .valid(arguments)
    }

    private static func read(_ text: String) -> Arguments {
        if text.utf8.allSatisfy({ $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }) {
            return .valid([:])
        }
        do {
            guard let object = try JSONValue.parse(text).objectValue else {
                return .malformed(JSONError(.wrongType, expected: "an object as arguments"))
            }
            return .valid(object)
        } catch {
            return .malformed(error)
        }
    }
}
