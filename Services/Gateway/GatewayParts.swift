import Domain
import EventBus
import HTTPServer
import JSON
import Lifecycle
import Observability
import ServiceKit
import Store
import Tools

/// The parts of a gateway, put together.
struct GatewayParts {
    /// The services, in the order in which they start.
    let services: [any Service]
    /// Finds the handlers; `openapi.json` describes each of its routes.
    let router: Router

    /// How far back a gateway reads when it starts, so that it knows of turns that run already.
    private static let lookBackMilliseconds: Int64 = 120_000

    /// Puts the parts together.
    /// - Throws: When a part cannot be made from the configuration.
    init(_ configuration: GatewayConfiguration, _ runtime: ServiceRuntime) throws {
        OpenFiles.warn(connectionsMax: configuration.http.connectionsMax, logger: runtime.logger)
        let store = configuration.service.store
        let messages = MessageStore(database: runtime.database, configuration: store, mayRepeat: false)
        let runs = runtime.toolRuns()
        let hub = StreamHub(limits: configuration.streams)
        let metrics = GatewayMetrics(runtime.metrics, hub: hub)
        let registry = try configuration.tools.offered()
        let idempotent = IdempotentRoutes(
            store: IdempotencyStore(database: runtime.database, configuration: store),
            logger: runtime.logger
        )
        let memory = try MemoryParts(configuration, runtime, once: idempotent.once)
        let limiter = OpenTurnLimiter(database: runtime.database, configuration: store)
        let messageRoutes = MessageRoutes(
            messages: messages,
            limiter: limiter,
            publisher: runtime.publisher,
            metrics: metrics
        )
        let router = Self.router(runtime, messageRoutes, runs, hub, registry, idempotent, memory.table)
        self.router = router
        let application = GatewayApplication(
            router: router,
            authenticator: Authenticator(store: CredentialStore(database: runtime.database)),
            metrics: metrics,
            logger: runtime.logger
        )
        let compatibility = configuration.memoryCompatibility.map { http in
            var local = application
            let health = MemoryHealth(health: runtime.health, sessions: memory.sessions)
            local.router = Router(memory.table.routes(needsCredential: false) + health.routes)
            return HTTPService(
                name: "memory-compat",
                configuration: http,
                logger: runtime.logger,
                handler: LocalClients(application: local).handle
            )
        }
        let topics = runtime.topics
        let reader = try BusReader(
            configuration: configuration.service.bus,
            topics: [Topic.outbound.rawValue, Topic.deltas.rawValue],
            start: .since(milliseconds: WallClock.now().seconds * 1000 - Self.lookBackMilliseconds),
            logger: runtime.logger
        ) { _ in topics.nudge() }
        var services: [any Service] = [
            LoopService("message-store", run: messages.run, shutdown: messages.close),
            LoopService("open-turns", run: limiter.run, shutdown: limiter.close),
            LoopService("run-store", run: runs.run, shutdown: runs.close),
        ]
        services += memory.services
        services += [
            LoopService(
                "streams",
                after: runtime.readiness,
                StreamIntake(reader: reader, hub: hub, logger: runtime.logger)
            ),
            HTTPService(configuration: configuration.http, logger: runtime.logger, handler: application.handle),
        ]
        if let compatibility { services.append(compatibility) }
        // Stops first: clients that follow streams go elsewhere, and requests that run come to their end.
        services.append(StreamFollowers(hub: hub))
        self.services = services
    }

    private static func router(
        _ runtime: ServiceRuntime,
        _ messageRoutes: MessageRoutes,
        _ runs: ToolRunStore,
        _ hub: StreamHub,
        _ registry: ToolRegistry,
        _ idempotent: IdempotentRoutes,
        _ memory: MemoryRouteTable
    ) -> Router {
        let reads = ReadStore(database: runtime.database)
        let sessions = SessionRoutes(store: reads)
        let tools = ToolRoutes(registry: registry, runs: runs, publisher: runtime.publisher, idempotent: idempotent)
        let streams = StreamRoutes(
            hub: hub,
            store: reads,
            messages: messageRoutes,
            idempotent: idempotent,
            logger: runtime.logger
        )
        let operations = OperationsRoutes(runtime: runtime)
        let operate: Router.Handler = { routed in
            guard let response = operations.answer(routed.request) else { throw Problem.noSuchPath }
            return response
        }
        let core: [Router.Route] = [
            .init("POST", "/v1/session/message", idempotent.once(messageRoutes.post)),
            .init("GET", "/v1/session/{id}/stream", streams.stream),
            .init("GET", "/v1/sessions/{id}/events", sessions.events),
            .init("GET", "/v1/turns/{event_id}", sessions.turn),
            .init("GET", "/v1/tools", tools.list),
            .init("POST", "/v1/tool/request", idempotent.once(tools.request)),
            .init("GET", "/v1/tool/runs/{event_id}", tools.run),
            .init("GET", "/livez", needsCredential: false, operate),
            .init("GET", "/readyz", needsCredential: false, operate),
            .init("GET", "/health", needsCredential: false, operate),
            .init("GET", "/metrics", needsCredential: false, operate),
            .init("GET", "/openapi.json", needsCredential: false) { _ in
                .json(SchemaFile.bytes(named: "api/openapi.json") ?? [])
            },
        ]
        let letters = DeadLetterStore(database: runtime.database)
        let deadLetters = DeadLetterRoutes(
            letters: letters,
            redriver: DeadLetterRedriver(store: letters, producer: runtime.producer),
            logger: runtime.logger
        )
        return Router(core + deadLetters.table(idempotent) + memory.routes(needsCredential: true))
    }
}
