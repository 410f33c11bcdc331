package import Configuration
import HTTPClient
package import Observability
package import Policy

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
    }
}

extension PolicySettings {
    /// The engine that these settings name, with a memory in front.
    ///
    /// - Parameters:
    ///   - logger: For failures of the engine; each is a denial.
    ///   - metrics: Where hits and misses of the memory are counted.
    /// - Returns: The engine.
    /// - Throws: `PolicyError` when the policies cannot be loaded; `HTTPClientError`.
    package func engine(logger: Logger, metrics: MetricsRegistry) throws -> any PolicyEngine {
        let engine: any PolicyEngine
        if let serverURL {
            engine = RESTPolicyEngine(.init(baseURL: serverURL), client: try HTTPClientPool(), logger: logger)
        } else {
            engine = try EmbeddedOPA(
                .init(libraryPath: library),
                bundle: try PolicyBundle(folder: folder),
                logger: logger
            )
        }
        var configuration = CachingPolicyEngine.Configuration()
        configuration.timeToLive = cacheLifetime
        return CachingPolicyEngine(engine, configuration: configuration, metrics: metrics)
    }
}
