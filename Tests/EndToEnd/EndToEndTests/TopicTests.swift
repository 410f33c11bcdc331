import Domain
import EventBus
import JSON
import TestKit
import Testing

/// Events that were put on topics by hand, by an operator or another program.
@Suite(.timeLimit(.minutes(1)), .serviceLogs)
struct TopicTests {
    private static func message(_ eventID: String, _ session: String, _ text: String) -> String {
        let event: JSONValue = [
            "event_id": .string(eventID), "session_id": .string(session), "role": "user", "message": .string(text),
            "attachments": [], "metadata": [:],
        ]
        return event.string
    }

    private static func expectAnswer(_ tap: TopicTap, to eventID: String, session: String) async throws {
        let answer = try await tap.record(Topic.outbound.rawValue) {
            $0["role"]?.stringValue == "assistant" && $0["turn_id"]?.stringValue == eventID
        }
        #expect(answer.key == session)
        #expect(answer.json["session_id"]?.stringValue == session)
        #expect(answer.json["message"]?.stringValue?.isEmpty == false)
        try EventSchema.conversationEvent.validate(answer.json)
    }

    @Test("A valid conversation_event on conversation.inbound is answered on conversation.outbound")
    func handPutMessage() async throws {
        try await withPlatform { platform in
            try await platform.tapping([Topic.outbound.rawValue]) { tap in
                let (eventID, session) = (unique("abc"), unique("session"))
                let text = Self.message(eventID, session, "Test")
                try await platform.publish(Topic.inbound.rawValue, key: session, [text])
                try await Self.expectAnswer(tap, to: eventID, session: session)
                // A second time it is the same message, and not answered again.
                try await platform.publish(Topic.inbound.rawValue, key: session, [text])
                let (other, marker) = (unique("abc"), "after the duplicate")
                try await platform.publish(Topic.inbound.rawValue, key: session, [Self.message(other, session, marker)])
                try await Self.expectAnswer(tap, to: other, session: session)
                let history = try await platform.client.history(session, "order=asc")
                #expect(history.compactMap { $0["role"]?.stringValue } == ["user", "assistant", "user", "assistant"])
                #expect(history.first?["event_id"]?.stringValue == eventID)
            }
        }
    }

    @Test("A message that was there before the worker started is answered when it has started")
    func beforeTheWorker() async throws {
        var options = PlatformOptions()
        options.startsWorker = false
        try await withOwnPlatform(options) { platform in
            try await platform.tapping([Topic.outbound.rawValue]) { tap in
                let (eventID, session) = (unique("early"), unique("session"))
                let text = Self.message(eventID, session, "Test")
                try await platform.publish(Topic.inbound.rawValue, key: session, [text])
                let sent = try await platform.client.post("by the gateway", session: session)
                try await platform.worker.start()
                try await Self.expectAnswer(tap, to: eventID, session: session)
                try await Self.expectAnswer(tap, to: sent.eventID, session: session)
            }
        }
    }

    @Test("echo on tool.requests answers on tool.results with the message, under the request's event_id")
    func handPutToolRequest() async throws {
        try await withPlatform { platform in
            try await platform.tapping([Topic.toolResults.rawValue]) { tap in
                let (eventID, session) = (unique("call"), unique("session"))
                let request: JSONValue = [
                    "event_id": .string(eventID), "session_id": .string(session), "tool_name": "echo",
                    "args": ["message": "Echo test"],
                ]
                try await platform.publish(Topic.toolRequests.rawValue, key: session, [request.string])
                let result = try await tap.record(Topic.toolResults.rawValue) {
                    $0["event_id"]?.stringValue == eventID
                }
                #expect(result.json["status"]?.stringValue == "success")
                #expect(result.json["payload"] == ["message": "Echo test"])
                #expect(result.json["session_id"]?.stringValue == session)
                try EventSchema.toolResult.validate(result.json)
            }
        }
    }

    @Test("Records that are not valid become dead letters with the reason, and stop nothing")
    func deadLetters() async throws {
        try await withPlatform { platform in
            let inbound = Topic.inbound.rawValue
            let requests = Topic.toolRequests.rawValue
            let dead = [Topic.inbound.deadLetter, Topic.toolRequests.deadLetter, Topic.outbound.rawValue]
            try await platform.tapping(dead) { tap in
                let key = unique("dead")
                let wrong: [(topic: String, text: String, reason: String)] = [
                    (inbound, "{ this is no JSON", "malformed"),
                    (inbound, #"{"event_id":"e1","role":"user","message":"Test"}"#, "session_id"),
                    (inbound, #"{"event_id":"e2","session_id":"s","role":"user","message":7}"#, "message"),
                    (inbound, #"{"event_id":"e3","session_id":"s","role":"assistant","message":"x"}"#, "role"),
                    (inbound, #"{"event_id":"e4","session_id":"s","role":"user","message":"x","more":1}"#, "more"),
                    (requests, "[1,2", "malformed"),
                    (requests, #"{"event_id":"e5","session_id":"s","tool_name":"echo","args":7}"#, "args"),
                ]
                for (topic, text, _) in wrong {
                    try await platform.publish(topic, key: key, [text])
                }
                // What comes after them is answered.
                let (eventID, session) = (unique("good"), key)
                try await platform.publish(inbound, key: key, [Self.message(eventID, session, "Test")])
                try await Self.expectAnswer(tap, to: eventID, session: session)

                for (topic, text, reason) in wrong {
                    let record = try await eventuallyValue("the dead letter of \(text)") {
                        tap.records("\(topic).dlq", key: key).first { $0.value == Array(text.utf8) }
                    }
                    #expect(record.header("reason")?.contains(reason) ?? false, "\(record.header("reason") ?? "")")
                    #expect(record.header("origin")?.hasPrefix(topic + "/") ?? false)
                }
                let rows = try await platform.sql(
                    "SELECT count(*), bool_and(reason <> '') FROM dead_letters WHERE record_key = '\(key)'"
                )
                #expect(rows == "\(wrong.count)|t")
                #expect(platform.worker.isRunning && platform.executor.isRunning)
            }
        }
    }
}
