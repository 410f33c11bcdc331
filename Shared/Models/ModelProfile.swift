import JSON
package import Resilience

/// A key for a provider, which no description, log line or dump shows.
package struct ModelAPIKey: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let value: String

    /// Wraps a key.
    package init(_ value: String) {
        self.value = value
    }

    /// The key itself, for the one place that sends it.
    package func reveal() -> String { value }

    /// Always the same text.
    package var description: String { "(secret)" }
    /// Always the same text.
    package var debugDescription: String { description }
    /// Shows nothing.
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a model costs, in any one currency.
package struct ModelPrice: Sendable, Hashable {
    /// For a million input tokens.
    package var perMillionInputTokens: Double
    /// For a million output tokens.
    package var perMillionOutputTokens: Double

    /// Makes a price.
    package init(perMillionInputTokens: Double, perMillionOutputTokens: Double) {
        self.perMillionInputTokens = perMillionInputTokens
        self.perMillionOutputTokens = perMillionOutputTokens
    }

    /// What a call cost.
    package func cost(of usage: ModelUsage) -> Double {
        (Double(usage.inputTokens) * perMillionInputTokens + Double(usage.outputTokens) * perMillionOutputTokens)
            / 1_000_000
    }
}

/// Named settings for a model.
package struct ModelProfile: Sendable, Equatable {
    /// Which code talks to the model.
    package enum Provider: String, Sendable, CaseIterable {
        /// Any endpoint that speaks OpenAI's chat completions.
        case openai
        /// The built-in planner: no network, no model.
        case local
    }

    /// The name that personas refer to.
    package var name: String
    /// Which code talks to the model.
    package var provider: Provider
    /// Where the endpoint is, up to and with the version: `https://api.openai.com/v1`.
    package var baseURL: String?
    /// The provider's name of the model.
    package var model: String
    /// The key, sent as a bearer token; nil: none.
    package var apiKey: ModelAPIKey?
    /// What requests do not say themselves.
    package var parameters = ModelParameters()
    /// Whether answers are asked for as a stream.
    package var isStreaming = true
    /// The member that carries `maxOutputTokens`; OpenAI's newer models want `max_completion_tokens`.
    package var maxTokensMember = "max_tokens"
    /// The longest time for one try.
    package var timeout: Duration = .seconds(120)
    /// The longest silence within a try.
    package var idleTimeout: Duration = .seconds(60)
    /// When and how often a failed try is repeated.
    package var retries = RetryPolicy()
    /// The longest answer of the provider on the wire, in bytes.
    package var responseBytesMax = 8 << 20
    /// What it costs, if that is known.
    package var price: ModelPrice?

    /// Makes a profile.
    package init(
        name: String,
        provider: Provider,
        baseURL: String? = nil,
        model: String,
        apiKey: ModelAPIKey? = nil
    ) {
        self.name = name
        self.provider = provider
        self.baseURL = baseURL
        self.model = model
        self.apiKey = apiKey
    }

    /// The built-in planner.
    package static let builtIn = ModelProfile(name: "built-in", provider: .local, model: LocalPlannerProvider.model)
}
