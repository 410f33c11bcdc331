import HTTPClient
import JSON
import TestKit
import Testing

/// Requests that come again under the same `Idempotency-Key`.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct IdempotencyTests {
    private static let path = "/v1/session/message"

    private func post(
        _ client: PlatformClient,
        _ path: String = path,
        key: String,
        _ json: JSONValue
    ) async throws -> PlatformResponse {
        try await client.request(
            "POST",
            path,
            body: json.serialized(),
            headers: ["Content-Type": "application/json", "Idempotency-Key": key]
        )
    }

    @Test("The same request under the same key has one effect and one answer")
    func repeated() async throws {
        try await withPlatform { platform in
            let (session, key) = (unique("again"), unique("key"))
            let message: JSONValue = ["session_id": .string(session), "message": "once"]
            let first = try await post(platform.client, key: key, message)
            #expect(first.status == 200)
            #expect(first.headers["idempotency-replayed"] == nil)
            let eventID = try #require(first.json["event_id"]?.stringValue)
            _ = try await platform.client.finishedTurn(eventID)
            for _ in 0..<3 {
                let again = try await post(platform.client, key: key, message)
                #expect(again.status == first.status)
                #expect(again.body == first.body)
                #expect(again.headers["content-type"] == "application/json")
                #expect(again.headers["idempotency-replayed"] == "true")
            }
            // Without a session too, although the gateway invents one.
            let other = unique("key")
            let invented = try await post(platform.client, key: other, ["message": "anywhere"])
            #expect(try await post(platform.client, key: other, ["message": "anywhere"]).body == invented.body)
            // Another key, or none, is another message.
            #expect(try await post(platform.client, key: unique("key"), message).body != first.body)
            let plain = try await platform.client.post(Self.path, json: message)
            #expect(plain.status == 200)
            let turns = try await platform.sql("SELECT count(*) FROM turns WHERE session_id = '\(session)'")
            #expect(turns == "3")
        }
    }

    @Test("A key is for one request, of one API key of one tenant")
    func otherRequest() async throws {
        try await withPlatform { platform in
            let key = unique("key")
            #expect(try await post(platform.client, key: key, ["message": "one"]).status == 200)
            let others: [(String, JSONValue)] = [
                (Self.path, ["message": "two"]), (Self.path + "?x=1", ["message": "one"]),
                ("/v1/tool/request", ["tool_name": "echo", "args": ["message": "x"]]),
            ]
            for (path, json) in others {
                let refused = try await post(platform.client, path, key: key, json)
                #expect(refused.status == 422)
                #expect(refused.code == "idempotency_key_reused")
            }
            let stranger = try await platform.makeTenant(unique("tenant"))
            let theirs = try await post(stranger, key: key, ["message": "two"])
            #expect(theirs.status == 200)
            #expect(theirs.headers["idempotency-replayed"] == nil)
            let made = try await platform.parleyctl(["keys", "create", "--tenant", "default"])
            let sibling = platform.client.with(key: made.standardOutput.filter { !$0.isWhitespace })
            #expect(try await post(sibling, key: key, ["message": "three"]).status == 200)
        }
    }

    @Test("A key has 1 to 255 visible ASCII characters")
    func keyLimits() async throws {
        try await withPlatform { platform in
            let longest = String((unique("key") + String(repeating: "~", count: 255)).prefix(255))
            #expect(try await post(platform.client, key: longest, ["message": "x"]).status == 200)
            for key in ["", longest + "~", "a b", "kä"] {
                let refused = try await post(platform.client, key: key, ["message": "x"])
                #expect(refused.status == 400, "\(key)")
                #expect(refused.code == "idempotency_key_invalid" || refused.code == nil, "\(key)")
            }
        }
    }

    @Test("A request that was refused leaves its key free")
    func refusedRequest() async throws {
        try await withPlatform { platform in
            let key = unique("key")
            let refused = try await post(platform.client, key: key, ["message": 7])
            #expect(refused.status == 422)
            #expect(try await post(platform.client, key: key, ["message": "right"]).status == 200)
        }
    }

    @Test("A call of a tool is made once, and its result is the answer to every repeat")
    func toolCall() async throws {
        try await withPlatform { platform in
            let key = unique("key")
            let call: JSONValue = ["tool_name": "echo", "args": ["message": .string(key)]]
            let first = try await post(platform.client, "/v1/tool/request?wait=20", key: key, call)
            #expect(first.status == 200)
            #expect(first.json["status"] == "success")
            let again = try await post(platform.client, "/v1/tool/request?wait=20", key: key, call)
            #expect(again.status == 200)
            #expect(again.body == first.body)
            // As text: other tests leave arguments there that Postgres cannot take apart.
            let runs = "SELECT count(*) FROM tool_runs WHERE args::text LIKE '%\(key)%'"
            #expect(try await platform.sql(runs) == "1")
        }
    }

    @Test("A message over the WebSocket can carry a key")
    func webSocket() async throws {
        try await withPlatform { platform in
            let (session, key) = (unique("socket"), unique("key"))
            let message: JSONValue = ["message": "once", "idempotency_key": .string(key)]
            var answers: [JSONValue] = []
            // Two connections, as after a cut.
            for _ in 0..<2 {
                let socket = try await platform.client.webSocket(session)
                try await socket.send(message)
                while case .message(let json) = try await socket.next() {
                    if json["id"] == nil {
                        answers.append(json)
                        break
                    }
                }
                try await socket.close()
            }
            #expect(answers.first?["type"] == "accepted")
            #expect(answers.count == 2 && answers[0] == answers[1])
            #expect(try await platform.sql("SELECT count(*) FROM turns WHERE session_id = '\(session)'") == "1")

            let socket = try await platform.client.webSocket(session)
            let wrong: [(JSONValue, String)] = [
                (["message": "other", "idempotency_key": .string(key)], "idempotency_key_reused"),
                (["message": "x", "idempotency_key": ""], "idempotency_key_invalid"),
                (["message": "x", "idempotency_key": 7], "invalid_request"),
            ]
            for (json, code) in wrong {
                try await socket.send(json)
                while case .message(let answer) = try await socket.next() {
                    guard answer["id"] == nil else { continue }
                    #expect(answer["error"]?["code"]?.stringValue == code)
                    break
                }
            }
            try await socket.close()
        }
    }

    @Test("While a request is being carried out, a repeat of it is told to wait, also after the gateway was killed")
    func inProgress() async throws {
        var options = PlatformOptions()
        options.startsExecutor = false
        try await withOwnPlatform(options) { platform in
            let call: JSONValue = ["tool_name": "echo", "args": ["message": "x"]]
            func ask() async throws -> PlatformResponse {
                try await post(platform.client, "/v1/tool/request?wait=5", key: "k", call)
            }
            async let cutOff = ask()
            try await eventually("the row of the key") {
                try await platform.sql("SELECT count(*) FROM idempotency_keys") == "1"
            }
            let meanwhile = try await ask()
            #expect(meanwhile.status == 409)
            #expect(meanwhile.code == "idempotency_in_progress")
            #expect(meanwhile.headers["retry-after"] == "1")

            try await platform.gateway.kill9()
            _ = try? await cutOff
            try await platform.gateway.start()
            let later = try await eventuallyValue("the answer", interval: .milliseconds(200)) {
                let response = try await ask()
                return response.status == 409 ? nil : response
            }
            #expect(later.status == 200)
            #expect(later.json["status"] == "accepted")
            #expect(try await platform.sql("SELECT count(*) FROM outbox WHERE topic = 'tool.requests'") == "1")
        }
    }

    @Test(
        "A gateway that is killed between the commit and the answer: the repeat gets the answer, and there is one turn"
    )
    func killedBeforeTheAnswer() async throws {
        try await withOwnPlatform { platform in
            let message: JSONValue = ["session_id": "s", "message": "exactly once"]
            // Whoever writes to the outbox waits, the commit comes when the gateway is gone.
            try await platform.locking("outbox", mode: "SHARE") {
                async let cutOff = post(platform.client, key: "k", message)
                try await eventually("the commit that waits") {
                    // Relays wait too: what counts is the statement that accepts.
                    try await platform.waitingForLocks("%INSERT INTO sessions AS%") == 1
                }
                try await platform.gateway.kill9()
                let lost = try? await cutOff
                #expect(lost == nil)
                #expect(try await platform.sql("SELECT count(*) FROM turns") == "0", "the commit came too early")
            }
            try await eventually("the commit") { try await platform.sql("SELECT count(*) FROM turns") == "1" }
            try await platform.gateway.start()
            let answer = try await post(platform.client, key: "k", message)
            #expect(answer.status == 200)
            #expect(answer.headers["idempotency-replayed"] == "true")
            let eventID = try #require(answer.json["event_id"]?.stringValue)
            #expect(try await platform.sql("SELECT turn_id FROM turns") == eventID)
            let turn = try await platform.client.finishedTurn(eventID)
            #expect(turn["status"] == "completed")
            #expect(try await post(platform.client, key: "k", message).body == answer.body)
        }
    }

    @Test("A gateway that is killed again and again under load: each key has one message in the end")
    func killedUnderLoad() async throws {
        try await withOwnPlatform { platform in
            let count = 200
            let answers = try await withThrowingTaskGroup(of: (String, String).self) { group in
                for number in 0..<count {
                    group.addTask {
                        let message: JSONValue = [
                            "session_id": .string("s-\(number % 50)"), "message": .string("m-\(number)"),
                        ]
                        let response = try await eventuallyValue("an answer", timeout: .seconds(90)) {
                            let response = try await post(platform.client, key: "k-\(number)", message)
                            return response.status == 200 ? response : nil
                        }
                        return ("m-\(number)", response.json["event_id"]?.stringValue ?? "")
                    }
                }
                for _ in 0..<3 {
                    try await Task.sleep(for: .milliseconds(60))
                    try await platform.gateway.kill9()
                    try await platform.gateway.start()
                }
                return try await group.reduce(into: [(String, String)]()) { $0.append($1) }
            }
            #expect(Set(answers.map(\.1)).count == count)
            #expect(try await platform.sql("SELECT count(*) FROM turns") == "\(count)")
            let rows = try await platform.sql("SELECT message, event_id FROM session_events WHERE role = 'user'")
            let stored = Set(rows.split(separator: "\n").map(String.init))
            #expect(stored == Set(answers.map { "\($0.0)|\($0.1)" }))
        }
    }
}
