import Domain
import EventBus
import JSON
import TestKit
import Testing

/// Handlers that fail because of the record, and what becomes of the record when the cause is mended.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct RedriveTests {
    private static func redrive(_ platform: Platform, _ letter: JSONValue) async throws {
        let id = try #require(letter["id"]?.intValue)
        let response = try await platform.client.post("/v1/admin/dlq/\(id)/redrive", json: [:])
        #expect(response.status == 200)
        try APISchemas.expect(response.json, "DeadLetterRedriven")
    }

    @Test("A message whose handler fails 5 times is a dead letter; sent again twice, it is answered once")
    func message() async throws {
        try await withPlatform { platform in
            let session = unique("failing")
            let fault = try await ScriptedFault(
                platform,
                on: "turns",
                "INSERT",
                when: "NEW.session_id = '\(session)'",
                state: "P0001"
            )
            let eventID = unique("event")
            let text = HandPut.message(eventID, session)
            try await platform.publish(
                Topic.inbound.rawValue,
                key: session,
                [text],
                headers: [BusHeader("more", "kept")]
            )
            let letter = try await platform.deadLetter(key: session, reason: "failed")
            #expect(letter["attempts"] == 5)
            #expect(try await fault.count >= 5)
            #expect(letter["redrives"] == 0)
            #expect(letter["redriven_at"] == .null)
            // Others of the same partition were not held up, and what is behind it in the session goes on too.
            let behind = try await platform.client.post("hello")
            _ = try await platform.client.answer(to: behind)

            try await fault.mend()
            try await platform.tapping([Topic.inbound.rawValue]) { tap in
                try await Self.redrive(platform, letter)
                let turn = try await platform.client.finishedTurn(eventID)
                #expect(turn["status"] == "completed")
                try await Self.redrive(platform, letter)
                // The second one has no effect: what comes behind it in the session is the next that happens.
                let marker = unique("marker")
                try await platform.publish(Topic.inbound.rawValue, key: session, [HandPut.message(marker, session)])
                _ = try await platform.client.finishedTurn(marker)
                let history = try await platform.client.history(session, "order=asc")
                #expect(history.compactMap { $0["role"]?.stringValue } == ["user", "assistant", "user", "assistant"])
                try await eventually("the three deliveries") {
                    tap.records(Topic.inbound.rawValue, key: session).count { $0.value == Array(text.utf8) } == 3
                }
                for record in tap.records(Topic.inbound.rawValue, key: session)
                where record.value == Array(text.utf8) {
                    #expect(record.headers == [BusHeader("more", "kept")])
                }
            }
            let row = try await platform.sql(
                """
                SELECT count(*), sum(redrives), bool_and(redriven_at IS NOT NULL) FROM dead_letters
                WHERE record_key = '\(session)'
                """
            )
            #expect(row == "1|2|t")
        }
    }

    @Test("A call whose handler fails 5 times is a dead letter; sent again twice, it runs once")
    func call() async throws {
        try await withPlatform { platform in
            let session = unique("failing")
            let fault = try await ScriptedFault(
                platform,
                on: "tool_runs",
                "INSERT",
                when: "NEW.session_id = '\(session)'",
                state: "P0001"
            )
            try await platform.publish(
                Topic.toolRequests.rawValue,
                key: session,
                [HandPut.call(unique("event"), session)]
            )
            let letter = try await platform.deadLetter(key: session, reason: "failed")
            #expect(letter["attempts"] == 5)
            try await fault.mend()
            try await platform.tapping([Topic.toolResults.rawValue]) { tap in
                try await Self.redrive(platform, letter)
                try await Self.redrive(platform, letter)
                let marker = unique("marker")
                try await platform.publish(
                    Topic.toolRequests.rawValue,
                    key: session,
                    [HandPut.call(marker, session)]
                )
                _ = try await tap.record(Topic.toolResults.rawValue) { $0["event_id"]?.stringValue == marker }
                let runs = try await platform.sql("SELECT count(*) FROM tool_runs WHERE session_id = '\(session)'")
                #expect(runs == "2")
            }
        }
    }

    @Test("A tool's answer whose handler fails 5 times is a dead letter; sent again, its turn goes on")
    func result() async throws {
        var options = PlatformOptions()
        options.worker["PARLEY_TOOL_GRACE"] = "120s"
        try await withOwnPlatform(options) { platform in
            let session = unique("failing")
            let fault = try await ScriptedFault(
                platform,
                on: "turn_steps",
                "UPDATE",
                when: "NEW.session_id = '\(session)' AND NEW.kind = 'tool' AND NEW.status = 'done'",
                state: "P0001"
            )
            let sent = try await platform.client.post("Calculate 2 + 3", session: session)
            let letter = try await platform.deadLetter(key: session, reason: "failed")
            #expect(letter["topic"] == "tool.results")
            #expect(letter["attempts"] == 5)
            let open = try await platform.client.get("/v1/turns/\(sent.eventID)")
            #expect(open.json["status"] != "completed")
            try await fault.mend()
            try await Self.redrive(platform, letter)
            try await Self.redrive(platform, letter)
            #expect(try await platform.client.answer(to: sent).isEmpty == false)
            let steps = try await platform.sql(
                "SELECT count(*) FROM turn_steps WHERE session_id = '\(session)' AND kind = 'tool' AND status = 'done'"
            )
            #expect(steps == "1")
        }
    }

    @Test("How often a handler may fail is a setting")
    func attempts() async throws {
        var options = PlatformOptions()
        options.environment["PARLEY_RECORD_ATTEMPTS_MAX"] = "2"
        try await withOwnPlatform(options) { platform in
            let session = unique("failing")
            _ = try await ScriptedFault(
                platform,
                on: "turns",
                "INSERT",
                when: "NEW.session_id = '\(session)'",
                state: "P0001"
            )
            let text = HandPut.message(unique("event"), session)
            try await platform.publish(Topic.inbound.rawValue, key: session, [text])
            #expect(try await platform.deadLetter(key: session, reason: "failed")["attempts"] == 2)
        }
    }

    @Test("A full disk is not the record's fault: however often it fails, it becomes no dead letter")
    func dependency() async throws {
        try await withPlatform { platform in
            let session = unique("patient")
            let fault = try await ScriptedFault(
                platform,
                on: "turns",
                "INSERT",
                when: "NEW.session_id = '\(session)'",
                state: "53100"
            )
            let eventID = unique("event")
            try await platform.publish(Topic.inbound.rawValue, key: session, [HandPut.message(eventID, session)])
            try await eventually("more failures than a record of its own fault may have", timeout: .seconds(60)) {
                try await fault.count >= 8
            }
            try await fault.mend()
            let turn = try await platform.client.finishedTurn(eventID)
            #expect(turn["status"] == "completed")
            let letters = try await platform.sql(
                "SELECT count(*) FROM dead_letters WHERE record_key = '\(session)'"
            )
            #expect(letters == "0")
        }
    }
}
