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
    init(_ runtime: ServiceRuntime, once: @escaping @Sendable (@escaping Router.Handler) -> Router.Handler) throws {
        let sessions = MemorySessions(database: runtime.database)
        let nodes = try MemoryNodes(database: runtime.database)
        let events = MemoryEvents(
            upkeep: MemoryUpkeep(database: runtime.database),
            sessions: sessions,
            readiness: runtime.readiness,
            logger: runtime.logger
        )
        self.sessions = sessions
        table = MemoryRouteTable(
            sessions: MemoryRoutes(sessions: sessions, nodes: nodes),
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
