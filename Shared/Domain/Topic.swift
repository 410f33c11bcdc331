/// The topics that the parts talk through.
///
/// The record key of every one is the session's id.
package enum Topic: String, Sendable, CaseIterable {
    /// Messages of users, from the gateway (or an operator) to the worker.
    case inbound = "conversation.inbound"
    /// Final answers and the events of a turn that clients see, from the worker to every gateway.
    case outbound = "conversation.outbound"
    /// New pieces of a running answer, from the worker to every gateway; never stored.
    case deltas = "conversation.deltas"
    /// Cancel, pause, resume and approvals, from the gateway to the worker.
    case control = "conversation.control"
    /// Tool calls, from the worker (or the gateway) to the executor.
    case toolRequests = "tool.requests"
    /// What the tools answered, from the executor to the worker.
    case toolResults = "tool.results"
    /// Charges of tokens, from the worker to whoever bills.
    case budgetEvents = "budget.events"

    /// Where records go that cannot be processed.
    package var deadLetter: String { rawValue + Self.deadLetterSuffix }

    /// What a topic's name and that of its dead letters differ in.
    package static let deadLetterSuffix = ".dlq"

    /// The schema that every event of this topic is valid under.
    package var schema: EventSchema {
        switch self {
        case .inbound, .outbound: .conversationEvent
        case .deltas: .conversationDelta
        case .control: .conversationControl
        case .toolRequests: .toolRequest
        case .toolResults: .toolResult
        case .budgetEvents: .budgetEvent
        }
    }
}

/// The header names that travel with every record, beside the body and never in it.
package enum RecordHeader {
    /// W3C trace context.
    package static let traceparent = "traceparent"
    /// The tenant that the event belongs to.
    package static let tenant = "tenant"
    /// Where the event stands in its session's stream, on outbound events and deltas; see ``StreamPosition``.
    package static let position = "position"
    /// The place of the session's turn before this one, 0 for none, on the delta that opens an attempt: so a gateway
    /// knows when it has missed a turn.
    package static let priorTurn = "prior-turn"
    /// The name of the schema that the body is valid under.
    package static let schema = "schema"
}
