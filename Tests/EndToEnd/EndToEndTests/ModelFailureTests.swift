import JSON
import TestKit
import Testing

/// A model that fails: it is asked again, then its fallback, or the turn ends with an honest reason.
///
/// Each test has a platform of its own: what fails here opens breakers that others would meet.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct ModelFailureTests {
    @Test("Errors that pass are tried again, and the client sees nothing of them")
    func passingErrors() async throws {
        try await withOwnPlatform { platform in
            let replies: [ScriptedModelReply] = [
                .error(500), .error(429, retryAfter: "1"), .text("never read").with(.cut(afterPieces: 0)),
                .text("at last"),
            ]
            let marker = platform.model.answer { _, count in replies[min(count, 3)] }
            let session = unique("passing")
            let stream = try await platform.client.stream(session)
            defer { stream.cancel() }
            let sent = try await platform.client.post("Try \(marker)", session: session)
            let events = try await stream.events(through: \.isFinal)
            #expect(events.shape == ["turn.started", "delta", "message"])
            #expect(events.text == "at last")
            #expect(platform.model.requests(marker).count == 4)
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(turn["attempt"]?.intValue == 1)
        }
    }

    @Test(
        "Errors that stay end the turn with a reason, and the session goes on",
        arguments: [
            (ScriptedModelReply.error(500), "model_unavailable", 4),
            (.error(401), "model_unauthorized", 1),
            (.error(400, message: "the secret words of a provider"), "model_invalidRequest", 1),
            (.text("half an answer").with(.cut(afterPieces: 1)), "model_incomplete", 4),
            (.text("half an answer").with(.malformedChunk(afterPieces: 1)), "model_malformedResponse", 4),
            (.pieces([String](repeating: String(repeating: "long ", count: 1000), count: 60)), "answer_too_long", 1),
            (.raw(Array("this is no HTTP\r\n\r\n".utf8)), "model_malformedResponse", 4),
        ]
    )
    func stayingErrors(reply: ScriptedModelReply, code: String, calls: Int) async throws {
        try await withOwnPlatform { platform in
            let marker = platform.model.answer { _, _ in reply }
            let session = unique("staying")
            let stream = try await platform.client.stream(session)
            defer { stream.cancel() }
            let sent = try await platform.client.post("Try \(marker)", session: session)
            let events = try await stream.events(through: \.isFinal)
            let last = try #require(events.last)
            #expect(last.type == "turn.failed")
            #expect(last.json["error"]?["code"]?.stringValue == code)
            let message = try #require(last.json["error"]?["message"]?.stringValue)
            #expect(!message.isEmpty && !message.contains("secret words"))
            #expect(platform.model.requests(marker).count == calls)
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(turn["status"] == "failed")
            #expect(turn["error"]?["code"]?.stringValue == code)

            let next = try await platform.client.post("and now", session: session)
            #expect(try await platform.client.answer(to: next) == "You said: and now")
        }
    }

    @Test(
        "A model that falls silent is asked again, and ends the turn when that does not help",
        arguments: [true, false]
    )
    func hanging(isInTheMiddle: Bool) async throws {
        var options = PlatformOptions()
        options.worker["PARLEY_MODEL_IDLE_TIMEOUT"] = "500ms"
        try await withOwnPlatform(options) { platform in
            let marker = platform.model.answer { _, _ in
                isInTheMiddle ? .text("one two three").with(.hang(afterPieces: 1)) : .hang
            }
            let sent = try await platform.client.post("Try \(marker)", session: unique("hanging"))
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(turn["status"] == "failed")
            #expect(turn["error"]?["code"] == "model_timedOut")
            #expect(platform.model.requests(marker).count == 4)
        }
    }

    @Test("A turn's deadline ends all tries", arguments: [true, false])
    func deadline(hasFallback: Bool) async throws {
        var options = PlatformOptions()
        options.worker["PARLEY_TURN_DEADLINE"] = "3s"
        if hasFallback {
            options.worker.merge(Self.fallback(try ScriptedModelServer(.always(.hang)))) { _, new in new }
        }
        try await withOwnPlatform(options) { platform in
            let marker = platform.model.answer { _, _ in .hang }
            let clock = ContinuousClock.now
            let sent = try await platform.client.post("Try \(marker)", session: unique("deadline"))
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(turn["error"]?["code"] == "model_timedOut")
            #expect(clock.duration(to: .now) >= .seconds(3))
            #expect(platform.model.requests(marker).count == 1)
        }
    }

    @Test("An answer that is cut off begins again: no client sees a text twice")
    func cutOff() async throws {
        try await withOwnPlatform { platform in
            let marker = platform.model.answer { request, count in
                switch count {
                case 0: .toolCalls([.init(name: "calculator", arguments: #"{"expression":"6*7"}"#)])
                case 1: .text("half an answer").with(.cut(afterPieces: 2))
                default: .text("the whole answer: \(request.lastContent.contains("42") ? "42" : "unknown")")
                }
            }
            let session = unique("cut")
            let stream = try await platform.client.stream(session)
            defer { stream.cancel() }
            let sent = try await platform.client.post("Try \(marker)", session: session)
            let events = try await stream.events(through: \.isFinal)
            let restart = try #require(events.firstIndex { $0.type == "turn.restarted" })
            #expect(events.isInOrder)
            #expect(Array(events[..<restart]).text.hasPrefix("half "))
            #expect(Array(events[restart...]).text == "the whole answer: 42")
            #expect(events.last?.json["message"] == "the whole answer: 42")
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(turn["attempt"]?.intValue == 2)
            // Neither the first model call nor the tool was done again.
            #expect(platform.model.requests(marker).count == 3)
            #expect(try await platform.sql("SELECT count(*) FROM tool_runs") == "1")
            let late = try await platform.client.stream(session, after: "0")
            let told = try await late.events(through: \.isFinal)
            late.cancel()
            #expect(told.last == events.last)
            #expect(told.contains { $0.type == "turn.restarted" })

            let next = try await platform.client.post("and now", session: session)
            #expect(try await platform.client.answer(to: next) == "You said: and now")
        }
    }

    @Test("The fallback answers when the model does not, and the open breaker is seen from outside")
    func fallback() async throws {
        let second = try ScriptedModelServer(.instant("from the fallback"))
        defer { second.stop() }
        var options = PlatformOptions()
        options.worker = Self.fallback(second)
        try await withOwnPlatform(options) { platform in
            let marker = platform.model.answer { _, _ in .text("half an answer").with(.cut(afterPieces: 1)) }
            for count in 1...3 {
                let sent = try await platform.client.post("Try \(marker)", session: unique("fallback"))
                #expect(try await platform.client.answer(to: sent) == "from the fallback")
                #expect(second.requestCount == count)
            }
            // The fifth failure opened the breaker: the model is not asked any more.
            #expect(platform.model.requests(marker).count == 5)
            let worker = platform.client.onPort(platform.worker.port)
            let health = try await worker.get("/health")
            #expect(health.status == 200)
            let breaker = try #require(health.json["breakers"]?["model:default"])
            #expect(breaker["state"] == "open")
            #expect(breaker["last_error"]?.stringValue?.contains("ModelError.incomplete") == true)
            let since = try #require(breaker["since"]?.stringValue)
            #expect(since.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil)
            let metrics = String(decoding: try await worker.get("/metrics").body, as: UTF8.self)
            #expect(metrics.contains("parley_breaker_state{breaker=\"model:default\"} 2\n"))
            #expect(metrics.contains("parley_breaker_state{breaker=\"model:fallback\"} 0\n"))
            #expect(platform.worker.log.contains("a circuit breaker opened"))
        }
    }

    private static func fallback(_ server: ScriptedModelServer) -> [String: String] {
        ["PARLEY_MODEL_FALLBACK_BASE_URL": server.baseURL, "PARLEY_MODEL_FALLBACK_NAME": "second"]
    }
}
