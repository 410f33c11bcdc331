package import JSON

/// What a test's model was asked.
package struct ScriptedModelRequest: Sendable {
    /// How many requests the server had before, from 0.
    package let number: Int
    /// The header fields, names in lower case.
    package let headers: [String: String]
    /// The body.
    package let body: JSONValue

    /// Makes a request.
    package init(number: Int, headers: [String: String], body: JSONValue) {
        self.number = number
        self.headers = headers
        self.body = body
    }

    /// Whether the answer is wanted as a stream.
    package var isStreaming: Bool { body["stream"]?.boolValue ?? false }
    /// Whether the stream is to end with the usage.
    package var includesUsage: Bool { body["stream_options"]?["include_usage"]?.boolValue ?? false }
    /// The model that was asked for.
    package var model: String { body["model"]?.stringValue ?? "" }
    /// The messages.
    package var messages: [JSONValue] { body["messages"]?.arrayValue ?? [] }
    /// Who speaks last.
    package var lastRole: String { messages.last?["role"]?.stringValue ?? "" }
    /// What was said last.
    package var lastContent: String { messages.last?["content"]?.stringValue ?? "" }
    /// What the user said last.
    package var lastUserMessage: String {
        messages.last { $0["role"]?.stringValue == "user" }?["content"]?.stringValue ?? ""
    }
    /// The names of the tools that are offered.
    package var toolNames: [String] {
        (body["tools"]?.arrayValue ?? []).compactMap { $0["function"]?["name"]?.stringValue }
    }
}

/// What a test's model answers.
package struct ScriptedModelReply: Sendable {
    /// A call of a tool; the arguments are sent as they are, also if they are not JSON.
    package struct ToolCall: Sendable {
        /// The id; nil: made from the number of the request.
        package var id: String?
        /// The tool.
        package var name: String
        /// The arguments' text.
        package var arguments: String

        /// Makes a call.
        package init(id: String? = nil, name: String, arguments: String) {
            self.id = id
            self.name = name
            self.arguments = arguments
        }
    }

    /// What goes wrong in the middle of an answer, after so many pieces of its text.
    package enum Fault: Sendable {
        /// The connection is closed.
        case cut(afterPieces: Int)
        /// A chunk comes that is not JSON; then the answer goes on.
        case malformedChunk(afterPieces: Int)
        /// Nothing more comes until the client hangs up.
        case hang(afterPieces: Int)
        /// The exchange ends well, but without a finish reason, usage or end marker.
        case noEnd(afterPieces: Int)
    }

    enum Kind: Sendable {
        case answer
        case error(status: Int, body: String, retryAfter: String?)
        case raw([UInt8])
        case hang
    }

    var kind = Kind.answer
    /// The text in the pieces in which it is streamed.
    package var pieces: [String] = []
    /// The tools that are called after the text.
    package var toolCalls: [ToolCall] = []
    /// Why the answer ends; nil: `tool_calls` if there are any, otherwise `stop`.
    package var finishReason: String?
    /// The usage as (input, output) tokens; nil: counted in words.
    package var usage: (input: Int, output: Int)?
    /// Whether the usage is left out although it was asked for.
    package var omitsUsage = false
    /// How long the first byte takes.
    package var firstByteDelay: Duration = .zero
    /// How long each piece takes.
    package var pieceDelay: Duration = .zero
    /// What goes wrong.
    package var fault: Fault?

    private init() {}

    /// A text, streamed word by word.
    package static func text(_ text: String) -> ScriptedModelReply {
        var reply = ScriptedModelReply()
        var rest = text[...]
        while !rest.isEmpty {
            let word = rest.prefix { $0 != " " }
            let space = rest[word.endIndex...].prefix { $0 == " " }
            reply.pieces.append(String(rest[..<space.endIndex]))
            rest = rest[space.endIndex...]
        }
        return reply
    }

    /// A text in the given pieces.
    package static func pieces(_ pieces: [String]) -> ScriptedModelReply {
        var reply = ScriptedModelReply()
        reply.pieces = pieces
        return reply
    }

    /// Calls of tools.
    package static func toolCalls(_ calls: [ToolCall]) -> ScriptedModelReply {
        var reply = ScriptedModelReply()
        reply.toolCalls = calls
        return reply
    }

    /// An error of the endpoint, in OpenAI's form.
    package static func error(
        _ status: Int,
        code: String = "scripted",
        message: String = "scripted error",
        retryAfter: String? = nil
    ) -> ScriptedModelReply {
        var reply = ScriptedModelReply()
        let body: JSONValue = ["error": ["message": .string(message), "type": "scripted", "code": .string(code)]]
        reply.kind = .error(status: status, body: body.string, retryAfter: retryAfter)
        return reply
    }

    /// These bytes in place of a response, and then the end of the connection.
    package static func raw(_ bytes: [UInt8]) -> ScriptedModelReply {
        var reply = ScriptedModelReply()
        reply.kind = .raw(bytes)
        return reply
    }

    /// No answer at all until the client hangs up.
    package static var hang: ScriptedModelReply {
        var reply = ScriptedModelReply()
        reply.kind = .hang
        return reply
    }

    /// The same with a delay before the first byte and before each further piece.
    package func delayed(firstByte: Duration = .zero, piece: Duration = .zero) -> ScriptedModelReply {
        var reply = self
        reply.firstByteDelay = firstByte
        reply.pieceDelay = piece
        return reply
    }

    /// The same with something going wrong.
    package func with(_ fault: Fault) -> ScriptedModelReply {
        var reply = self
        reply.fault = fault
        return reply
    }

    /// The same without the usage.
    package func withoutUsage() -> ScriptedModelReply {
        var reply = self
        reply.omitsUsage = true
        return reply
    }
}

