import Domain
import EventBus
import JSON
import ServiceKit
import Store
import Synchronization

/// How far the numbering of a turn's stream has come.
struct DeltaCounters {
    /// Where the turn's next event stands in the stream.
    var streamNext: Int64
    /// The number of the turn's next delta.
    var deltaNext: Int
}

/// Sends the pieces of a running answer, a few at a time: the first at once, because that is what a reader waits for,
/// the following when 30 ms have passed or about 20 tokens have come together.
///
/// Deltas are never stored. A full queue drops them: the final answer has all of the text.
final class DeltaStream: Sendable {
    /// How long a piece may wait for others.
    static let interval = Duration.milliseconds(30)
    /// How many bytes make about 20 tokens, at four bytes a token.
    static let bytesMax = 80

    private struct State {
        var turn: ClaimedTurn
        var counters: DeltaCounters
        var text = ""
        var hasSent = false
        var lastSent: ContinuousClock.Instant
    }

    private let producer: BusProducer
    private let state: Mutex<State>

    /// Makes a stream for one model call.
    init(turn: ClaimedTurn, counters: DeltaCounters, producer: BusProducer) {
        self.producer = producer
        state = Mutex(State(turn: turn, counters: counters, lastSent: .now))
    }

    /// Begins another attempt: what waits is void, and clients are told that what they got is too.
    func restart(as turn: ClaimedTurn) {
        let opening = StreamPosition(turn: turn.seq, index: turn.streamNext)
        state.withLock { state in
            let counters = DeltaCounters(streamNext: turn.streamNext + 1, deltaNext: turn.deltaNext)
            state = State(turn: turn, counters: counters, lastSent: .now)
        }
        producer.publishBuffered(.opening(of: turn, at: opening))
    }

    /// The turn with the attempt that runs.
    var turn: ClaimedTurn { state.withLock(\.turn) }

    /// Takes a new piece.
    func append(_ text: String) {
        if text.isEmpty { return }
        let record = state.withLock { state -> OutgoingRecord? in
            state.text += text
            let isDue =
                !state.hasSent || state.text.utf8.count >= Self.bytesMax
                || state.lastSent.duration(to: .now) >= Self.interval
            return isDue ? take(&state) : nil
        }
        if let record { producer.publishBuffered(record) }
    }

    /// Sends what waits, if anything does.
    func flush() {
        let record = state.withLock { state in state.text.isEmpty ? nil : take(&state) }
        if let record { producer.publishBuffered(record) }
    }

    /// Sends what waits every 30 ms, until the task is cancelled: the model may pause in the middle of a sentence.
    /// - Throws: `StoreError` of code `fenced` as soon as another worker has the turn, which ends the model call.
    func keepFlushing(while lease: TurnLease) async throws {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            try lease.check()
            flush()
        }
    }

    /// How far the numbering has come.
    var counters: DeltaCounters { state.withLock(\.counters) }

    private func take(_ state: inout State) -> OutgoingRecord {
        let turn = state.turn
        let delta = ConversationDelta(
            sessionID: turn.key.sessionID,
            turnID: turn.key.turnID,
            index: state.counters.deltaNext,
            text: state.text,
            tenantID: turn.key.tenantID
        )
        let position = StreamPosition(turn: turn.seq, index: state.counters.streamNext)
        state.counters.deltaNext += 1
        state.counters.streamNext += 1
        state.text = ""
        state.hasSent = true
        state.lastSent = .now
        return .delta(delta, of: turn, at: position)
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
