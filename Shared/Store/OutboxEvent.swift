package import Domain

/// An event that follows from a commit and is on its way to a topic.
package struct OutboxEvent: Sendable {
    /// When its row goes.
    package enum Lifetime: String, Sendable {
        /// When its consumer has marked it processed.
        case processed
        /// When the broker has acknowledged it, because nobody must process it.
        case acked
    }

    /// The tenant.
    package var tenantID: String
    /// The topic.
    package var topic: Topic
    /// The event's id.
    package var eventID: String
    /// The record key.
    package var sessionID: String
    /// The event as JSON text in UTF-8.
    package var payload: [UInt8]
    /// Where it stands in its session's stream, if clients see it.
    package var position: StreamPosition?
    /// The trace that it belongs to.
    package var traceparent: String?

    /// Makes an event.
    package init(
        tenantID: String,
        topic: Topic,
        eventID: String,
        sessionID: String,
        payload: [UInt8],
        position: StreamPosition? = nil,
        traceparent: String? = nil
    ) {
        self.tenantID = tenantID
        self.topic = topic
        self.eventID = eventID
        self.sessionID = sessionID
        self.payload = payload
        self.position = position
        self.traceparent = traceparent
    }

    /// When its row goes; follows from the topic, because the topic says whether somebody must process it.
    package var lifetime: Lifetime {
        switch topic {
        case .inbound, .toolRequests, .toolResults, .control: .processed
        case .outbound, .deltas, .budgetEvents: .acked
        }
    }
}