/// How a test's model answers: a function from request to reply.
package struct ScriptedModelScript: Sendable {
    enum Decision: Sendable {
        /// Known at once; spares the way through the task pool, for benchmarks.
        case immediate(@Sendable (ScriptedModelRequest) -> ScriptedModelReply)
        case later(@Sendable (ScriptedModelRequest) async -> ScriptedModelReply)
    }

    let decision: Decision

    /// A script that decides at once.
    package static func immediate(
        _ decide: @escaping @Sendable (ScriptedModelRequest) -> ScriptedModelReply
    ) -> ScriptedModelScript {
        ScriptedModelScript(decision: .immediate(decide))
    }

    /// A script that may wait for something before it decides.
    package static func handler(
        _ decide: @escaping @Sendable (ScriptedModelRequest) async -> ScriptedModelReply
    ) -> ScriptedModelScript {
        ScriptedModelScript(decision: .later(decide))
    }

    /// Always the same text.
    package static func instant(_ text: String) -> ScriptedModelScript {
        let reply = ScriptedModelReply.text(text)
        return immediate { _ in reply }
    }

    /// Always the same reply.
    package static func always(_ reply: ScriptedModelReply) -> ScriptedModelScript {
        immediate { _ in reply }
    }

    /// Says "You said: " and what the user said last.
    package static var echo: ScriptedModelScript {
        immediate { .text("You said: \($0.lastUserMessage)") }
    }

    /// Calls the tool `calculator` with what the user said after "Calculate", if it is offered, and then tells its
    /// result.
    package static var calculator: ScriptedModelScript {
        immediate { request in
            if request.lastRole == "tool" {
                let result = try? JSONValue.parse(request.lastContent)
                return .text("The result is \(result?["result"]?.string ?? request.lastContent).")
            }
            guard request.lastRole == "user", request.toolNames.contains("calculator") else {
                return .text("You said: \(request.lastUserMessage)")
            }
            let words = request.lastUserMessage
            let isAsked = words.lowercased().hasPrefix("calculate ")
            let arguments: JSONValue = ["expression": .string(isAsked ? String(words.dropFirst(10)) : words)]
            return .toolCalls([.init(name: "calculator", arguments: arguments.string)])
        }
    }

    /// The replies one after another; the last one again for every further request.
    package static func sequence(_ replies: [ScriptedModelReply]) -> ScriptedModelScript {
        precondition(!replies.isEmpty, "a sequence has at least one reply")
        return immediate { replies[min($0.number, replies.count - 1)] }
    }

    /// The same script, slower.
    package func delayed(firstByte: Duration = .zero, piece: Duration = .zero) -> ScriptedModelScript {
        switch decision {
        case .immediate(let decide): .immediate { decide($0).delayed(firstByte: firstByte, piece: piece) }
        case .later(let decide): .handler { await decide($0).delayed(firstByte: firstByte, piece: piece) }
        }
    }
}
