import Domain
import EventBus
import JSON
import ServiceKit
import Store

/// Takes messages from `conversation.inbound`.
///
/// A record is done with when its session has been looked at under lock: its turn runs under a lease, or waits in
/// Postgres for the one before it. From then on the database carries it, not the topic.
struct InboundHandler: Sendable {
    let gate: RecordGate
    let turns: TurnStore
    let messages: MessageStore
    let slots: TurnSlots
    let scheduler: TurnScheduler

    /// Handles one record.
    /// - Throws: When the database could not be reached; the bus tries the record again.
    func handle(_ record: BusRecord) async throws {
        try await gate.handle(record, topic: .inbound) { incoming in
            try await handle(incoming, payload: record.value)
        }
    }

    private func handle(_ incoming: IncomingEvent, payload: [UInt8]) async throws {
        let event = try ConversationEvent(json: incoming.json)
        guard event.role == .user else {
            throw RecordRefusal(.invalid, "only the role user causes a turn")
        }
        let key = TurnKey(tenantID: incoming.tenantID, sessionID: event.sessionID, turnID: event.eventID)
        try await slots.acquire()
        var claimed: ClaimedTurn?
        do {
            var outcome = try await turns.claim(key)
            claimed = outcome.turn
            if !outcome.isKnown {
                try await accept(event, incoming, payload)
                if let turn = outcome.turn {
                    // The claim found an older turn of the session; the new one follows it.
                    scheduler.launch(turn)
                    return
                }
                outcome = try await turns.claim(key)
            }
            if let turn = outcome.turn {
                scheduler.launch(turn)
            } else {
                slots.release()
            }
        } catch {
            // An older turn of the session may be ours by now, whatever became of this message.
            if let claimed { scheduler.launch(claimed) } else { slots.release() }
            throw error
        }
    }

    /// Makes a message durable that somebody put on the topic by hand.
    private func accept(
        _ event: ConversationEvent,
        _ incoming: IncomingEvent,
        _ payload: [UInt8]
    ) async throws {
        let outcome = try await messages.accept(
            AcceptRequest(event, payload: payload, tenantID: incoming.tenantID, traceparent: incoming.traceparent)
        )
        if outcome == .sessionFull {
            throw RecordRefusal(.overloaded, "the session has as many unfinished turns as it may have")
        }
    }
}
