package import HTTPClient
package import Resilience

/// Makes providers for profiles.
package struct ModelProviderFactory: Sendable {
    private let client: HTTPClientPool

    /// Makes a factory whose providers share the client and its connections.
    package init(client: HTTPClientPool) {
        self.client = client
    }

    /// The provider that the profile names.
    ///
    /// - Throws: `configuration` if the profile cannot be used.
    package func provider(for profile: ModelProfile) throws(ModelError) -> any ModelProvider {
        switch profile.provider {
        case .openai: try OpenAIProvider(profile: profile, client: client)
        case .local: LocalPlannerProvider()
        }
    }

    /// The profile's provider with its breaker, `model:` and the profile's name.
    ///
    /// - Throws: `configuration` if the profile cannot be used.
    package func candidate(
        for profile: ModelProfile,
        breakers: CircuitBreakerRegistry
    ) throws(ModelError) -> ModelCandidate {
        ModelCandidate(
            profile: profile,
            provider: try provider(for: profile),
            breaker: breakers.breaker("model:\(profile.name)")
        )
    }
}
