package import Configuration
package import HTTPClient
import Resilience
package import Tools

/// The tools of the platform: those that are built in, and those of the operator's file.
package struct ToolSettings: Sendable {
    private var http: [HTTPToolSettings] = []
    private var variables: [String: Secret] = [:]

    /// Reads the settings.
    /// - Parameters:
    ///   - environment: Where the settings stand.
    ///   - runsTools: Whether the service calls tools, and so needs the secrets in their headers.
    package init(environment: inout EnvironmentReader, runsTools: Bool) {
        let key = "PARLEY_TOOLS_FILE"
        guard
            let path = environment.optionalString(
                key,
                help: "file with tools that are HTTP endpoints, JSON; without it there are only the built-in ones"
            )
        else { return }
        guard let bytes = SecretFile.contents(of: path, bytesMax: HTTPToolFile.bytesMax) else {
            environment.fail(
                key,
                .unreadableFile,
                "names a file that cannot be read or is longer than \(HTTPToolFile.bytesMax) bytes"
            )
            return
        }
        do {
            http = try HTTPToolFile.tools(bytes)
            // Names and schemas are checked where the registry is made; here, so that --check-config says it.
            _ = try offered()
        } catch {
            environment.fail(key, .malformed, "names a file with a mistake: \(error.description)")
            http = []
        }
        guard runsTools else { return }
        for name in Set(http.flatMap(\.variables)).sorted() {
            variables[name] = environment.secret(name, help: "for a header in the file that \(key) names")
        }
    }

    /// The registry of a service that offers tools and leaves it to executors to run them.
    /// - Throws: `ToolError` when two tools share a name.
    package func offered() throws(ToolError) -> ToolRegistry {
        try ToolRegistry(
            ToolRegistry.builtIn + (MemoryToolDefinitions.all + http.map(\.definition)).map { RemoteTool($0) }
        )
    }

    /// The registry of a service that runs tools.
    /// - Parameters:
    ///   - client: Calls the endpoints.
    ///   - memory: Runs what ``MemoryToolDefinitions`` defines.
    ///   - runtime: Gets a breaker `tool:<name>` for each endpoint, and shows them as the component `tools`.
    /// - Returns: The registry.
    /// - Throws: `ToolError` when two tools share a name.
    package func runnable(
        client: HTTPClientPool,
        memory: [any Tool],
        runtime: ServiceRuntime
    ) throws(ToolError) -> ToolRegistry {
        let values = variables.mapValues(\.revealed)
        let endpoints = http.map { settings in
            (settings: settings, breaker: runtime.breakers.breaker("tool:\(settings.definition.name)"))
        }
        if !endpoints.isEmpty { runtime.watch("tools", endpoints.map(\.breaker)) }
        return try ToolRegistry(
            ToolRegistry.builtIn + memory
                + endpoints.map { HTTPTool($0.settings, variables: values, client: client, breaker: $0.breaker) }
        )
    }
}
