import Errors
package import JSON
import JSONSchema

/// The schemas of `Schemas/events`, compiled once, by name.
package enum EventSchema: String, Sendable, CaseIterable {
    /// A message of a conversation.
    case conversationEvent = "conversation_event"
    /// A new piece of a running answer.
    case conversationDelta = "conversation_delta"
    /// A command to a running conversation.
    case conversationControl = "conversation_control"
    /// A call of a tool.
    case toolRequest = "tool_request"
    /// The answer of a tool.
    case toolResult = "tool_result"
    /// A task that one persona hands to another.
    case delegationTask = "delegation_task"
    /// A charge of tokens.
    case budgetEvent = "budget_event"

    private static let compiled: [EventSchema: CompiledSchema] = {
        var schemas: [EventSchema: CompiledSchema] = [:]
        for name in allCases {
            // The files are part of the executable and a unit test compiles every one of them: a failure here is a
            // broken build, not an error of the world.
            guard let bytes = SchemaFile.bytes(named: "events/\(name.rawValue).json"),
                let schema = try? JSONSchemaCompiler(configuration: .init(assertsFormat: true))
                    .compile(JSONValue.parse(bytes))
            else { preconditionFailure("the embedded schema \(name.rawValue) does not compile") }
            schemas[name] = schema
        }
        return schemas
    }()

    /// Checks `value` against the schema.
    /// - Throws: ``EventError`` of code `invalid` with the first few reasons; never with the value itself.
    package func validate(_ value: JSONValue) throws(EventError) {
        guard let schema = Self.compiled[self] else { preconditionFailure("every case is compiled") }
        if schema.isValid(value) { return }
        let reasons = schema.violations(value).prefix(5).map(\.description)
        throw EventError(code: .invalid, schema: self, reason: reasons.joined(separator: "; "))
    }

    /// Parses `bytes` as JSON and checks it against the schema.
    /// - Parameters:
    ///   - bytes: The document.
    ///   - limits: What it may ask of its readers.
    /// - Returns: The document.
    /// - Throws: ``EventError`` of code `malformed` or `invalid`.
    package func parse(_ bytes: [UInt8], limits: JSONLimits = .standard) throws(EventError) -> JSONValue {
        let value: JSONValue
        do {
            value = try JSONValue.parse(bytes, limits: limits)
        } catch {
            throw EventError(code: .malformed, schema: self, reason: error.description)
        }
        try validate(value)
        return value
    }
}

/// Why a document is not an event.
package struct EventError: DescribedError, Sendable {
    /// The kinds of failure.
    package enum Code: String, Sendable {
        /// Not JSON at all, or JSON beyond the limits.
        case malformed
        /// JSON that does not fit the schema.
        case invalid
    }

    /// The kind of failure.
    package let code: Code
    /// The schema that the document was held against.
    package let schema: EventSchema
    /// Where and why, without any of the document's own text.
    package let reason: String

    /// What went wrong, in one line without data.
    package var description: String {
        "The document is no \(schema.rawValue): \(reason)."
    }
}
