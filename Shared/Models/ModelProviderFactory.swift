package import HTTPClient

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
    package func provider(
        for profile: ModelProfile,
        gate: any ModelCallGate = OpenModelCallGate()
    ) throws(ModelError) -> any ModelProvider {
        switch profile.provider {
        case .openai: try OpenAIProvider(profile: profile, client: client, gate: gate)
        case .local: LocalPlannerProvider()
        }
    }
}
