import Domain
import EventBus
import JSON

/// Shows records of the bus.
enum RecordText {
    /// The most characters of an event's text in a line.
    static let textCharactersMax = 120

    /// A record in one line: time, partition/offset, session, type and role, and the beginning of its text.
    static func line(_ record: BusRecord) -> String {
        let value = parsed(record)
        let session = record.key ?? session(of: value) ?? "-"
        let text = value.map(text) ?? "(not JSON, \(record.value.count) bytes)"
        return [
            TerminalText.time(milliseconds: record.timestampMilliseconds), "\(record.partition)/\(record.offset)",
            TerminalText.clipped(session, max: Identifier.charactersMax), value.map(label) ?? "-",
            TerminalText.clipped(text, max: textCharactersMax),
        ].joined(separator: "  ")
    }

    /// A record as a JSON object in one line.
    ///
    /// A value that is not JSON is null, and `raw` has it as text.
    static func json(_ record: BusRecord) -> String {
        var headers: JSONObject = [:]
        for header in record.headers {
            headers.set(header.name, .string(String(decoding: header.value, as: UTF8.self)))
        }
        let value = parsed(record)
        var writer = JSONWriter(capacity: record.value.count + 256)
        writer.beginObject()
        writer.member("topic", record.topic)
        writer.member("partition", Int(record.partition))
        writer.member("offset", Int(record.offset))
        writer.member("timestamp", TerminalText.time(milliseconds: record.timestampMilliseconds))
        writer.member("key", record.key.map { .string($0) } ?? .null)
        writer.member("headers", .object(headers))
        writer.member("value", value ?? .null)
        if value == nil { writer.member("raw", String(decoding: record.value, as: UTF8.self)) }
        writer.endObject()
        return writer.string
    }

    /// The session that the body names.
    static func session(of record: BusRecord) -> String? { session(of: parsed(record)) }

    private static func session(of value: JSONValue?) -> String? { value?["session_id"]?.stringValue }

    private static func parsed(_ record: BusRecord) -> JSONValue? { try? JSONValue.parse(record.value) }

    /// What kind of event it is: type and role of a conversation's event, or what the other schemas have of the kind.
    private static func label(_ value: JSONValue) -> String {
        let label =
            if let role = value["role"]?.stringValue {
                "\(value["type"]?.stringValue ?? ConversationEvent.Kind.message)/\(role)"
            } else if let action = value["action"]?.stringValue {
                "control/\(action)"
            } else if value["tool_name"] != nil {
                value["status"]?.stringValue.map { "tool.result/\($0)" } ?? "tool.request"
            } else if let index = value["index"]?.intValue {
                "delta/\(index)"
            } else {
                value["type"]?.stringValue ?? "-"
            }
        return TerminalText.clipped(label, max: 64)
    }

    private static func text(_ value: JSONValue) -> String {
        if let text = value["message"]?.stringValue ?? value["text"]?.stringValue { return text }
        if let tool = value["tool_name"]?.stringValue {
            let rest = value["args"] ?? value["payload"]
            let error = value["error"]?.stringValue.map { " " + $0 } ?? ""
            return tool + (rest.map { " " + $0.string } ?? "") + error
        }
        return value.string
    }
}
