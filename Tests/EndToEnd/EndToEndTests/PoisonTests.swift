import Domain
import EventBus
import JSON
import TestKit
import Testing

/// Records that cannot be processed stop nothing, wherever they come from and whatever is wrong with them.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct PoisonTests {
    /// A record that cannot be processed, and why.
    private struct Poison {
        let reason: DeadLetterName
        let text: String
        var headers: [BusHeader] = []
    }

    private enum DeadLetterName: String, CaseIterable {
        case malformed, invalid, oversized
        case unknownSchema = "unknown_schema"
        case unknownTenant = "unknown_tenant"
    }

    /// Every kind of poison, made out of a good record by itself.
    private static func poisons(_ good: String, _ ofNobody: String) -> [Poison] {
        [
            Poison(reason: .malformed, text: "{ this is no JSON"),
            Poison(reason: .malformed, text: ""),
            Poison(reason: .invalid, text: #"{"event_id":7,"session_id":[]}"#),
            Poison(reason: .invalid, text: "[1,2]"),
            Poison(reason: .oversized, text: HandPut.oversized(good)),
            Poison(reason: .unknownSchema, text: good, headers: [BusHeader("schema", "conversation_event_v99")]),
            Poison(reason: .unknownTenant, text: ofNobody),
            Poison(reason: .unknownTenant, text: good, headers: [BusHeader("tenant", "nobody-knows-it")]),
            Poison(reason: .invalid, text: good, headers: [BusHeader("tenant", "no id,")]),
        ]
    }

    private static func expectDeadLetters(
        _ platform: Platform,
        _ topic: Topic,
        key: String,
        _ poisons: [Poison]
    )
        async throws
    {
        let rows = """
            SELECT split_part(reason, ':', 1), count(*), sum(attempts), bool_and(split_part(reason, ':', 2) <> '')
            FROM dead_letters WHERE record_key = '\(key)' AND topic = '\(topic.rawValue)' GROUP BY 1 ORDER BY 1
            """
        let counts = Dictionary(grouping: poisons, by: \.reason.rawValue).mapValues(\.count)
        let expected = counts.sorted { $0.key < $1.key }.map { "\($0.key)|\($0.value)|\($0.value)|t" }
        try await eventually("the dead letters of \(topic.rawValue)", timeout: .seconds(45)) {
            try await platform.sql(rows).split(separator: "\n").map(String.init) == expected
        }
    }

    @Test("On conversation.inbound messages before and behind every kind of poison are answered")
    func inbound() async throws {
        try await withPlatform { platform in
            let session = unique("poison")
            let poisons = Self.poisons(
                HandPut.message(unique("bad"), session),
                HandPut.message(unique("bad"), session, tenant: "nobody-knows-it")
            )
            try await platform.tapping([Topic.outbound.rawValue, Topic.inbound.deadLetter]) { tap in
                var good: [String] = []
                for poison in poisons {
                    good.append(unique("good"))
                    let text = HandPut.message(good[good.count - 1], session)
                    try await platform.publish(Topic.inbound.rawValue, key: session, [text])
                    try await platform.publish(
                        Topic.inbound.rawValue,
                        key: session,
                        [poison.text],
                        headers: poison.headers
                    )
                }
                good.append(unique("good"))
                // As large as an event may be.
                let last = HandPut.padded(
                    HandPut.message(good[good.count - 1], session),
                    to: EventLimits.bytesMax
                )
                try await platform.publish(Topic.inbound.rawValue, key: session, [last])
                for eventID in good {
                    _ = try await tap.record(Topic.outbound.rawValue) {
                        $0["role"] == "assistant" && $0["turn_id"]?.stringValue == eventID
                    }
                }
                try await Self.expectDeadLetters(platform, .inbound, key: session, poisons)
                // In the order in which they came, and none of the poison is in the history.
                let history = try await platform.client.history(session, "order=asc&limit=500")
                #expect(history.filter { $0["role"] == "user" }.map { $0["event_id"]?.stringValue } == good)
                try await eventually("the copies on the topic of dead letters") {
                    tap.records(Topic.inbound.deadLetter, key: session).count == poisons.count
                }
                let copy = try #require(tap.records(Topic.inbound.deadLetter, key: session).first)
                #expect(copy.value == Array(poisons[0].text.utf8))
                #expect(copy.header("reason")?.hasPrefix("malformed: ") ?? false)
                #expect(copy.header("attempts") == "1")
                #expect(copy.header("origin")?.hasPrefix("conversation.inbound/") ?? false)
            }
        }
    }

    @Test("On tool.requests calls before and behind every kind of poison are run")
    func toolRequests() async throws {
        try await withPlatform { platform in
            let session = unique("poison")
            let poisons = Self.poisons(
                HandPut.call(unique("bad"), session),
                HandPut.call(unique("bad"), session, tenant: "nobody-knows-it")
            )
            var good: [String] = []
            for poison in poisons {
                good.append(unique("good"))
                let text = HandPut.call(good[good.count - 1], session)
                try await platform.publish(Topic.toolRequests.rawValue, key: session, [text])
                try await platform.publish(
                    Topic.toolRequests.rawValue,
                    key: session,
                    [poison.text],
                    headers: poison.headers
                )
            }
            good.append(unique("good"))
            try await platform.publish(
                Topic.toolRequests.rawValue,
                key: session,
                [HandPut.call(good[good.count - 1], session)]
            )
            let expected = good.count
            try await eventually("the runs of the good calls", timeout: .seconds(45)) {
                try await platform.sql(
                    "SELECT count(*) FROM tool_runs WHERE session_id = '\(session)' AND status = 'success'"
                ) == "\(expected)"
            }
            try await Self.expectDeadLetters(platform, .toolRequests, key: session, poisons)
            let runs = try await platform.sql("SELECT count(*) FROM tool_runs WHERE session_id = '\(session)'")
            #expect(runs == "\(expected)")
        }
    }

    @Test("On tool.results turns that wait for a tool go on before and behind every kind of poison")
    func toolResults() async throws {
        try await withPlatform { platform in
            let session = unique("poison")
            func result(_ tenant: String?) -> String {
                var event: JSONObject = [
                    "event_id": .string(unique("bad")), "session_id": .string(session), "tool_name": "echo",
                    "status": "success", "payload": [:],
                ]
                if let tenant { event.set("tenant_id", .string(tenant)) }
                return JSONValue.object(event).string
            }
            let poisons = Self.poisons(result(nil), result("nobody-knows-it"))
            let before = try await platform.client.post("Calculate 2 + 3", session: session)
            #expect(try await platform.client.answer(to: before).isEmpty == false)
            for poison in poisons {
                try await platform.publish(
                    Topic.toolResults.rawValue,
                    key: session,
                    [poison.text],
                    headers: poison.headers
                )
            }
            let behind = try await platform.client.post("Calculate 4 + 5", session: session)
            #expect(try await platform.client.answer(to: behind).isEmpty == false)
            try await Self.expectDeadLetters(platform, .toolResults, key: session, poisons)
        }
    }

    @Test("On conversation.outbound and conversation.deltas poison stops no stream")
    func streams() async throws {
        try await withPlatform { platform in
            let session = unique("poison")
            let stream = try await platform.client.stream(session)
            defer { stream.cancel() }
            for topic in [Topic.outbound, .deltas] {
                let poisons = Self.poisons(HandPut.message(unique("bad"), session), "{}")
                for poison in poisons {
                    let headers = poison.headers + [BusHeader("position", "1.1")]
                    try await platform.publish(topic.rawValue, key: session, [poison.text], headers: headers)
                }
            }
            let sent = try await platform.client.post("hello", session: session)
            let events = try await stream.events(through: \.isFinal)
            #expect(events.allSatisfy { $0.turnID == sent.eventID })
            #expect(events.last?.json["message"] == "You said: hello")
        }
    }

    @Test("Dead letters are counted by topic and reason")
    func metrics() async throws {
        try await withPlatform { platform in
            let key = unique("counted")
            try await platform.publish(Topic.inbound.rawValue, key: key, ["{ no JSON"])
            _ = try await platform.deadLetter(key: key, reason: "malformed")
            try await eventually("the count") {
                let metrics = try await platform.client.onPort(platform.worker.port).get("/metrics")
                return String(decoding: metrics.body, as: UTF8.self).split(separator: "\n").contains {
                    $0.hasPrefix("parley_dead_letters_total{") && $0.contains(#"topic="conversation.inbound""#)
                        && $0.contains(#"reason="malformed""#) && !$0.hasSuffix(" 0")
                }
            }
        }
    }

    @Test("A message that names an unknown tenant is a dead letter, and is processed when the tenant was made")
    func unknownTenant() async throws {
        try await withPlatform { platform in
            let (tenant, session) = (unique("late-tenant"), unique("session"))
            let eventID = unique("late")
            let text = HandPut.message(eventID, session, tenant: tenant)
            try await platform.publish(Topic.inbound.rawValue, key: session, [text])
            let letter = try await platform.deadLetter(key: session, reason: "unknown_tenant")
            #expect(letter["tenant_id"] == "default")
            #expect(letter["attempts"] == 1)
            #expect(try await platform.sql("SELECT count(*) FROM turns WHERE session_id = '\(session)'") == "0")

            let other = try await platform.makeTenant(tenant)
            let id = try #require(letter["id"]?.intValue)
            let redriven = try await platform.client.post("/v1/admin/dlq/\(id)/redrive", json: [:])
            #expect(redriven.status == 200)
            let turn = try await eventuallyValue("the turn", timeout: .seconds(45)) {
                let response = try await other.get("/v1/turns/\(eventID)")
                // Not `: nil`: JSON has a null of its own.
                return response.json["status"] == "completed" ? .some(response.json) : .none
            }
            #expect(turn["session_id"]?.stringValue == session)
        }
    }
}
