import JSON
import TestKit
import Testing

/// What keeps tenants apart, and what they may use.
@Suite(.timeLimit(.minutes(1)), .serviceLogs)
struct TenantTests {
    @Test("A second tenant sees nothing of the first, and its sessions of the same name are its own")
    func isolation() async throws {
        try await withPlatform { platform in
            let other = try await platform.makeTenant(unique("tenant"))
            let session = unique("private")
            let mine = try await platform.client.post("Calculate 5 + 5", session: session)
            _ = try await platform.client.finishedTurn(mine.eventID)
            let call: JSONValue = [
                "tool_name": "echo", "args": ["message": "mine"], "session_id": .string(session),
            ]
            let run = try await platform.client.post("/v1/tool/request?wait=20", json: call)
            let runID = try #require(run.json["event_id"]?.stringValue)
            #expect(run.json["status"] == "success")

            for path in [
                "/v1/sessions/\(session)/events", "/v1/turns/\(mine.eventID)", "/v1/tool/runs/\(runID)",
            ] {
                #expect(try await platform.client.get(path).status == 200)
                #expect(try await other.get(path).status == 404)
            }

            // It follows a session of this name, and gets what happens in its own one only.
            let stream = try await other.stream(session)
            let socket = try await other.webSocket(session)
            let again = try await platform.client.post("still mine", session: session)
            _ = try await platform.client.finishedTurn(again.eventID)
            let theirs = try await other.post("theirs", session: session)
            let fromStream = try await stream.events(through: \.isFinal)
            let fromSocket = try await socket.events(through: \.isFinal)
            stream.cancel()
            try await socket.close()
            #expect(fromStream == fromSocket)
            #expect(fromStream.allSatisfy { $0.turnID == theirs.eventID })
            #expect(fromStream.last?.json["message"] == "You said: theirs")
            #expect(try await other.history(session).count == 2)
            #expect(try await platform.client.history(session).count == 4)
            #expect(try await platform.client.get("/v1/turns/\(theirs.eventID)").status == 404)
            // The model was told their own history, not the other's.
            let asked = platform.model.server.requests.last { $0.lastUserMessage == "theirs" }
            #expect(asked?.messages.filter { $0["role"] == "user" }.count == 1)
        }
    }

    @Test("The role of the services sees no row of a tenant that it did not name")
    func rowLevelSecurity() async throws {
        try await withPlatform { platform in
            _ = try await platform.client.post("hello", session: unique("rls"))
            for table in ["sessions", "session_events", "turns", "turn_steps", "tool_runs", "outbox", "api_keys"] {
                let count = try await platform.sql("SET ROLE parley_service; SELECT count(*) FROM \(table)")
                #expect(count == "0")
            }
        }
    }

    @Test("A persona whose budget is used up is refused with budget_exceeded; others go on")
    func budget() async throws {
        try await withPlatform { platform in
            let persona = unique("thrifty")
            try await platform.sql(
                """
                INSERT INTO personas (tenant_id, persona_id, prompt, budget_tokens_per_day)
                VALUES ('default', '\(persona)', 'Be brief.', 5)
                """
            )
            let sent = try await platform.client.post("Hello", session: unique("budget"), persona: persona)
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(turn["status"] == "failed")
            #expect(turn["error"]?["code"] == "budget_exceeded")
            let other = try await platform.client.post("Hello", session: unique("budget"))
            #expect(try await platform.client.answer(to: other) == "You said: Hello")
        }
    }

    @Test("A persona is charged what it used, and refused when the rest is too little")
    func charge() async throws {
        try await withPlatform { platform in
            let persona = unique("metered")
            try await platform.sql(
                """
                INSERT INTO personas (tenant_id, persona_id, prompt, tools, budget_tokens_per_day)
                VALUES ('default', '\(persona)', 'Be brief.', '{}', 1000)
                """
            )
            // 950 of the 1,000 tokens in one answer.
            let marker = platform.model.answer { _, _ in
                var reply = ScriptedModelReply.text("costly")
                reply.usage = (input: 900, output: 50)
                return reply
            }
            let session = unique("charge")
            let first = try await platform.client.post("First \(marker)", session: session, persona: persona)
            #expect(try await platform.client.answer(to: first) == "costly")
            let used = try await platform.sql("SELECT used_tokens FROM budget_usage WHERE persona_id = '\(persona)'")
            #expect(used == "950")
            let filler = String(repeating: "many words ", count: 40)
            let second = try await platform.client.post(
                "Second \(marker) \(filler)",
                session: session,
                persona: persona
            )
            let turn = try await platform.client.finishedTurn(second.eventID)
            #expect(turn["error"]?["code"] == "budget_exceeded")
            #expect(platform.model.requests(marker).count == 1)
        }
    }
}
