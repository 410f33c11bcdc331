import Domain
import EventBus
import JSON
import ServiceKit
import Store
import Synchronization

/// Sends the pieces of a running answer, a few at a time, as ``DeltaStateMachine`` batches them.
///
/// Deltas are never stored. A full queue drops them: the final answer has all of the text.
final class DeltaStream: Sendable {
    private struct State {
        var turn: ClaimedTurn
        var batching: DeltaStateMachine
    }

    private let producer: BusProducer
    private let state: Mutex<State>

    /// Makes a stream for one model call.
    init(turn: ClaimedTurn, counters: DeltaCounters, producer: BusProducer) {
        self.producer = producer
        state = Mutex(State(turn: turn, batching: DeltaStateMachine(counters: counters)))
    }

    /// Begins another attempt: what waits is void, and clients are told that what they got is too.
    func restart(as turn: ClaimedTurn) {
        let index = state.withLock { state in
            state.turn = turn
            return state.batching.restart(
                at: DeltaCounters(streamNext: turn.streamNext, deltaNext: turn.deltaNext)
            )
        }
        producer.publishBuffered(.opening(of: turn, at: StreamPosition(turn: turn.seq, index: index)))
    }

    /// The turn with the attempt that runs.
    var turn: ClaimedTurn { state.withLock(\.turn) }

    /// Takes a new piece.
    func append(_ text: String) {
        send { $0.append(text, now: .now) }
    }

    /// Sends what waits, if anything does.
    func flush() {
        send { $0.flush(now: .now) }
    }

    /// Sends what waits every 30 ms, until the task is cancelled: the model may pause in the middle of a sentence.
    /// - Throws: `StoreError` of code `fenced` as soon as another worker has the turn, which ends the model call.
    func keepFlushing(while lease: TurnLease) async throws {
        while !Task.isCancelled {
            try? await Task.sleep(for: DeltaStateMachine.interval)
            try lease.check()
            flush()
        }
    }

    /// How far the numbering has come.
    var counters: DeltaCounters { state.withLock(\.batching.counters) }

    private func send(_ decide: (inout DeltaStateMachine) -> DeltaStateMachine.Batch?) {
        let due = state.withLock { state in decide(&state.batching).map { ($0, state.turn) } }
        guard let (batch, turn) = due else { return }
        let delta = ConversationDelta(
            sessionID: turn.key.sessionID,
            turnID: turn.key.turnID,
            index: batch.number,
            text: batch.text,
            tenantID: turn.key.tenantID
        )
        let position = StreamPosition(turn: turn.seq, index: batch.streamIndex)
        producer.publishBuffered(.delta(delta, of: turn, at: position))
    }
}

extension OutgoingRecord {
    /// The record of a delta.
    static func delta(_ delta: ConversationDelta, of turn: ClaimedTurn, at position: StreamPosition) -> OutgoingRecord {
        OutgoingRecord(
            OutboxEvent(
                tenantID: turn.key.tenantID,
                topic: .deltas,
                eventID: "",
                sessionID: turn.key.sessionID,
                payload: delta.serialized(),
                position: position,
                traceparent: turn.traceparent
            )
        )
    }

    /// The record that tells gateways that an attempt at the turn has begun: a delta without text.
    static func opening(of turn: ClaimedTurn, at position: StreamPosition) -> OutgoingRecord {
        let delta = ConversationDelta(
            sessionID: turn.key.sessionID,
            turnID: turn.key.turnID,
            index: 0,
            text: "",
            tenantID: turn.key.tenantID
        )
        let record = Self.delta(delta, of: turn, at: position)
        return OutgoingRecord(
            topic: record.topic,
            key: record.key,
            value: record.value,
            headers: record.headers + [BusHeader(RecordHeader.priorTurn, String(turn.priorSeq))]
        )
    }

    /// The record that tells clients of a step of the turn; it can be told again from the journal, so it has no row.
    static func notice(
        _ kind: String,
        of key: TurnKey,
        at position: StreamPosition,
        subject: String,
        details: JSONObject,
        traceparent: String?
    ) -> OutgoingRecord {
        var event = ConversationEvent(
            eventID: Identifier.make(),
            sessionID: key.sessionID,
            role: .tool,
            message: subject
        )
        event.type = kind
        event.turnID = key.turnID
        event.tenantID = key.tenantID
        event.metadata = .object(details)
        return OutgoingRecord(
            OutboxEvent(
                tenantID: key.tenantID,
                topic: .outbound,
                eventID: event.eventID,
                sessionID: key.sessionID,
                payload: event.serialized(),
                position: position,
                traceparent: traceparent
            )
        )
    }
}
