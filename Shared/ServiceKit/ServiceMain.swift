package import Configuration
import Glibc
package import Lifecycle
import Observability

/// What the `main` of every service does: read the settings, put the parts together, run them as a group, leave.
package enum ServiceMain {
    /// The version that `--version` and log lines name.
    package static let version = "0.1.0"

    /// Settings that stand in the environment of the local stack for others to use.
    private static let knownKeys: Set<String> = [
        "PARLEY_URL", "PARLEY_API_KEY", "PARLEY_MIGRATION_DATABASE_URL", "PARLEY_BIN", "PARLEY_RUN",
        "PARLEY_GATEWAY_PORT", "PARLEY_POLICY_DIR", "PARLEY_OPA_LIBRARY", "PARLEY_OPA_URL", "PARLEY_MODEL_PROVIDER",
        "PARLEY_MODEL_BASE_URL", "PARLEY_MODEL_NAME", "PARLEY_MODEL_API_KEY", "PARLEY_MODEL_TIMEOUT",
        "PARLEY_MODEL_IDLE_TIMEOUT", "PARLEY_MODEL_FALLBACK_BASE_URL", "PARLEY_MODEL_FALLBACK_NAME",
        "PARLEY_MODEL_FALLBACK_API_KEY", "PARLEY_WORKER_DRAIN", "PARLEY_EXECUTOR_DRAIN",
    ]

    /// Runs a service until it is told to stop, and leaves the process.
    ///
    /// - Parameters:
    ///   - program: The executable's name.
    ///   - summary: What it is, in a few words.
    ///   - read: Reads its settings.
    ///   - build: Puts its parts together.
    package static func run<Settings: Sendable>(
        _ program: String,
        _ summary: String,
        read: (inout EnvironmentReader) -> Settings,
        build: (Settings) throws -> (runtime: ServiceRuntime, services: [any Service])
    ) async -> Never {
        let command = ConfigurationCommand(
            program: program,
            summary: summary,
            version: version,
            knownKeys: knownKeys
        )
        let (settings, warnings) = command.loadOrExit(read: read)
        OpenFiles.raiseLimit()
        do {
            let (runtime, services) = try build(settings)
            runtime.logger.info("starting", [.version: .string(version), .processID: .integer(getpid())])
            for warning in warnings {
                runtime.logger.warning("a setting is not known", [.reason: .string(warning)])
            }
            let group = ServiceGroup(services: runtime.services(services), logger: runtime.logger)
            exit(await group.run().rawValue)
        } catch {
            Logger(service: program).critical("the service cannot start", [.error: .error(error)])
            exit(1)
        }
    }
}
