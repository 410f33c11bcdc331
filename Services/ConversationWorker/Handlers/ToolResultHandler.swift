import Domain
import EventBus
import JSON
import ServiceKit
import Store

/// Takes answers of tools from `tool.results` and lets their turns go on.
struct ToolResultHandler: Sendable {
    let gate: RecordGate
    let turns: TurnStore
    let outbox: OutboxStore
    let slots: TurnSlots
    let scheduler: TurnScheduler
    let producer: BusProducer

    /// Handles one record.
    /// - Throws: When the database could not be reached; the bus tries the record again.
    func handle(_ record: BusRecord) async throws {
        try await gate.handle(record, topic: .toolResults) { incoming in try await handle(incoming) }
    }

    private func handle(_ incoming: IncomingEvent) async throws {
        let result = try ToolResult(json: incoming.json)
        guard let turnID = result.turnID else {
            // A direct call: whoever asked reads the run itself.
            try await outbox.remove(tenantID: incoming.tenantID, topic: .toolResults, eventID: result.eventID)
            return
        }
        let key = TurnKey(tenantID: incoming.tenantID, sessionID: result.sessionID, turnID: turnID)
        try await take(result, incoming.json, key: key, traceparent: incoming.traceparent)
    }

    /// Records an answer of a tool, and lets its turn go on when it was the last that it waited for.
    /// - Parameters:
    ///   - result: The answer.
    ///   - response: The same as JSON, for the journal.
    ///   - key: The turn.
    ///   - traceparent: The trace that it belongs to.
    /// - Throws: `PostgresError`.
    func take(_ result: ToolResult, _ response: JSONValue, key: TurnKey, traceparent: String?) async throws {
        try await slots.acquire()
        do {
            let outcome = try await turns.record(
                TurnStore.ToolAnswer(key: key, eventID: result.eventID, response: response)
            )
            if let index = outcome.resultIndex, let seq = outcome.turnSeq {
                announce(result, key: key, at: StreamPosition(turn: seq, index: index), trace: traceparent)
            }
            if let turn = outcome.turn {
                scheduler.launch(turn)
            } else {
                slots.release()
            }
        } catch {
            slots.release()
            throw error
        }
    }

    private func announce(_ result: ToolResult, key: TurnKey, at position: StreamPosition, trace: String?) {
        producer.publishBuffered(
            .notice(
                ConversationEvent.Kind.toolResult,
                of: key,
                at: position,
                subject: result.toolName,
                details: ToolNotice.result(result),
                traceparent: trace
            )
        )
    }
}
