/// Turns permissions that depend on something that cannot be done here into denials.
///
/// Policies may allow something only along with obligations, such as a person's approval. Whoever does not know an
/// obligation cannot keep it, and must not do what was allowed with it.
package struct StrictPolicyEngine: PolicyEngine {
    private let engine: any PolicyEngine
    private let fulfilled: Set<String>

    /// Makes an engine.
    /// - Parameters:
    ///   - engine: Is asked.
    ///   - fulfilled: The obligations that whoever asks does keep, by name.
    package init(_ engine: any PolicyEngine, fulfilling fulfilled: Set<String>) {
        self.engine = engine
        self.fulfilled = fulfilled
    }

    /// Asks the policies; denies what they allow only with other obligations.
    package func decide(_ input: PolicyInput) async throws -> PolicyDecision {
        try await engine.decide(input).fulfilling(fulfilled)
    }
}
