package import JSON

/// A tool that a model may call.
package struct ModelTool: Sendable, Equatable {
    /// The name it is called by.
    package var name: String
    /// What it does, in words for the model.
    package var description: String
    /// The JSON Schema of its arguments.
    package var parameters: JSONValue

    /// Makes a tool.
    package init(name: String, description: String, parameters: JSONValue) {
        self.name = name
        self.description = description
        self.parameters = parameters
    }
}

/// How a model is to answer.
package struct ModelParameters: Sendable, Equatable {
    /// Randomness, 0…2; nil: the provider's default.
    package var temperature: Double?
    /// The most tokens the answer may have; nil: the provider's default.
    package var maxOutputTokens: Int?
    /// Further members of the provider's request body, such as `reasoning_effort`.
    ///
    /// They never replace Parley's own.
    package var extra: JSONObject

    /// Makes parameters; all default to the provider's.
    package init(temperature: Double? = nil, maxOutputTokens: Int? = nil, extra: JSONObject = [:]) {
        self.temperature = temperature
        self.maxOutputTokens = maxOutputTokens
        self.extra = extra
    }
}

/// Everything a model is asked in one call.
package struct ModelRequest: Sendable, Equatable {
    /// The provider's name of the model; nil: the profile's.
    package var model: String?
    /// The conversation, oldest first.
    package var messages: [ModelMessage]
    /// The tools it may call.
    package var tools: [ModelTool]
    /// How to answer; what is nil here is taken from the profile.
    package var parameters: ModelParameters
    /// When the call must be over, retries included.
    ///
    /// Not part of the JSON form: a moment means nothing after a restart.
    package var deadline: ContinuousClock.Instant?
    /// Sent as `Idempotency-Key`, the same for every try of a step.
    package var idempotencyKey: String?

    /// Makes a request.
    package init(
        model: String? = nil,
        messages: [ModelMessage],
        tools: [ModelTool] = [],
        parameters: ModelParameters = ModelParameters(),
        deadline: ContinuousClock.Instant? = nil,
        idempotencyKey: String? = nil
    ) {
        self.model = model
        self.messages = messages
        self.tools = tools
        self.parameters = parameters
        self.deadline = deadline
        self.idempotencyKey = idempotencyKey
    }
}
