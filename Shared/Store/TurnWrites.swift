package import Domain
import JSON
import Postgres

/// The end of a turn, or its rest while tools run: what has to be written under the turn's lease.
package struct TurnWrite: Sendable {
    /// The turn, as it was claimed.
    package var turn: ClaimedTurn
    /// Steps of the journal that are new since the last write.
    package var steps: [TurnStep]
    /// Events that follow from it.
    package var events: [OutboxEvent]
    /// Tokens used by the whole turn so far.
    package var usage: TokenUsage
    /// Where the turn's next event stands in the stream.
    package var streamNext: Int64
    /// The number of the turn's next delta.
    package var deltaNext: Int

    /// Makes a write.
    package init(
        turn: ClaimedTurn,
        steps: [TurnStep],
        events: [OutboxEvent],
        usage: TokenUsage,
        streamNext: Int64,
        deltaNext: Int
    ) {
        self.turn = turn
        self.steps = steps
        self.events = events
        self.usage = usage
        self.streamNext = streamNext
        self.deltaNext = deltaNext
    }
}

/// How a turn ends: the last event of it, as the session's history keeps it.
package struct TurnCompletion: Sendable {
    /// What is written under the lease.
    package var write: TurnWrite
    /// How it ends.
    package var outcome: TurnOutcome
    /// The last event: the answer, or the notice that there is none.
    package var event: ConversationEvent
    /// Why it failed, for a failed turn.
    package var error: (code: String, message: String)?
    /// Whether this worker takes the session's next turn in the same transaction.
    package var claimsNext: Bool

    /// Makes an end.
    package init(
        write: TurnWrite,
        outcome: TurnOutcome,
        event: ConversationEvent,
        error: (code: String, message: String)? = nil,
        claimsNext: Bool
    ) {
        self.write = write
        self.outcome = outcome
        self.event = event
        self.error = error
        self.claimsNext = claimsNext
    }
}

/// The arrays that ``TurnSQL`` takes, out of many turns' writes.
enum TurnParameters {
    /// tenant, session, turn and epoch of each.
    static func owners(_ turns: [ClaimedTurn]) -> [PostgresParameter] {
        [
            .textArray(turns.map(\.key.tenantID)), .textArray(turns.map(\.key.sessionID)),
            .textArray(turns.map(\.key.turnID)), .intArray(turns.map(\.epoch)),
        ]
    }

    /// What ``TurnSQL/insertSteps`` takes; nil when there is no step at all.
    static func steps(_ writes: [TurnWrite]) -> [PostgresParameter]? {
        let steps = writes.flatMap { write in write.steps.map { (turn: write.turn, step: $0) } }
        if steps.isEmpty { return nil }
        return owners(steps.map(\.turn)) + [
            .intArray(steps.map { Int64($0.step.number) }), .textArray(steps.map(\.step.kind.rawValue)),
            .textArray(steps.map(\.step.name)), .textArray(steps.map(\.step.eventID)),
            .textArray(steps.map { $0.step.isDone ? "done" : "pending" }),
            .intArray(steps.map { Int64($0.step.attempt) }), .intArray(steps.map(\.step.streamIndex)),
            .textArray(steps.map { $0.step.request?.string }), .textArray(steps.map { $0.step.response?.string }),
        ]
    }

    /// What ``TurnSQL/insertOutbox`` takes; nil when there is no event at all.
    static func events(_ writes: [TurnWrite], publishAfter: Duration) -> [PostgresParameter]? {
        let events = writes.flatMap { write in write.events.map { (turn: write.turn, event: $0) } }
        if events.isEmpty { return nil }
        return owners(events.map(\.turn)) + [
            .textArray(events.map(\.event.topic.rawValue)), .textArray(events.map(\.event.eventID)),
            .textArray(events.map { String(decoding: $0.event.payload, as: UTF8.self) }),
            .textArray(events.map(\.event.traceparent)), .textArray(events.map(\.event.lifetime.rawValue)),
            .textArray(events.map { $0.event.position?.description }), .int(publishAfter.milliseconds),
        ]
    }

    /// What ``TurnSQL/suspend`` takes.
    static func suspend(_ writes: [TurnWrite]) -> [PostgresParameter] {
        owners(writes.map(\.turn)) + [
            .intArray(writes.map { write in Int64(write.steps.count { !$0.isDone }) }),
            .intArray(writes.map(\.streamNext)), .intArray(writes.map { Int64($0.deltaNext) }),
            .intArray(writes.map { Int64($0.usage.inputTokens) }),
            .intArray(writes.map { Int64($0.usage.outputTokens) }),
        ]
    }

    /// What ``TurnSQL/complete`` takes.
    static func complete(_ completions: [TurnCompletion]) -> [PostgresParameter] {
        owners(completions.map(\.write.turn)) + [
            .textArray(completions.map(\.outcome.rawValue)), .textArray(completions.map(\.event.eventID)),
            .textArray(completions.map(\.event.role.rawValue)),
            .textArray(completions.map { $0.event.type ?? ConversationEvent.Kind.message }),
            .textArray(completions.map(\.event.message)), .textArray(completions.map(\.event.personaID)),
            .textArray(completions.map { $0.event.metadata?.string }),
            .intArray(completions.map { Int64($0.write.usage.inputTokens) }),
            .intArray(completions.map { Int64($0.write.usage.outputTokens) }),
            .textArray(completions.map { $0.error?.code }), .textArray(completions.map { $0.error?.message }),
            .intArray(completions.map(\.write.streamNext)),
            // The same time as in the event that is published: told again, it is the same event.
            .textArray(completions.map(\.event.createdAt)),
        ]
    }

    /// What ``TurnSQL/charge`` takes.
    static func charge(_ writes: [TurnWrite]) -> [PostgresParameter] {
        owners(writes.map(\.turn)) + [
            .textArray(writes.map(\.turn.personaID)), .intArray(writes.map { Int64($0.usage.totalTokens) }),
        ]
    }
}
