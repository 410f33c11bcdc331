/// Tokens of one call.
package struct ModelUsage: Sendable, Hashable {
    /// Tokens of everything that was sent.
    package var inputTokens: Int
    /// Tokens of the answer.
    package var outputTokens: Int
    /// Both, or what the provider counts as the total.
    package var totalTokens: Int
    /// Whether Parley estimated them because the provider did not say.
    package var isEstimated: Bool

    /// Makes a count; the total defaults to the sum.
    package init(inputTokens: Int, outputTokens: Int, totalTokens: Int? = nil, isEstimated: Bool = false) {
        self.inputTokens = inputTokens
        self.outputTokens = outputTokens
        self.totalTokens = totalTokens ?? (inputTokens + outputTokens)
        self.isEstimated = isEstimated
    }
}

/// Why a model stopped.
package enum ModelFinishReason: String, Sendable, CaseIterable {
    /// It was done.
    case stop
    /// It reached the limit of output tokens: the text is cut.
    case length
    /// It wants tools to be run.
    case toolCalls = "tool_calls"
    /// The provider withheld the rest.
    case contentFilter = "content_filter"
    /// A reason this version does not know.
    case other
}

/// A complete answer of a model.
package struct ModelResponse: Sendable, Equatable {
    /// What it said; may be empty when it calls tools.
    package var text: String
    /// The tools it wants to be run, in order.
    package var toolCalls: [ModelToolCall]
    /// What it used.
    package var usage: ModelUsage
    /// Why it stopped.
    package var finishReason: ModelFinishReason
    /// The model that answered, as the provider names it.
    package var model: String

    /// Makes an answer.
    package init(
        text: String,
        toolCalls: [ModelToolCall] = [],
        usage: ModelUsage,
        finishReason: ModelFinishReason,
        model: String
    ) {
        self.text = text
        self.toolCalls = toolCalls
        self.usage = usage
        self.finishReason = finishReason
        self.model = model
    }
}
