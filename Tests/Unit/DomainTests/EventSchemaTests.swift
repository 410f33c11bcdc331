import Domain
import JSON
import Testing

@Suite struct EventSchemaTests {
    @Test func everyEmbeddedSchemaCompiles() throws {
        for schema in EventSchema.allCases {
            #expect(throws: EventError.self) { try schema.validate([:]) }
        }
    }

    @Test func theFixedShapesOfTheContractHold() throws {
        let event: JSONValue = [
            "event_id": "abc123", "session_id": "session-1", "role": "user", "message": "Test", "attachments": [],
            "metadata": [:],
        ]
        try EventSchema.conversationEvent.validate(event)
        var withoutSession = try #require(event.objectValue)
        withoutSession.remove("session_id")
        #expect(throws: EventError.self) { try EventSchema.conversationEvent.validate(.object(withoutSession)) }
        var withNumber = try #require(event.objectValue)
        withNumber.set("message", 7)
        #expect(throws: EventError.self) { try EventSchema.conversationEvent.validate(.object(withNumber)) }
    }

    @Test func aReasonNamesThePlaceAndNeverTheText() {
        let secret = "a-secret-of-the-user"
        let event: JSONValue = [
            "event_id": "a", "session_id": "b", "role": .string(secret), "message": .string(secret),
        ]
        do throws(EventError) {
            try EventSchema.conversationEvent.validate(event)
            Issue.record("a role that is not in the list was accepted")
        } catch {
            #expect(error.code == .invalid)
            #expect(error.reason.contains("/role"))
            #expect(!error.description.contains(secret))
        }
    }

    @Test func textThatIsNotJSONIsMalformed() {
        do throws(EventError) {
            _ = try EventSchema.toolRequest.parse(Array("{\"event_id\":".utf8))
            Issue.record("half a document was accepted")
        } catch {
            #expect(error.code == .malformed)
        }
    }

    @Test func everyEventTypeRoundTrips() throws {
        var event = ConversationEvent(eventID: "e", sessionID: "s", role: .assistant, message: "Größe \"1\"\n")
        event.personaID = "p"
        event.metadata = ["a": [1, nil]]
        event.tenantID = "t"
        event.turnID = "e0"
        event.type = "message"
        event.createdAt = "2026-01-02T03:04:05.678901Z"
        event.usage = TokenUsage(inputTokens: 3, outputTokens: 4)
        event.status = "completed"
        #expect(try ConversationEvent(json: EventSchema.conversationEvent.parse(event.serialized())) == event)

        var request = ToolRequest(eventID: "e", sessionID: "s", toolName: "echo", arguments: ["message": "x"])
        request.deadline = "2026-01-02T03:04:05Z"
        request.turnID = "t1"
        request.toolCallID = "call_1"
        #expect(try ToolRequest(json: EventSchema.toolRequest.parse(request.serialized())) == request)

        var result = ToolResult(to: request, status: .timeout, payload: [:], error: "too slow")
        result.executionTime = 1.5
        #expect(try ToolResult(json: EventSchema.toolResult.parse(result.serialized())) == result)
        #expect(result.eventID == request.eventID)

        let delta = ConversationDelta(sessionID: "s", turnID: "t", index: 0, text: "", tenantID: "x")
        #expect(try ConversationDelta(json: EventSchema.conversationDelta.parse(delta.serialized())) == delta)
    }

    @Test func everyFileOfTheListIsThere() {
        #expect(SchemaFile.bytes(named: "events/conversation_event.json")?.isEmpty == false)
        #expect(SchemaFile.bytes(named: "events/none.json") == nil)
        #expect(Set(SchemaFile.names).count == SchemaFile.names.count)
    }
}
