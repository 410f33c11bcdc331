import JSON
import TestKit
import Testing

/// A model that fails: the turn is tried again, or ends with an honest reason.
@Suite(.timeLimit(.minutes(1)), .serviceLogs)
struct ModelFailureTests {
    @Test("Errors that pass are tried again, and the client sees nothing of them")
    func passingErrors() async throws {
        try await withPlatform { platform in
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
            (.text("half an answer").with(.cut(afterPieces: 1)), "model_incomplete", 1),
            (.text("half an answer").with(.malformedChunk(afterPieces: 1)), "model_malformedResponse", 1),
            (.pieces([String](repeating: String(repeating: "long ", count: 1000), count: 60)), "answer_too_long", 1),
            (.raw(Array("this is no HTTP\r\n\r\n".utf8)), "model_malformedResponse", 1),
        ]
    )
    func stayingErrors(reply: ScriptedModelReply, code: String, calls: Int) async throws {
        try await withPlatform { platform in
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

    @Test("A model that falls silent ends the turn when its time is over", arguments: [true, false])
    func hanging(isInTheMiddle: Bool) async throws {
        try await withPlatform { platform in
            let marker = platform.model.answer { _, _ in
                isInTheMiddle ? .text("one two three").with(.hang(afterPieces: 1)) : .hang
            }
            let sent = try await platform.client.post("Try \(marker)", session: unique("hanging"))
            let turn = try await platform.client.finishedTurn(sent.eventID)
            #expect(turn["status"] == "failed")
            #expect(turn["error"]?["code"] == "model_timedOut")
        }
    }
}
