package import Domain
import JSON

extension AcceptRequest {
    /// Accepts an event as it stands.
    /// - Parameters:
    ///   - event: The event.
    ///   - payload: The same as it goes on the topic.
    ///   - tenantID: The tenant, from the credential or the record's header, never from the event.
    ///   - traceparent: The trace that the message belongs to.
    package init(_ event: ConversationEvent, payload: [UInt8], tenantID: String, traceparent: String?) {
        self.init(
            tenantID: tenantID,
            sessionID: event.sessionID,
            eventID: event.eventID,
            personaID: event.personaID,
            message: event.message,
            attachments: event.attachments?.string,
            metadata: event.metadata?.string,
            payload: String(decoding: payload, as: UTF8.self),
            traceparent: traceparent
        )
    }
}
