import Configuration
import Domain
import HTTPClient
import HTTPServer
import Lifecycle
import MemoryStore
import ServiceKit
import Store
import Tools

/// The tool executor: takes calls from the topic, runs their tools and answers.
@main
enum ToolExecutor {
    static func main() async {
        await ServiceMain.run(
            "parley-executor",
            "runs the tools that conversations call",
            read: { environment in ExecutorConfiguration(environment: &environment) },
            build: { configuration in
                let runtime = try ServiceRuntime(configuration.service)
                return (runtime, try services(configuration, runtime))
            }
        )
    }

    private static func services(
        _ configuration: ExecutorConfiguration,
        _ runtime: ServiceRuntime
    ) throws -> [any Service] {
        let runs = runtime.toolRuns()
        let sessions = MemorySessions(database: runtime.database)
        let nodes = try MemoryNodes(database: runtime.database)
        let handler = ToolRequestHandler(
            gate: runtime.gate,
            registry: try configuration.tools.runnable(
                client: try HTTPClientPool(.init(exchangesMax: configuration.runsMax)),
                memory: MemoryTool.all(sessions: sessions, nodes: nodes),
                runtime: runtime
            ),
            policy: try configuration.policy.engine(for: runtime),
            runs: runs,
            publisher: runtime.publisher,
            metrics: ExecutorMetrics(runtime.metrics),
            logger: runtime.logger
        )
        let consumer = try runtime.consumer(
            group: configuration.group,
            topics: [.toolRequests],
            concurrency: configuration.runsMax,
            drainTimeout: configuration.drainTimeout
        )
        let operations = OperationsRoutes(runtime: runtime)
        return [
            LoopService("run-store", run: runs.run, shutdown: runs.close),
            LoopService("memory-sessions", run: sessions.run, shutdown: sessions.close),
            LoopService("memory-nodes", run: nodes.run, shutdown: nodes.close),
            HTTPService(configuration: configuration.service.http, logger: runtime.logger) { request in
                operations.answer(request) ?? HTTPResponse(status: 404)
            },
            LoopService.consuming("tool-requests", consumer, after: runtime.readiness, handler: handler.handle),
        ]
    }
}
