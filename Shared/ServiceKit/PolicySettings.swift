package import Configuration
import HTTPClient
import Observability
package import Policy
import Resilience

/// Where policies are decided.
package struct PolicySettings: Sendable {
    /// The base URL of an OPA server; nil decides in this process.
    package var serverURL: String?
    /// The folder with the policies, for decisions in this process.
    package var folder: String
    /// The library with the engine, for decisions in this process.
    package var library: String
    /// How long a decision is remembered.
    package var cacheLifetime: Duration
    /// How long a question waits for an engine that fails before it is denied.
    package var patience: Duration

    /// Reads the settings.
    package init(environment: inout EnvironmentReader) {
        serverURL =
            environment.optionalURL("PARLEY_OPA_URL", help: "OPA server; without it policies run in process")?
            .description
        folder = environment.string(
            "PARLEY_POLICY_DIR",
            default: "deploy/policies",
            help: "folder with the policies (.rego) and data.json, for policies in process"
        )
        library = environment.string(
            "PARLEY_OPA_LIBRARY",
            default: ".vendor/lib/libopabridge.so",
            help: "the policy engine's library, for policies in process"
        )
        cacheLifetime = environment.duration(
            "PARLEY_POLICY_CACHE",
            default: .seconds(1),
            in: .zero ... .seconds(60),
            help: "how long a decision is remembered, and so how late a change is seen"
        )
        patience = environment.duration(
            "PARLEY_POLICY_PATIENCE",
            default: .seconds(10),
            in: .zero ... .seconds(300),
            help: "how long a question waits for a policy engine that fails before it is denied"
        )
    }
}

extension PolicySettings {
    /// The engine that these settings name, with patience and a memory in front; `policy` in `/health`.
    ///
    /// - Parameter runtime: Has the breaker, and counts hits and misses of the memory.
    /// - Returns: The engine.
    /// - Throws: `PolicyError` when the policies cannot be loaded; `HTTPClientError`.
    package func engine(for runtime: ServiceRuntime) throws -> any PolicyEngine {
        let logger = runtime.logger
        let breaker = runtime.breakers.breaker("policy")
        let engine: any PolicyEngine
        if let serverURL {
            let server = RESTPolicyEngine(.init(baseURL: serverURL), client: try HTTPClientPool(), logger: logger)
            runtime.watch("policy", [breaker], isBack: server.isHealthy)
            engine = server
        } else {
            runtime.watch("policy", [breaker])
            engine = try EmbeddedOPA(
                .init(libraryPath: library),
                bundle: try PolicyBundle(folder: folder),
                logger: logger
            )
        }
        var configuration = CachingPolicyEngine.Configuration()
        configuration.timeToLive = cacheLifetime
        return CachingPolicyEngine(
            PatientPolicyEngine(engine, breaker: breaker, patience: patience, logger: logger),
            configuration: configuration,
            metrics: runtime.metrics
        )
    }
}
