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
    /// How often the folder is looked at for changes.
    package var reloadInterval: Duration
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
        reloadInterval = environment.duration(
            "PARLEY_POLICY_RELOAD",
            default: .seconds(1),
            in: .milliseconds(50) ... .seconds(3600),
            help: "how often the folder is looked at; changed files count when two looks in a row saw the same"
        )
        cacheLifetime = environment.duration(
            "PARLEY_POLICY_CACHE",
            default: .seconds(1),
            in: .zero ... .seconds(60),
            help: "how long a decision is remembered, and so how late a change on an OPA server is seen"
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
    /// The obligations that the services keep when a policy allows something only along with them: none yet.
    private static let fulfilledObligations: Set<String> = []

    /// The engine that these settings name, with patience and a memory in front; `policy` in `/health`.
    ///
    /// - Parameter runtime: Has the breaker, counts hits and misses of the memory, and looks after changed policies.
    /// - Returns: The engine.
    /// - Throws: `PolicyError` when the policies cannot be loaded; `HTTPClientError`.
    package func engine(for runtime: ServiceRuntime) throws -> any PolicyEngine {
        let breaker = runtime.breakers.breaker("policy")
        guard let serverURL else { return try embedded(runtime, breaker) }
        let server = RESTPolicyEngine(
            .init(baseURL: serverURL),
            client: try HTTPClientPool(),
            logger: runtime.logger
        )
        runtime.watch("policy", [breaker], isBack: server.isHealthy)
        return StrictPolicyEngine(remembering(server, runtime, breaker), fulfilling: Self.fulfilledObligations)
    }

    private func embedded(_ runtime: ServiceRuntime, _ breaker: CircuitBreaker) throws -> any PolicyEngine {
        // Before the files are read: what changes meanwhile is seen as a change.
        let stamp = try PolicyBundle.Stamp(folder: folder)
        let engine = try EmbeddedOPA(
            .init(libraryPath: library),
            bundle: try PolicyBundle(folder: folder),
            logger: runtime.logger
        )
        let memory = remembering(engine, runtime, breaker)
        let watch = PolicyFolderWatch(
            folder,
            since: stamp,
            engine: engine,
            logger: runtime.logger,
            didChange: memory.removeAll
        )
        runtime.every(reloadInterval, "policy-folder", watch.look)
        runtime.watch("policy", [breaker], problem: { watch.problem })
        return StrictPolicyEngine(memory, fulfilling: Self.fulfilledObligations)
    }

    private func remembering(
        _ engine: some PolicyEngine,
        _ runtime: ServiceRuntime,
        _ breaker: CircuitBreaker
    ) -> CachingPolicyEngine {
        var configuration = CachingPolicyEngine.Configuration()
        configuration.timeToLive = cacheLifetime
        return CachingPolicyEngine(
            PatientPolicyEngine(engine, breaker: breaker, patience: patience, logger: runtime.logger),
            configuration: configuration,
            metrics: runtime.metrics
        )
    }
}
