import JSON

/// A charge of tokens (`Schemas/events/budget_event.json`).
package struct BudgetEvent: Sendable, Equatable {
    /// Names the charge.
    package var eventID: String
    /// The tenant that is charged.
    package var tenantID: String
    /// The persona that answered, if one was spoken to.
    package var personaID: String?
    /// The conversation.
    package var sessionID: String
    /// The turn.
    package var turnID: String
    /// The tokens of the turn.
    package var tokens: Int
    /// What was used of the day's budget, this turn's estimate included; 0 when nobody counted.
    package var totalTokens: Int
    /// The day's budget; nil when there is none.
    package var limitTokens: Int?
    /// When it was made, ISO 8601 in UTC.
    package var createdAt: String

    /// The greatest count that an event can name: what a double holds exactly, and the schema allows.
    package static let tokensMax = 9_007_199_254_740_991

    /// Makes a charge.
    package init(
        eventID: String,
        tenantID: String,
        personaID: String?,
        sessionID: String,
        turnID: String,
        tokens: Int,
        totalTokens: Int,
        limitTokens: Int?,
        createdAt: String
    ) {
        self.eventID = eventID
        self.tenantID = tenantID
        self.personaID = personaID
        self.sessionID = sessionID
        self.turnID = turnID
        self.tokens = tokens
        self.totalTokens = totalTokens
        self.limitTokens = limitTokens
        self.createdAt = createdAt
    }

    /// The charge as JSON text in UTF-8; counts that an event cannot name are the nearest that it can.
    package func serialized() -> [UInt8] {
        var writer = JSONWriter(capacity: 384)
        writer.beginObject()
        writer.member("event_id", eventID)
        writer.member("tenant_id", tenantID)
        writer.member("persona_id", ifPresent: personaID)
        writer.member("session_id", sessionID)
        writer.member("turn_id", turnID)
        writer.member("tokens", min(max(tokens, -Self.tokensMax), Self.tokensMax))
        writer.member("total_tokens", Self.bounded(totalTokens))
        writer.key("limit_tokens")
        if let limitTokens { writer.int(Self.bounded(limitTokens)) } else { writer.null() }
        writer.member("allowed", true)
        writer.member("created_at", createdAt)
        writer.endObject()
        return writer.bytes
    }

    private static func bounded(_ count: Int) -> Int { min(max(count, 0), tokensMax) }
}
