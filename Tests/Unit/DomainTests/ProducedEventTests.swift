import Domain
import JSON
import Testing

/// What is sent is valid, whatever tools, models and policies wrote into it.
@Suite struct ProducedEventTests {
    private static func nested(_ depth: Int) -> JSONValue {
        (1..<depth).reduce([:]) { inner, _ in ["a": inner] }
    }

    /// A request with as much in it as a request may have.
    private static func fullRequest() throws -> ToolRequest {
        let id = String(repeating: "i", count: 128)
        var request = ToolRequest(eventID: id, sessionID: id, toolName: "mcp:server/tool", arguments: ["n": 1])
        request.metadata = .object(JSONObject((0..<64).map { .init(key: "m\($0)", value: .int($0)) }))
        request.tenantID = id
        request.turnID = id
        request.toolCallID = String(repeating: "c", count: 256)
        _ = try EventSchema.toolRequest.parse(request.serialized())
        return request
    }

    private static func result(payload: JSONValue, error: String? = nil) throws -> ToolResult {
        ToolResult(to: try fullRequest(), status: .success, payload: payload, error: error)
    }

    /// Whoever waits takes the result, and clients can be told of it.
    private func expectTaken(_ checked: CheckedToolResult, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(checked.payload == checked.result.serialized(), sourceLocation: sourceLocation)
        #expect(checked.payload.count <= EventLimits.bytesMax, sourceLocation: sourceLocation)
        let json = try EventSchema.toolResult.parse(checked.payload)
        #expect(json == checked.json, sourceLocation: sourceLocation)
        var notice = ConversationEvent(eventID: "e", sessionID: "s", role: .tool, message: "t")
        notice.metadata = .object(ToolNotice.result(checked.result))
        #expect(throws: Never.self, sourceLocation: sourceLocation) {
            try EventSchema.conversationEvent.parse(notice.serialized())
        }
    }

    @Test func aResultThatIsValidIsSentAsItIs() throws {
        for payload in [[:], ["a": [1, nil, 2.5]], ["text": "\0 \u{1F642} \""], Self.nested(62)] as [JSONValue] {
            var result = try Self.result(payload: payload)
            result.executionTime = 1.5
            let checked = result.checked()
            #expect(checked.result == result)
            try expectTaken(checked)
        }
    }

    @Test(
        arguments: [
            nested(63), nested(64), nested(500), [1], "text", nil,
            ["text": .string(String(repeating: "x", count: EventLimits.bytesMax))],
        ] as [JSONValue]
    )
    func aResultThatNobodyCouldReadBecomesAnError(_ payload: JSONValue) throws {
        let result = try Self.result(payload: payload)
        let checked = result.checked()
        #expect(checked.result.status == .error && checked.result.payload == [:])
        #expect(checked.result.error?.hasPrefix("What the tool answered cannot be passed on. ") == true)
        #expect(checked.result.eventID == result.eventID && checked.result.toolCallID == result.toolCallID)
        #expect(checked.result.turnID == result.turnID && checked.result.tenantID == result.tenantID)
        try expectTaken(checked)
    }

    @Test(arguments: [-1, Double.nan, .infinity])
    func aTimeThatIsNoneMakesAnError(_ seconds: Double) throws {
        var result = try Self.result(payload: ["ok": true])
        result.executionTime = seconds
        let checked = result.checked()
        // A number that is not finite is written as null, which is no number either.
        #expect(checked.result.status == .error)
        try expectTaken(checked)
    }

    @Test func aReasonIsCutByScalarsAndKeepsItsStatus() throws {
        // One character of many scalars: 4,000 such characters are more than the schema takes.
        let long = String(repeating: "e\u{301}\u{302}\u{303}", count: 4000)
        var result = try Self.result(payload: [:], error: "\0" + long)
        result.status = .denied
        let checked = result.checked()
        #expect(checked.result.status == .denied)
        #expect(checked.result.error?.unicodeScalars.count == ToolResult.errorScalarsMax)
        #expect(checked.result.error?.unicodeScalars.first == "\u{FFFD}")
        try expectTaken(checked)
    }

    @Test func textAtItsLimitAndOver() throws {
        #expect("abc".storable(scalarsMax: 3) == "abc")
        #expect("abcd".storable(scalarsMax: 3) == "abc")
        #expect("äöü".storable(scalarsMax: 3) == "äöü")
        #expect("\0".storable(scalarsMax: 3) == "\u{FFFD}")
        for (count, isValid) in [(EventLimits.textScalarsMax, true), (EventLimits.textScalarsMax + 1, false)] {
            let text = String(repeating: "x", count: count)
            let delta = ConversationDelta(sessionID: "s", turnID: "t", index: 0, text: text, tenantID: nil)
            #expect((try? EventSchema.conversationDelta.parse(delta.serialized()) != nil) ?? false == isValid)
            let event = ConversationEvent(eventID: "e", sessionID: "s", role: .assistant, message: text)
            #expect((try? EventSchema.conversationEvent.parse(event.serialized()) != nil) ?? false == isValid)
        }
    }

    @Test(arguments: [Int.min, -1, 0, 1, BudgetEvent.tokensMax, BudgetEvent.tokensMax + 1, Int.max])
    func aChargeIsValidWhateverTheCounts(_ count: Int) throws {
        for limit in [nil, count] {
            for persona in [nil, "p"] {
                let charge = BudgetEvent(
                    eventID: "e",
                    tenantID: "t",
                    personaID: persona,
                    sessionID: "s",
                    turnID: "u",
                    tokens: count,
                    totalTokens: count,
                    limitTokens: limit,
                    createdAt: "2026-01-02T03:04:05.678901Z"
                )
                let json = try EventSchema.budgetEvent.parse(charge.serialized())
                #expect(json["persona_id"]?.stringValue == persona)
                if (0...BudgetEvent.tokensMax).contains(count) {
                    #expect(json["tokens"] == .int(count) && json["total_tokens"] == .int(count))
                    #expect(json["limit_tokens"] == limit.map { .int($0) } ?? .null)
                }
            }
        }
    }
}
