import Budget
import Domain
import EventBus
import JSON
import Models
import ServiceKit
import Store
import Testing

@testable import parley_worker

/// Each record that a worker makes, held against the schema of its topic: they are built from fixed code out of what
/// was checked before, so this is checked here and not each time.
@Suite struct ProducedRecordTests {
    private let key = TurnKey(tenantID: "acme", sessionID: "s", turnID: "t")
    private let position = StreamPosition(turn: 7, index: 1)

    private func turn(attempt: Int = 1) -> ClaimedTurn {
        ClaimedTurn(key: key, seq: 7, message: "Hi", attempt: attempt)
    }

    private func check(_ record: OutgoingRecord) throws -> JSONValue {
        let topic = try #require(Topic(rawValue: record.topic))
        let json = try topic.schema.parse(record.value)
        #expect(json["session_id"] == "s" && json["tenant_id"] == "acme" && json["turn_id"] == "t")
        return json
    }

    private func nested(_ depth: Int) -> JSONValue {
        (1..<depth).reduce([:]) { inner, _ in ["a": inner] }
    }

    @Test func openingsAndDeltas() throws {
        for attempt in [1, 2, 10] {
            _ = try check(.opening(of: turn(attempt: attempt), at: position))
        }
        var machine = DeltaStateMachine(counters: DeltaCounters(streamNext: 1, deltaNext: 0))
        for text in ["a", "\0\u{7F}\n\"\\", String(repeating: "\u{1F642}", count: EventLimits.textScalarsMax + 1)] {
            var batches = [machine.append(text, now: .now + .seconds(1)), machine.append("b", now: .now + .seconds(2))]
            while let rest = machine.flush(now: .now + .seconds(3)) { batches.append(rest) }
            #expect(batches.compactMap { $0?.text }.joined() == text + "b")
            for batch in batches.compactMap(\.self) {
                let delta = ConversationDelta(
                    sessionID: "s",
                    turnID: "t",
                    index: batch.number,
                    text: batch.text,
                    tenantID: "acme"
                )
                let json = try check(.delta(delta, of: turn(), at: position))
                #expect(json["text"] == .string(batch.text))
            }
        }
    }

    /// A notice of a kind that has a subject.
    private func notice(_ kind: String, _ details: JSONObject) throws -> StreamEvent {
        let record = OutgoingRecord.notice(
            kind,
            of: key,
            at: position,
            subject: "mcp:server/tool",
            details: details,
            traceparent: nil
        )
        let event = try ConversationEvent(json: check(record))
        return try #require(StreamEvent(event, at: position))
    }

    @Test func noticesOfTools() throws {
        // As deep as a request may be; see what a call over it comes to below.
        let arguments = nested(62)
        let call = try notice(
            ConversationEvent.Kind.toolRequest,
            ToolNotice.request(eventID: "e", toolName: "mcp:server/tool", arguments: arguments)
        )
        #expect(call.kind == .toolRequest && call.details["args"] == arguments)
        let request = ToolRequest(eventID: "e", sessionID: "s", toolName: "mcp:server/tool", arguments: [:])
        for status in ToolStatus.allCases {
            let result = ToolResult(to: request, status: status, payload: nested(62), error: "because")
            let told = try notice(ConversationEvent.Kind.toolResult, ToolNotice.result(result.checked().result))
            #expect(told.kind == .toolResult && told.details["status"] == .string(status.rawValue))
        }
    }

    @Test func theEventOfAFailure() throws {
        // What a policy gives as its reason is no text of ours.
        let long = "\0" + String(repeating: "e\u{301}\u{302}", count: EventLimits.textScalarsMax)
        for message in ["because", "", long] {
            let event = TurnRunner.failureEvent(of: turn(), TurnFailure(code: "policy_denied", message: message))
            let json = try EventSchema.conversationEvent.parse(event.serialized())
            #expect(json["message"]?.stringValue?.unicodeScalars.contains("\0") == false)
            let told = try #require(StreamEvent(try ConversationEvent(json: json), at: position))
            #expect(told.kind == .turnFailed && told.details["error"]?["code"] == "policy_denied")
        }
    }

    @Test func theCharge() throws {
        for count in [1, 1_000_000_000] {
            var state = TurnState(turn: turn(), context: [], journal: [])
            let response = ModelResponse(
                text: "",
                usage: ModelUsage(inputTokens: count, outputTokens: count),
                finishReason: .stop,
                model: "m"
            )
            state.append(response, request: ModelRequest(messages: []), profile: "p")
            let json = try check(OutgoingRecord(TurnRunner.charge(of: state)))
            #expect(json["tokens"] == .int(2 * count) && json["limit_tokens"] == .null)
        }
    }

    @Test func aCallThatCannotBeSentIsToldToTheModel() throws {
        var state = TurnState(turn: turn(), context: [], journal: [])
        var request = ToolRequest(eventID: "e", sessionID: "s", toolName: "a\0b", arguments: nested(64))
        request.toolCallID = "call-1"
        TurnRunner.refuse(request, in: &state)
        let step = try #require(state.newSteps.last)
        // What is kept can be stored and read again, and says nothing of the arguments.
        #expect(step.name == "a\u{FFFD}b" && step.isDone && step.request?["args"] == [:])
        #expect(throws: Never.self) { try EventSchema.toolResult.validate(try #require(step.response).renamed("a")) }
        let answer = try #require(state.messages.last)
        #expect(answer.role == .tool && answer.toolCallID == "call-1" && answer.content.contains("not valid"))
    }
}

extension JSONValue {
    /// The event with the name of a tool that there can be.
    fileprivate func renamed(_ name: String) throws -> JSONValue {
        var object = try #require(objectValue)
        object.set("tool_name", .string(name))
        return .object(object)
    }
}
