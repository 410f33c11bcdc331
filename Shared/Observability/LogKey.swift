import Errors

/// The name of a metadata field in a log line.
///
/// Keys are constants, so that a reader of logs can list them and no data becomes a field name. Modules add their own
/// with `extension LogKey { package static let partition = LogKey("partition") }`.
package struct LogKey: Hashable, Sendable {
    /// The field's name as it stands in the line.
    package let name: String

    /// Fields that the logger itself writes; a key with such a name would make a line with the field twice.
    static let reservedNames: Set<String> = ["ts", "level", "service", "message", "trace_id", "span_id", "truncated"]

    /// Makes a key; `name` is lower snake case and not one of the logger's own fields.
    package init(_ name: StaticString) {
        self.name = "\(name)"
        precondition(!Self.reservedNames.contains(self.name), "this log key is one of the logger's own fields")
    }

    /// What may be written of an error; see ``LogValue/error(_:)``.
    package static let error = LogKey("error")
    /// A stable, machine-readable code of an error.
    package static let code = LogKey("code")
    /// The part of the program that speaks.
    package static let component = LogKey("component")
    /// A tenant's id.
    package static let tenantID = LogKey("tenant_id")
    /// A persona's id.
    package static let personaID = LogKey("persona_id")
    /// A session's id.
    package static let sessionID = LogKey("session_id")
    /// An event's id.
    package static let eventID = LogKey("event_id")
    /// A turn's id.
    package static let turnID = LogKey("turn_id")
    /// A request's id.
    package static let requestID = LogKey("request_id")
    /// A topic's name.
    package static let topic = LogKey("topic")
    /// A partition's number.
    package static let partition = LogKey("partition")
    /// A record's offset.
    package static let offset = LogKey("offset")
    /// How many.
    package static let count = LogKey("count")
    /// Which attempt this is, from 1.
    package static let attempt = LogKey("attempt")
    /// How long something took, in milliseconds.
    package static let durationMilliseconds = LogKey("duration_ms")
    /// A host and port, a socket's path or a base URL without credentials.
    package static let address = LogKey("address")
    /// A version.
    package static let version = LogKey("version")
    /// A process's id.
    package static let processID = LogKey("pid")
    /// A tool's name.
    package static let toolName = LogKey("tool_name")
    /// A model's name.
    package static let model = LogKey("model")
    /// An HTTP status or the state of something.
    package static let status = LogKey("status")
    /// Why something was done or refused, as a constant of the program.
    package static let reason = LogKey("reason")
}

/// A value of a metadata field.
///
/// Long strings are cut when the line is written.
package enum LogValue: Sendable, Equatable {
    /// Text; cut at ``Logger/valueBytesMax``.
    case string(String)
    /// A whole number.
    case int(Int64)
    /// A number; one that is not finite is written as null.
    case double(Double)
    /// A truth value.
    case bool(Bool)

    /// A whole number of any width.
    package static func integer(_ value: some BinaryInteger) -> LogValue {
        .int(Int64(clamping: value))
    }

    /// An error of this project by its description, which never carries user text or secrets; any other by the name of
    /// its type, because nobody knows what it holds.
    package static func error(_ error: any Error) -> LogValue {
        .string(error.loggable)
    }

    /// A duration in milliseconds.
    package static func milliseconds(_ duration: Duration) -> LogValue {
        let (seconds, attoseconds) = duration.components
        return .double(Double(seconds) * 1e3 + Double(attoseconds / 1_000_000_000_000) / 1e3)
    }
}

extension LogValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    /// A literal text.
    package init(stringLiteral value: String) {
        self = .string(value)
    }

    /// A literal number.
    package init(integerLiteral value: Int64) {
        self = .int(value)
    }

    /// A literal truth value.
    package init(booleanLiteral value: Bool) {
        self = .bool(value)
    }
}

/// An ordered list of metadata fields, each key once.
package struct LogMetadata: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    /// One field.
    package struct Field: Sendable, Equatable {
        /// The field's name.
        package let key: LogKey
        /// The field's value.
        package let value: LogValue
    }

    /// The fields in the order in which they were first set.
    package private(set) var fields: [Field]

    /// Makes a list of fields; of a key that stands twice the last value counts.
    package init(dictionaryLiteral elements: (LogKey, LogValue)...) {
        fields = []
        fields.reserveCapacity(elements.count)
        for (key, value) in elements {
            self[key] = value
        }
    }

    /// The value of a key; nil takes the field away.
    package subscript(key: LogKey) -> LogValue? {
        get { fields.first { $0.key == key }?.value }
        set {
            let index = fields.firstIndex { $0.key == key }
            switch (index, newValue) {
            case (.some(let index), .some(let value)): fields[index] = Field(key: key, value: value)
            case (.some(let index), .none): fields.remove(at: index)
            case (.none, .some(let value)): fields.append(Field(key: key, value: value))
            case (.none, .none): break
            }
        }
    }

    /// These fields with `other`'s on top.
    package func merging(_ other: LogMetadata) -> LogMetadata {
        var merged = self
        for field in other.fields {
            merged[field.key] = field.value
        }
        return merged
    }
}
