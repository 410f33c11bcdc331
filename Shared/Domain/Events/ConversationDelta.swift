package import JSON

/// A new piece of a running answer (`Schemas/events/conversation_delta.json`).
///
/// The piece with an empty text opens an attempt: it is how a gateway learns that the turn has started.
package struct ConversationDelta: Sendable, Equatable {
    /// The conversation.
    package var sessionID: String
    /// The turn.
    package var turnID: String
    /// Where in the turn's stream the piece stands; see ``StreamPosition``.
    package var index: Int
    /// Only what is new.
    package var text: String
    /// The tenant; nil means the default tenant.
    package var tenantID: String?

    /// Makes a piece.
    package init(sessionID: String, turnID: String, index: Int, text: String, tenantID: String?) {
        self.sessionID = sessionID
        self.turnID = turnID
        self.index = index
        self.text = text
        self.tenantID = tenantID
    }

    /// Reads a piece that is valid under its schema.
    /// - Throws: `JSONError` when it is not.
    package init(json: JSONValue) throws(JSONError) {
        let fields = try JSONFields(json)
        sessionID = try fields.string("session_id")
        turnID = try fields.string("turn_id")
        index = try fields.int("index")
        text = try fields.string("text")
        tenantID = try fields.optionalString("tenant_id")
    }

    /// The piece as JSON text in UTF-8.
    package func serialized() -> [UInt8] {
        var writer = JSONWriter(capacity: text.utf8.count + 192)
        writer.beginObject()
        writer.member("session_id", sessionID)
        writer.member("turn_id", turnID)
        writer.member("index", index)
        writer.member("text", text)
        writer.member("tenant_id", ifPresent: tenantID)
        writer.endObject()
        return writer.bytes
    }
}
