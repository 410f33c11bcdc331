import Domain
import JSON

/// Checks of an event against its schema, on one core.
enum ValidationBenchmark {
    private static let rounds = 400_000

    /// Measures the check of a `conversation_event`, without reading its JSON.
    static func run(_ report: inout Report) throws {
        var event = ConversationEvent(
            eventID: Identifier.make(),
            sessionID: "session-1",
            role: .user,
            message: Workload.message
        )
        event.metadata = ["client": "bench"]
        event.tenantID = "default"
        event.type = ConversationEvent.Kind.message
        event.createdAt = "2026-01-02T03:04:05.678901Z"
        let json = try JSONValue.parse(event.serialized())
        let started = ContinuousClock.now
        for _ in 0..<rounds {
            try EventSchema.conversationEvent.validate(json)
        }
        let perSecond = Double(rounds) / started.duration(to: .now).seconds
        report.add(
            "checks of a conversation_event/s on one core",
            perSecond.rounded(to: 0),
            bar: "≥ 200,000",
            isMet: perSecond >= 200_000
        )
    }
}
