import Domain
import EventBus
import JSON
import Observability
import Policy
import ServiceKit
import Store
import Tools

/// Takes calls from `tool.requests`, runs their tools and answers on `tool.results` under the request's event_id.
///
/// A tool that is idempotent is run and its result committed in one transaction with the mark that the request was
/// processed; if the executor is lost in between, another runs it again. One that is not is marked before it runs, and
/// if its run is cut off the answer is `interrupted`: it never runs twice.
struct ToolRequestHandler: Sendable {
    let gate: RecordGate
    let registry: ToolRegistry
    let policy: any PolicyEngine
    let runs: ToolRunStore
    let publisher: OutboxPublisher
    let metrics: ExecutorMetrics
    let logger: Logger

    /// Handles one record.
    /// - Throws: When the database could not be reached; the bus tries the record again.
    func handle(_ record: BusRecord) async throws {
        try await gate.handle(record, topic: .toolRequests) { incoming in try await handle(incoming) }
    }

    private func handle(_ incoming: IncomingEvent) async throws {
        let request = try ToolRequest(json: incoming.json)
        // A request comes again while nobody has processed it, also while it waits here in line.
        if let known = try await runs.result(of: request.eventID, tenantID: incoming.tenantID), known.isFinished {
            return
        }
        let started = ContinuousClock.now
        guard var result = try await answer(to: request, tenantID: incoming.tenantID) else { return }
        let elapsed = started.duration(to: .now)
        result.executionTime = elapsed.seconds
        result.tenantID = incoming.tenantID
        let answer = result.checked()
        if answer.result.status != result.status {
            logger.warning(
                "what a tool answered cannot be passed on: an error takes its place",
                [.toolName: .string(request.toolName), .eventID: .string(request.eventID)]
            )
        }
        let event = OutboxEvent(
            tenantID: incoming.tenantID,
            topic: .toolResults,
            eventID: request.eventID,
            sessionID: request.sessionID,
            payload: answer.payload,
            traceparent: incoming.traceparent
        )
        let (runs, tenantID, ended) = (runs, incoming.tenantID, answer.result)
        // unstructured: a run that a stop cut off is recorded although its task is cancelled; the store ends after this
        // part, and what it then cannot do it refuses.
        let end = Task { try await runs.finish(request, tenantID: tenantID, result: ended, event: event) }
        let counts = try await end.value
        // A name that is no tool's is somebody's text.
        let tool = registry.definition(request.toolName) == nil ? "unknown" : request.toolName
        metrics.ran(tool: tool, status: ended.status, after: elapsed)
        if counts { publisher.enqueue([event]) }
    }

    /// Runs the tool, or says why not.
    ///
    /// - Returns: nil when the request was answered before, or is being answered by somebody else.
    private func answer(to request: ToolRequest, tenantID: String) async throws -> ToolResult? {
        guard let definition = registry.definition(request.toolName) else {
            return failure(request, .error, "There is no tool of this name.")
        }
        do {
            try registry.validate(request.arguments, for: request.toolName)
        } catch {
            return failure(request, .error, "The arguments are not valid: \(error.description)")
        }
        let decision = try await policy.decide(
            .toolExecute(request.toolName, request.arguments, tenant: tenantID, personaID: request.personaID)
        )
        guard decision.isAllowed else {
            let reason =
                decision.origin == .engineFailed
                ? "The call was denied because nobody could decide whether it is allowed: \(decision.reason)"
                : "A policy does not allow this call: \(decision.reason)"
            return failure(request, .denied, reason)
        }
        if !definition.idempotent {
            // Twice the time that a run may take: after that nobody can still be at it.
            switch try await runs.begin(request, tenantID: tenantID, timeout: definition.timeout * 2) {
            case .granted:
                break
            case .finished, .running:
                return nil
            case .interrupted:
                let reason = "The run was cut off and is not repeated: it may have had its effect."
                return failure(request, .interrupted, reason)
            }
        }
        return try await run(definition, request, tenantID: tenantID)
    }

    /// Runs the tool.
    ///
    /// - Throws: `CancellationError` when a stop cut off a run that may be repeated: another executor does.
    private func run(
        _ definition: ToolDefinition,
        _ request: ToolRequest,
        tenantID: String
    ) async throws -> ToolResult {
        let context = ToolContext(
            tenantId: tenantID,
            sessionId: request.sessionID,
            personaId: request.personaID,
            idempotencyKey: request.eventID,
            deadline: .now + definition.timeout
        )
        do {
            let payload = try await withTimeout(definition.timeout) {
                try await registry.run(request.toolName, request.arguments, context: context)
            }
            return ToolResult(to: request, status: .success, payload: payload)
        } catch  where Task.isCancelled {
            if definition.idempotent { throw CancellationError() }
            let reason = "The executor was stopped in the middle of the run: it may have had its effect."
            return failure(request, .interrupted, reason)
        } catch is TimeoutError {
            return failure(request, .timeout, "The tool took longer than \(definition.timeout).")
        } catch let error as ToolError {
            return failure(request, Self.status(of: error), error.reason)
        } catch {
            logger.error(
                "a tool failed in an unknown way",
                [.toolName: .string(request.toolName), .error: .error(error)]
            )
            return failure(request, .error, "The tool failed.")
        }
    }

    private static func status(of error: ToolError) -> ToolStatus {
        switch error.code {
        case .timedOut: .timeout
        case .interrupted: .interrupted
        case .denied: .denied
        case .unknownTool, .invalidArguments, .invalidDefinition, .duplicateName, .failed, .unavailable,
            .invalidResult:
            .error
        }
    }

    private func failure(_ request: ToolRequest, _ status: ToolStatus, _ reason: String) -> ToolResult {
        ToolResult(to: request, status: status, payload: [:], error: reason)
    }
}

extension Duration {
    /// The duration in seconds.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
