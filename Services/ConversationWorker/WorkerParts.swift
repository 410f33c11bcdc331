import Budget
import Domain
import EventBus
import HTTPClient
import HTTPServer
import Lifecycle
import MemoryStore
import Models
import Observability
import Policy
import Resilience
import ServiceKit
import Store
import Tools

/// The parts of a worker, put together.
struct WorkerParts {
    /// The services, in the order in which they start.
    let services: [any Service]

    /// Puts the parts together.
    /// - Throws: When a part cannot be made from the configuration.
    init(_ configuration: WorkerConfiguration, _ runtime: ServiceRuntime) throws {
        let store = configuration.service.store
        let turns = TurnStore(database: runtime.database, configuration: store, owner: runtime.owner)
        let messages = MessageStore(database: runtime.database, configuration: store, mayRepeat: true)
        let slots = TurnSlots(count: configuration.turnsMax)
        let tools = try configuration.tools.offered()
        let runs = runtime.toolRuns()
        let memory = try Self.memory(configuration, runtime, WorkerMetrics(runtime.metrics))
        let runner = try Self.runner(configuration, runtime, turns, tools, memory)
        let scheduler = TurnScheduler(runner: runner, slots: slots, drainTimeout: configuration.drainTimeout)
        let operations = OperationsRoutes(runtime: runtime)
        let answers = ToolResultHandler(
            gate: runtime.gate,
            turns: turns,
            outbox: runtime.outbox,
            slots: slots,
            scheduler: scheduler,
            producer: runtime.producer
        )
        let results = try Self.results(configuration, runtime, answers)
        services = [
            LoopService("turn-store", run: turns.run, shutdown: turns.close),
            LoopService("message-store", run: messages.run, shutdown: messages.close),
            LoopService("run-store", run: runs.run, shutdown: runs.close),
            LoopService("memory-sessions", run: memory.sessions.run, shutdown: memory.sessions.close),
            LoopService("memory-nodes", run: memory.nodes.run, shutdown: memory.nodes.close),
            HTTPService(configuration: configuration.service.http, logger: runtime.logger) { request in
                operations.answer(request) ?? HTTPResponse(status: 404)
            },
            LeaseKeeper(
                turns: turns,
                outbox: runtime.outbox,
                scheduler: scheduler,
                slots: slots,
                leaseDuration: store.leaseDuration,
                logger: runtime.logger
            ),
            scheduler,
            ToolDeadlines(
                runs: runs,
                outbox: runtime.outbox,
                answers: answers,
                tools: tools,
                patience: store.republishAfter + configuration.toolGrace,
                logger: runtime.logger
            ),
            results,
            Self.intake(
                try Self.inbound(configuration, runtime, turns, messages, slots, scheduler),
                results,
                slots,
                scheduler
            ),
        ]
    }

    private static func runner(
        _ configuration: WorkerConfiguration,
        _ runtime: ServiceRuntime,
        _ turns: TurnStore,
        _ tools: ToolRegistry,
        _ memory: ConversationMemory
    ) throws -> TurnRunner {
        TurnRunner(
            turns: turns,
            contexts: ContextSource(
                turns: turns,
                redis: runtime.redis,
                limits: HistoryLimits(tokensMax: configuration.contextTokensMax)
            ),
            personas: PersonaStore(database: runtime.database),
            tools: tools,
            policy: try configuration.policy.engine(for: runtime),
            budget: BudgetManager(postgres: runtime.database, redis: runtime.redis),
            memory: memory,
            model: try model(configuration, runtime),
            profile: configuration.model,
            producer: runtime.producer,
            publisher: runtime.publisher,
            metrics: memory.metrics,
            logger: runtime.logger,
            toolRoundsMax: configuration.toolRoundsMax,
            attemptsMax: configuration.attemptsMax,
            deadline: configuration.turnDeadline
        )
    }

    /// How long handlers of records may go on after a stop: they wait for the database, not for turns.
    private static let intakeDrainTimeout = Duration.seconds(4)

    /// The consumer of messages, whose stop is the stop of the worker as a whole: it is the first part to be stopped.
    ///
    /// Handlers that wait for a slot would hold the stop up for as long as the turns take that have them; and the two
    /// consumers end side by side, as each may have to wait for a database that does not answer.
    private static func intake(
        _ inbound: LoopService,
        _ results: LoopService,
        _ slots: TurnSlots,
        _ scheduler: TurnScheduler
    ) -> LoopService {
        LoopService(inbound.name, run: inbound.run) {
            scheduler.stopFollowing()
            await inbound.shutdown()
            await results.shutdown()
            slots.close()
        }
    }

    private static func memory(
        _ configuration: WorkerConfiguration,
        _ runtime: ServiceRuntime,
        _ metrics: WorkerMetrics
    ) throws -> ConversationMemory {
        ConversationMemory(
            sessions: MemorySessions(database: runtime.database),
            nodes: try MemoryNodes(database: runtime.database),
            configuration: configuration.memory,
            metrics: metrics,
            logger: runtime.logger
        )
    }

    private static func model(_ configuration: WorkerConfiguration, _ runtime: ServiceRuntime) throws -> ModelCaller {
        let client = try HTTPClientPool(.init(exchangesMax: configuration.turnsMax))
        let factory = ModelProviderFactory(client: client)
        let primary = try factory.candidate(for: configuration.model, breakers: runtime.breakers)
        let fallback = try configuration.fallbackModel.map { profile in
            try factory.candidate(for: profile, breakers: runtime.breakers)
        }
        runtime.watch("model", [primary, fallback].compactMap { $0?.breaker })
        return ModelCaller(
            primary,
            fallback: fallback,
            metrics: runtime.metrics,
            logger: runtime.logger
        )
    }

    private static func inbound(
        _ configuration: WorkerConfiguration,
        _ runtime: ServiceRuntime,
        _ turns: TurnStore,
        _ messages: MessageStore,
        _ slots: TurnSlots,
        _ scheduler: TurnScheduler
    ) throws -> LoopService {
        let handler = InboundHandler(
            gate: runtime.gate,
            turns: turns,
            messages: messages,
            slots: slots,
            scheduler: scheduler
        )
        let consumer = try runtime.consumer(
            group: configuration.group,
            topics: [.inbound],
            concurrency: configuration.turnsMax,
            drainTimeout: intakeDrainTimeout
        )
        return .consuming("inbound", consumer, after: runtime.readiness, handler: handler.handle)
    }

    private static func results(
        _ configuration: WorkerConfiguration,
        _ runtime: ServiceRuntime,
        _ handler: ToolResultHandler
    ) throws -> LoopService {
        let consumer = try runtime.consumer(
            group: configuration.group,
            topics: [.toolResults],
            concurrency: configuration.turnsMax,
            drainTimeout: intakeDrainTimeout
        )
        return .consuming("tool-results", consumer, after: runtime.readiness, handler: handler.handle)
    }
}
