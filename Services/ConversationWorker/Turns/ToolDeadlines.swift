import Domain
import Lifecycle
import Observability
import ServiceKit
import Store
import Tools

/// Looks for turns that wait for a tool longer than they may, and lets them go on: with the result, where there is one
/// that got lost, else without.
///
/// A call that is given up is ended in the executor's own record first. An executor that takes it later finds it ended
/// and does not run it.
final class ToolDeadlines: Service {
    let name = "tool-deadlines"
    private let runs: ToolRunStore
    private let outbox: OutboxStore
    private let answers: ToolResultHandler
    private let limits: [String: Duration]
    private let otherwise: Duration
    private let logger: Logger
    private let shutdownSignal = ShutdownSignal()

    /// How often it looks.
    static let interval = Duration.seconds(1)
    /// How many calls it takes at once.
    static let batchMax = 100

    /// Makes a part.
    /// - Parameters:
    ///   - runs: The runs of tools.
    ///   - outbox: Knows the tenants.
    ///   - answers: Lets turns go on.
    ///   - tools: Say how long a run may take.
    ///   - patience: How long a turn waits beyond twice that time, for which a run that is repeated may take.
    ///   - logger: For what is given up, and what could not be done.
    init(
        runs: ToolRunStore,
        outbox: OutboxStore,
        answers: ToolResultHandler,
        tools: ToolRegistry,
        patience: Duration,
        logger: Logger
    ) {
        self.runs = runs
        self.outbox = outbox
        self.answers = answers
        let limits = tools.definitions.map { ($0.name, Self.limit(timeout: $0.timeout, patience: patience)) }
        self.limits = Dictionary(limits) { first, _ in first }
        otherwise = Self.limit(timeout: .seconds(30), patience: patience)
        self.logger = logger
    }

    /// How long a turn waits for a tool: a run may be cut off just before its end and be done again.
    static func limit(timeout: Duration, patience: Duration) -> Duration {
        timeout * 2 + patience
    }

    func run() async throws {
        while await !shutdownSignal.wait(atMost: Self.interval) {
            do {
                for call in try await runs.overdue(
                    tenants: try await outbox.tenants(),
                    limits: limits,
                    otherwise: otherwise,
                    limit: Self.batchMax
                ) {
                    try await settle(call)
                }
            } catch {
                logger.warning("calls of tools could not be looked through: trying again", [.error: .error(error)])
            }
        }
    }

    func shutdown() async {
        shutdownSignal.raise()
    }

    private func settle(_ call: OverdueTool) async throws {
        switch call.decision {
        case .wait:
            return
        case .giveUp(var result):
            result.tenantID = call.key.tenantID
            let checked = result.checked()
            let event = OutboxEvent(
                tenantID: call.key.tenantID,
                topic: .toolResults,
                eventID: result.eventID,
                sessionID: call.key.sessionID,
                payload: checked.payload,
                traceparent: call.traceparent
            )
            let counts = try await runs.finish(
                call.request,
                tenantID: call.key.tenantID,
                result: checked.result,
                event: event
            )
            guard counts else { return }
            logger.warning(
                "a call of a tool is given up: nobody answered in time",
                [
                    .turnID: .string(call.key.turnID), .eventID: .string(result.eventID),
                    .toolName: .string(result.toolName), .status: .string(result.status.rawValue),
                ]
            )
            try await tell(checked, of: call)
        case .tell(let result):
            logger.info(
                "a tool's result that was lost is told again",
                [.turnID: .string(call.key.turnID), .eventID: .string(result.eventID)]
            )
            try await tell(result.checked(), of: call)
        }
    }

    private func tell(_ answer: CheckedToolResult, of call: OverdueTool) async throws {
        try await answers.take(answer.result, answer.json, key: call.key, traceparent: call.traceparent)
    }
}
