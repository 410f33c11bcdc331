import HTTPServer
import Lifecycle
import MemoryStore
import ServiceKit

/// The memory's parts of a gateway, put together.
struct MemoryParts {
    /// Its paths.
    let table: MemoryRouteTable
    /// Its sessions.
    let sessions: MemorySessions
    /// Its services, in the order in which they start.
    let services: [any Service]

    /// Puts the parts together.
    /// - Throws: When threads or descriptors have run out.
    init(
        _ configuration: GatewayConfiguration,
        _ runtime: ServiceRuntime,
        once: @escaping @Sendable (@escaping Router.Handler) -> Router.Handler
    ) throws {
        let limits = configuration.memory
        let metrics = MemoryMetrics(runtime.metrics)
        let sessions = MemorySessions(database: runtime.database, configuration: limits, metrics: metrics)
        let nodes = try MemoryNodes(database: runtime.database, configuration: limits, metrics: metrics)
        let predictions = MemoryPredictions(
            sessions: sessions,
            nodes: nodes,
            configuration: limits,
            metrics: metrics
        )
        let events = MemoryEvents(
            upkeep: MemoryUpkeep(database: runtime.database, configuration: limits),
            sessions: sessions,
            readiness: runtime.readiness,
            logger: runtime.logger
        )
        self.sessions = sessions
        table = MemoryRouteTable(
            sessions: MemoryRoutes(
                sessions: sessions,
                nodes: nodes,
                predictions: predictions,
                answerBytesMax: configuration.memoryAnswerBytesMax
            ),
            nodes: MemoryNodeRoutes(nodes: nodes),
            sessionless: SessionlessRoutes(sessions: sessions),
            events: events,
            once: once
        )
        services = [
            LoopService("memory-sessions", run: sessions.run, shutdown: sessions.close),
            LoopService("memory-nodes", run: nodes.run, shutdown: nodes.close),
            events,
        ]
    }
}
