package import JSON
import Observability
import Postgres

/// One event of a session's history.
package struct HistoryEvent: Sendable {
    /// Its place in the session.
    package let seq: Int64
    /// The event as clients see it.
    package let json: JSONValue

    init(row: PostgresRow) throws {
        seq = try row.int64("seq")
        var object: JSONObject = [
            "seq": .int(Int(seq)),
            "event_id": .string(try row.string("event_id")),
            "role": .string(try row.string("role")),
            "type": .string(try row.string("type")),
            "message": .string(try row.string("message")),
            "created_at": .string(try row.timestamp("created_at")),
        ]
        if let turn = try row.stringOrNil("turn_id") { object.set("turn_id", .string(turn)) }
        if let persona = try row.stringOrNil("persona_id") { object.set("persona_id", .string(persona)) }
        for name in ["attachments", "metadata", "usage"] {
            if let bytes = try row.jsonOrNil(name) { object.set(name, try JSONValue.parse(bytes)) }
        }
        json = .object(object)
    }
}

/// A turn as clients see it.
package struct TurnView: Sendable {
    /// `status`, `steps`, `usage`, `error` and when what happened.
    package let json: JSONValue

    init(row: PostgresRow, steps: PostgresResult) throws {
        let (input, output) = (try row.int("input_tokens"), try row.int("output_tokens"))
        var object: JSONObject = [
            "event_id": .string(try row.string("turn_id")),
            "session_id": .string(try row.string("session_id")),
            "status": .string(try row.string("status")),
            "attempt": .int(try row.int("attempt")),
            "usage": [
                "input_tokens": .int(input), "output_tokens": .int(output), "total_tokens": .int(input + output),
            ],
            "created_at": .string(try row.timestamp("created_at")),
        ]
        if let persona = try row.stringOrNil("persona_id") { object.set("persona_id", .string(persona)) }
        for name in ["started_at", "finished_at"] where try !row.isNull(name) {
            object.set(name, .string(try row.timestamp(name)))
        }
        if let code = try row.stringOrNil("error_code") {
            object.set(
                "error",
                ["code": .string(code), "message": .string(try row.stringOrNil("error_message") ?? "")]
            )
        }
        object.set("steps", .array(try steps.rows.map(Self.step)))
        json = .object(object)
    }

    private static func step(_ row: PostgresRow) throws -> JSONValue {
        var object: JSONObject = [
            "step": .int(try row.int("step")),
            "kind": .string(try row.string("kind")),
            "name": .string(try row.string("name")),
            "status": .string(try row.string("status")),
            "attempt": .int(try row.int("attempt")),
            "started_at": .string(try row.timestamp("started_at")),
        ]
        if let eventID = try row.stringOrNil("event_id") { object.set("event_id", .string(eventID)) }
        if try !row.isNull("finished_at") { object.set("finished_at", .string(try row.timestamp("finished_at"))) }
        for name in ["request", "response"] {
            if let bytes = try row.jsonOrNil(name) { object.set(name, try JSONValue.parse(bytes)) }
        }
        return .object(object)
    }
}

/// A tool run as whoever asked for it directly sees it.
package struct ToolRunView: Sendable {
    /// Whether it has ended.
    package let isFinished: Bool
    /// `status`, and once it has ended `payload`, `error` and `execution_time`.
    package let json: JSONValue

    init(row: PostgresRow) throws {
        let status = try row.string("status")
        isFinished = status != "running"
        var object: JSONObject = [
            "event_id": .string(try row.string("event_id")),
            "session_id": .string(try row.string("session_id")),
            "tool_name": .string(try row.string("tool_name")),
            "status": .string(status),
        ]
        if let bytes = try row.jsonOrNil("payload") { object.set("payload", try JSONValue.parse(bytes)) }
        if let error = try row.stringOrNil("error") { object.set("error", .string(error)) }
        if let seconds = try row.doubleOrNil("seconds") { object.set("execution_time", .double(seconds)) }
        json = .object(object)
    }
}

extension PostgresRow {
    /// A `timestamptz` as ISO 8601 in UTC.
    func timestamp(_ column: String) throws -> String {
        let microseconds = try microseconds(column)
        let seconds = microseconds >= 0 ? microseconds / 1_000_000 : (microseconds - 999_999) / 1_000_000
        return WallClock(seconds: seconds, microseconds: microseconds - seconds * 1_000_000).iso8601
    }
}
