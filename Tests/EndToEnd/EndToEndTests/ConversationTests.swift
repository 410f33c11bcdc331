import Domain
import EventBus
import Foundation
import HTTPClient
import JSON
import ServiceKit
import TestKit
import Testing

/// From a message to its answer, through all parts.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct ConversationTests {
    @Test("A message that needs a tool is answered, streamed in order, and every step is durable and on its topic")
    func fullConversation() async throws {
        try await withPlatform { platform in
            let topics = [
                Topic.inbound, .outbound, .deltas, .toolRequests, .toolResults, .budgetEvents,
            ].map(\.rawValue)
            try await platform.tapping(topics) { tap in
                let session = unique("full")
                let stream = try await platform.client.stream(session)
                defer { stream.cancel() }
                let sent = try await platform.client.post("Calculate 6 * 7", session: session)
                #expect(sent.sessionID == session)
                let events = try await stream.events(through: \.isFinal)

                #expect(events.shape == ["turn.started", "tool.request", "tool.result", "delta", "message"])
                #expect(events.isInOrder)
                #expect(events.map(\.id) == events.indices.map { "1-\($0)" })
                #expect(
                    events.allSatisfy { $0.turnID == sent.eventID && $0.json["session_id"]?.stringValue == session }
                )
                let answer = "The result is 42."
                #expect(events.last?.json["message"]?.stringValue == answer)
                #expect(events.text == answer)
                let result = try #require(events.first { $0.type == "tool.result" })
                #expect(result.json["status"]?.stringValue == "success")

                try await checkTurn(platform, sent)
                try await checkRows(platform, sent)
                try await checkTopics(tap, sent, answer: answer)
            }
        }
    }

    private func checkTurn(_ platform: Platform, _ sent: SentMessage) async throws {
        let turn = try await platform.client.finishedTurn(sent.eventID)
        #expect(turn["status"]?.stringValue == "completed")
        #expect(turn["attempt"]?.intValue == 1)
        let kinds = turn["steps"]?.arrayValue?.compactMap { $0["kind"]?.stringValue }
        #expect(kinds == ["policy", "policy", "budget", "model", "tool", "policy", "budget", "model"])
        let statuses = Set(turn["steps"]?.arrayValue?.compactMap { $0["status"]?.stringValue } ?? [])
        #expect(statuses == ["done"])
        let total = try #require(turn["usage"]?["total_tokens"]?.intValue)
        #expect(total > 0)
    }

    private func checkRows(_ platform: Platform, _ sent: SentMessage) async throws {
        let session = "session_id = '\(sent.sessionID)'"
        let roles = try await platform.sql("SELECT role, message FROM session_events WHERE \(session) ORDER BY seq")
        #expect(roles == "user|Calculate 6 * 7\nassistant|The result is 42.")
        let steps = try await platform.sql(
            "SELECT kind, status FROM turn_steps WHERE turn_id = '\(sent.eventID)' ORDER BY step"
        )
        let call = "policy|done\nbudget|done\nmodel|done"
        #expect(steps == "policy|done\n\(call)\ntool|done\n\(call)")
        let runs = try await platform.sql(
            "SELECT tool_name, status, payload->>'result' FROM tool_runs WHERE \(session)"
        )
        #expect(runs == "calculator|success|42")
        let used = try await platform.sql(
            "SELECT sum(used_tokens) > 0 FROM budget_usage WHERE tenant_id = 'default' AND persona_id = ''"
        )
        #expect(used == "t")
        try await eventually("an empty outbox") {
            try await platform.sql("SELECT count(*) FROM outbox WHERE \(session)") == "0"
        }
    }

    private func checkTopics(_ tap: TopicTap, _ sent: SentMessage, answer: String) async throws {
        let inbound = try await tap.record("conversation.inbound") { $0["event_id"]?.stringValue == sent.eventID }
        #expect(inbound.key == sent.sessionID)
        #expect(inbound.header("tenant") == "default")
        #expect(inbound.header("schema") == "conversation_event")
        #expect(inbound.header("traceparent") != nil)
        let request = try await tap.record("tool.requests") { $0["turn_id"]?.stringValue == sent.eventID }
        let result = try await tap.record("tool.results") { $0["turn_id"]?.stringValue == sent.eventID }
        #expect(request.json["event_id"] == result.json["event_id"])
        #expect(
            request.header("traceparent")?.dropFirst(3).prefix(32)
                == inbound.header("traceparent")?.dropFirst(3).prefix(32)
        )
        let outbound = try await tap.record("conversation.outbound") {
            $0["turn_id"]?.stringValue == sent.eventID && $0["role"]?.stringValue == "assistant"
        }
        #expect(outbound.json["message"]?.stringValue == answer)
        let delta = try await tap.record("conversation.deltas") {
            $0["turn_id"]?.stringValue == sent.eventID && $0["text"]?.stringValue != ""
        }
        try EventSchema.conversationDelta.validate(delta.json)
        let charge = try await tap.record("budget.events") { $0["turn_id"]?.stringValue == sent.eventID }
        #expect(charge.json["tokens"]?.intValue ?? 0 > 0)
    }

    @Test("Two sessions that talk at once get their own answers only")
    func twoSessions() async throws {
        try await withPlatform { platform in
            let sessions = [unique("two"), unique("two")]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for session in sessions {
                    group.addTask {
                        let stream = try await platform.client.stream(session)
                        defer { stream.cancel() }
                        let words = "I am \(session)"
                        let sent = try await platform.client.post(words, session: session)
                        let events = try await stream.events(through: \.isFinal)
                        #expect(events.allSatisfy { $0.turnID == sent.eventID })
                        #expect(events.last?.json["message"]?.stringValue == "You said: \(words)")
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test(
        "20 messages at once to one session are answered in the order in which they were accepted; one more is refused"
    )
    func twentyAtOnce() async throws {
        try await withPlatform { platform in
            let session = unique("twenty")
            let gate = Gate()
            defer { gate.open() }
            let marker = platform.model.answer { request, _ in
                await gate.wait()
                return .text("Answer to \(request.lastUserMessage)")
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...20 {
                    group.addTask {
                        _ = try await platform.client.post("message \(number) \(marker)", session: session)
                    }
                }
                try await group.waitForAll()
            }
            let message: JSONValue = ["session_id": .string(session), "message": "one too many"]
            let refused = try await platform.client.post("/v1/session/message", json: message)
            #expect(refused.status == 429)
            #expect(refused.code == "session_full")
            #expect(refused.headers["retry-after"] == "1")
            gate.open()

            try await eventually("20 answers", timeout: .seconds(60), interval: .milliseconds(50)) {
                try await platform.client.history(session, "limit=100").count == 40
            }
            let events = try await platform.client.history(session, "limit=100&order=asc")
            func texts(_ role: String) -> [String] {
                events.filter { $0["role"]?.stringValue == role }.compactMap { $0["message"]?.stringValue }
            }
            #expect(texts("user").count == 20)
            #expect(texts("assistant") == texts("user").map { "Answer to \($0)" })
            let afterwards = try await platform.client.post("there is room again", session: session)
            _ = try await platform.client.finishedTurn(afterwards.eventID)
        }
    }

    @Test("1,000 messages at once on 1,000 connections, over 100 sessions, are all accepted and answered, each once")
    func thousandAtOnce() async throws {
        try await withPlatform { platform in
            let prefix = unique("thousand")
            let count = 1000
            // A tenant of its own: a thousand is as many as one may have.
            let client = try await platform.makeTenant(unique("thousand"))
            let sent = try await Self.post(count, by: client) { "\(prefix).\($0 % 100)" }
            #expect(sent.map(\.status) == Array(repeating: 200, count: count))
            #expect(Set(sent.compactMap(\.eventID)).count == count)
            let answers = """
                SELECT count(*), count(DISTINCT turn_seq || '/' || session_id) FROM session_events
                WHERE session_id LIKE '\(prefix).%' AND role = 'assistant'
                """
            try await eventually("\(count) answers", timeout: .seconds(60), interval: .milliseconds(250)) {
                try await platform.sql(answers) == "\(count)|\(count)"
            }
            let right = try await platform.sql(
                """
                SELECT count(*) FROM session_events u JOIN session_events a
                ON a.session_id = u.session_id AND a.turn_seq = u.seq AND a.role = 'assistant'
                WHERE u.session_id LIKE '\(prefix).%' AND u.role = 'user' AND a.message = 'You said: ' || u.message
                """
            )
            #expect(right == "\(count)")
        }
    }

    /// Sends messages at once, each on a connection of its own, and reads no answer before all are sent.
    private static func post(
        _ count: Int,
        by client: PlatformClient,
        to session: (Int) -> String
    ) async throws -> [(status: Int, eventID: String?)] {
        try #require(OpenFiles.raiseLimit() >= count + 256, "so many connections need files")
        var sockets: [RawSocket] = []
        defer { for socket in sockets { socket.close() } }
        for number in 0..<count {
            let socket = try await RawSocket.connect(port: client.port)
            sockets.append(socket)
            let json: JSONValue = ["session_id": .string(session(number)), "message": .string("message \(number)")]
            let body = json.serialized()
            let head = """
                POST /v1/session/message HTTP/1.1\r
                Host: 127.0.0.1\r
                Authorization: Bearer \(client.key ?? "")\r
                Content-Type: application/json\r
                Content-Length: \(body.count)\r
                \r

                """
            try await socket.write(Array(head.utf8) + body)
        }
        var answers: [(status: Int, eventID: String?)] = []
        for socket in sockets {
            let head = String(decoding: try await socket.read(until: "\r\n\r\n", timeout: .seconds(60)), as: UTF8.self)
            let status = head.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
            let length = head.lowercased().firstMatch(of: /content-length: (\d+)/).flatMap { Int($0.output.1) } ?? 0
            let body = try JSONValue.parse(try await socket.read(count: length, timeout: .seconds(60)))
            answers.append((status, body["event_id"]?.stringValue))
        }
        return answers
    }

    @Test("A slow model call delays no other session")
    func slowCallDelaysNobody() async throws {
        try await withPlatform { platform in
            let gate = Gate()
            defer { gate.open() }
            let marker = platform.model.answer { _, _ in
                await gate.wait()
                return .text("slow")
            }
            let slow = try await platform.client.post("Take your time \(marker)", session: unique("slow"))
            try await eventually("the slow call") { platform.model.requests(marker).count == 1 }
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<5 {
                    group.addTask {
                        let quick = try await platform.client.post("Be quick", session: unique("quick"))
                        return try await platform.client.answer(to: quick)
                    }
                }
                for try await answer in group {
                    #expect(answer == "You said: Be quick")
                }
            }
            let turn = try await platform.client.get("/v1/turns/\(slow.eventID)")
            #expect(turn.json["status"]?.stringValue == "running")
            gate.open()
            #expect(try await platform.client.answer(to: slow) == "slow")
        }
    }
}
