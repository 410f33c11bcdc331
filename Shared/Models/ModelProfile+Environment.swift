extension ModelProfile {
    /// The keys that `init(environment:)` reads.
    package enum EnvironmentKey {
        /// The base URL of an OpenAI-compatible endpoint; without it the built-in planner is used.
        package static let baseURL = "PARLEY_MODEL_BASE_URL"
        /// The provider's name of the model; required with a base URL.
        package static let model = "PARLEY_MODEL_NAME"
        /// The key; optional, because local servers need none.
        package static let apiKey = "PARLEY_MODEL_API_KEY"
    }

    /// The default profile of an installation, out of its environment.
    ///
    /// - Throws: `configuration` when there is a base URL but no model name.
    package init(environment: [String: String]) throws(ModelError) {
        func value(_ key: String) -> String? {
            environment[key].flatMap { $0.isEmpty ? nil : $0 }
        }
        guard let baseURL = value(EnvironmentKey.baseURL) else {
            self = .builtIn
            return
        }
        guard let model = value(EnvironmentKey.model) else {
            throw ModelError(
                code: .configuration,
                message: "\(EnvironmentKey.baseURL) is set, so \(EnvironmentKey.model) must name the model"
            )
        }
        self.init(
            name: "default",
            provider: .openai,
            baseURL: baseURL,
            model: model,
            apiKey: value(EnvironmentKey.apiKey).map { ModelAPIKey($0) }
        )
    }
}
