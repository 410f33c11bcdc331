import Domain
import JSON
import Postgres

/// The stream of a session told again from what is stored: what a client gets that comes late or comes back.
///
/// Deltas are not stored. Where the turn is over the final answer has all of their text; where it still runs the
/// gateway knows them from the topic.
struct StreamReconstruction {
    let turns: PostgresResult
    let steps: PostgresResult
    let sessionID: String

    /// The events after `position`, in order.
    func events(after position: StreamPosition) throws -> [StreamEvent] {
        var tools: [String: [StreamEvent]] = [:]
        for row in steps.rows {
            tools[try row.string("turn_id"), default: []] += try toolEvents(row)
        }
        var events: [StreamEvent] = []
        for row in turns.rows {
            let (seq, turnID) = (try row.int64("seq"), try row.string("turn_id"))
            let opening = StreamPosition(
                turn: seq,
                index: StreamPosition.firstIndex(ofAttempt: try row.int("attempt"))
            )
            var turn = [StreamEvent.opening(position: opening, sessionID: sessionID, turnID: turnID)]
            turn += tools[turnID] ?? []
            if let last = try lastEvent(row, seq: seq, turnID: turnID) { turn.append(last) }
            events += turn.filter { $0.position > position }.sorted { $0.position < $1.position }
        }
        return events
    }

    private func toolEvents(_ row: PostgresRow) throws -> [StreamEvent] {
        let seq = try row.int64("seq")
        let (turnID, eventID) = (try row.string("turn_id"), try row.string("event_id"))
        let name = try row.string("name")
        var events: [StreamEvent] = []
        if let index = try row.int64OrNil("stream_index") {
            let arguments = try row.jsonOrNil("request").map { bytes in try JSONValue.parse(bytes) }
            events.append(
                StreamEvent(
                    position: StreamPosition(turn: seq, index: index),
                    kind: .toolRequest,
                    sessionID: sessionID,
                    turnID: turnID,
                    details: ToolNotice.request(eventID: eventID, toolName: name, arguments: arguments?["args"])
                )
            )
        }
        if let index = try row.int64OrNil("result_index"), let bytes = try row.jsonOrNil("response") {
            events.append(
                StreamEvent(
                    position: StreamPosition(turn: seq, index: index),
                    kind: .toolResult,
                    sessionID: sessionID,
                    turnID: turnID,
                    details: ToolNotice.result(try ToolResult(json: JSONValue.parse(bytes)))
                )
            )
        }
        return events
    }

    private func lastEvent(_ row: PostgresRow, seq: Int64, turnID: String) throws -> StreamEvent? {
        guard let eventID = try row.stringOrNil("event_id") else { return nil }
        let position = StreamPosition(turn: seq, index: try row.int64("stream_next") - 1)
        let status = try row.string("status")
        if status == TurnOutcome.completed.rawValue {
            var event = ConversationEvent(
                eventID: eventID,
                sessionID: sessionID,
                role: Role(rawValue: try row.string("role")) ?? .assistant,
                message: try row.string("message")
            )
            event.personaID = try row.stringOrNil("persona_id")
            event.turnID = turnID
            event.createdAt = try row.timestamp("created_at")
            event.metadata = try row.jsonOrNil("metadata").map { bytes in try JSONValue.parse(bytes) }
            event.usage = try row.jsonOrNil("usage").map { bytes in TokenUsage(json: try JSONValue.parse(bytes)) }
            return StreamEvent(event, at: position)
        }
        return StreamEvent(
            position: position,
            kind: status == TurnOutcome.cancelled.rawValue ? .turnCancelled : .turnFailed,
            sessionID: sessionID,
            turnID: turnID,
            details: TurnNotice.failure(
                code: try row.stringOrNil("error_code") ?? status,
                message: try row.stringOrNil("error_message") ?? ""
            )
        )
    }
}
