import JSON

/// A cheap guess of how many tokens a text has, for limits of context and for reserving budgets before a call.
///
/// The rule is one token for each 4 bytes of UTF-8, rounded up. That is the usual rule of thumb for English with
/// byte-pair vocabularies; for other scripts, where a character has 2 to 4 bytes, it stays near or above the real
/// count. What counts in the end is the usage that the provider reports.
package enum TokenEstimator {
    /// Bytes of UTF-8 for a token.
    package static let bytesPerToken = 4
    /// What a message costs beside its text: role and separators.
    package static let tokensPerMessage = 4

    /// Tokens of a text.
    package static func tokens(in text: String) -> Int {
        tokens(bytes: text.utf8.count)
    }

    /// Tokens of a message with its tool calls.
    package static func tokens(in message: ModelMessage) -> Int {
        var bytes = message.content.utf8.count
        for call in message.toolCalls {
            bytes += call.name.utf8.count + call.argumentsJSON.utf8.count
        }
        return tokensPerMessage + tokens(bytes: bytes)
    }

    /// Tokens of a tool's declaration.
    package static func tokens(in tool: ModelTool) -> Int {
        tokens(bytes: tool.name.utf8.count + tool.description.utf8.count + tool.parameters.serialized().count)
    }

    /// Tokens of everything a request sends.
    package static func inputTokens(of request: ModelRequest) -> Int {
        request.messages.reduce(0) { $0 + tokens(in: $1) } + request.tools.reduce(0) { $0 + tokens(in: $1) }
    }

    /// Tokens of an answer.
    package static func outputTokens(text: String, toolCalls: [ModelToolCall]) -> Int {
        tokens(bytes: toolCalls.reduce(text.utf8.count) { $0 + $1.name.utf8.count + $1.argumentsJSON.utf8.count })
    }

    private static func tokens(bytes: Int) -> Int {
        (bytes + bytesPerToken - 1) / bytesPerToken
    }
}
