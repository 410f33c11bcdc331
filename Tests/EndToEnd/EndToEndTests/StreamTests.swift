import HTTPClient
import JSON
import TestKit
import Testing

/// The stream of a session, over server-sent events and WebSocket.
@Suite(.timeLimit(.minutes(1)), .serviceLogs)
struct StreamTests {
    /// Forty words, one every 25 ms.
    private static let slowText = (1...40).map { "word\($0)" }.joined(separator: " ")

    private func slowMarker(_ platform: Platform) -> String {
        platform.model.answer { _, _ in .text(Self.slowText).delayed(piece: .milliseconds(100)) }
    }

    @Test("WebSocket and server-sent events show the same events with the same ids")
    func sameEvents() async throws {
        try await withPlatform { platform in
            let session = unique("same")
            let stream = try await platform.client.stream(session)
            defer { stream.cancel() }
            let socket = try await platform.client.webSocket(session)
            _ = try await platform.client.post("Calculate 2 + 2", session: session)
            let fromSocket = try await socket.events(through: \.isFinal)
            let fromStream = try await stream.events(through: \.isFinal)
            #expect(fromSocket == fromStream)
            #expect(fromStream.shape == ["turn.started", "tool.request", "tool.result", "delta", "message"])
            try await socket.close()
        }
    }

    @Test("Who connects after the answer has come gets it, and only what stands after the id that is named")
    func lateClient() async throws {
        try await withPlatform { platform in
            let session = unique("late")
            let live = try await platform.client.stream(session)
            let sent = try await platform.client.post("Calculate 3 + 4", session: session)
            let seen = try await live.events(through: \.isFinal)
            live.cancel()
            _ = try await platform.client.finishedTurn(sent.eventID)

            for after in [nil, "0", "0-0"] {
                let late = try await platform.client.stream(session, after: after)
                let events = try await late.events(through: \.isFinal)
                late.cancel()
                // The answer has all of the text, so pieces are not told again; everything else is.
                #expect(events == seen.filter { $0.type != "delta" })
            }
            let request = try #require(seen.first { $0.type == "tool.request" })
            let socket = try await platform.client.webSocket(session, after: request.id)
            let rest = try await socket.events(through: \.isFinal)
            #expect(rest.map(\.type) == ["tool.result", "message"])
            try await socket.close()

            let last = try #require(seen.last)
            let next = try await platform.client.stream(session, lastEventID: last.id)
            _ = try await platform.client.post("again", session: session)
            let events = try await next.events(through: \.isFinal)
            next.cancel()
            #expect(events.shape == ["turn.started", "delta", "message"])
            #expect(events.allSatisfy { $0.turnID != sent.eventID })
        }
    }

    @Test("Who is cut off in the middle of a slow answer resumes without a gap and without a repeat")
    func resume() async throws {
        try await withPlatform { platform in
            let session = unique("resume")
            let whole = try await platform.client.stream(session)
            defer { whole.cancel() }
            _ = try await platform.client.post("Tell me \(slowMarker(platform))", session: session)

            var pieces: [StreamedEvent] = []
            // First by server-sent events, then by WebSocket, then by server-sent events again.
            let first = try await platform.client.stream(session)
            pieces += try await first.events { $0.position.last ?? 0 >= 2 }
            first.cancel()
            let socket = try await platform.client.webSocket(session, after: pieces.last?.id)
            pieces += try await socket.events { $0.position.last ?? 0 >= 4 }
            try await socket.close()
            let third = try await platform.client.stream(session, lastEventID: pieces.last?.id)
            pieces += try await third.events(through: \.isFinal)
            third.cancel()

            let expected = try await whole.events(through: \.isFinal)
            #expect(pieces == expected)
            #expect(expected.map(\.id) == expected.indices.map { "1-\($0)" })
            #expect(expected.text == Self.slowText)
            #expect(expected.count > 6, "the answer came in pieces")
        }
    }

    @Test("The first piece is there long before the last")
    func streamsWhileItRuns() async throws {
        try await withPlatform { platform in
            let session = unique("pace")
            let stream = try await platform.client.stream(session)
            defer { stream.cancel() }
            _ = try await platform.client.post("Tell me \(slowMarker(platform))", session: session)
            var iterator = stream.makeIterator()
            _ = try await iterator.events { $0.type == "delta" }
            let first = ContinuousClock.now
            _ = try await iterator.events(through: \.isFinal)
            #expect(first.duration(to: .now) > .milliseconds(500))
        }
    }

    @Test("Messages can be sent over the WebSocket, and wrong ones are answered with the reason")
    func sendingOverWebSocket() async throws {
        try await withPlatform { platform in
            let session = unique("socket")
            let socket = try await platform.client.webSocket(session)
            func answer(to text: String) async throws -> JSONValue {
                try await socket.send(text)
                while true {
                    guard case .message(let json) = try await socket.next() else {
                        throw TestFailure("the WebSocket was closed")
                    }
                    if json["id"] == nil { return json }
                }
            }
            let accepted = try await answer(to: #"{"message":"over the socket"}"#)
            #expect(accepted["type"] == "accepted")
            #expect(accepted["session_id"]?.stringValue == session)
            let events = try await socket.events(through: \.isFinal)
            #expect(events.last?.json["message"]?.stringValue == "You said: over the socket")
            #expect(events.last?.turnID == accepted["event_id"]?.stringValue)

            for (text, code, word) in [
                ("{", "malformed_json", ""), (#"{"message":7}"#, "invalid_request", "string"),
                ("{}", "invalid_request", "required"), ("[]", "invalid_request", "object"),
                (#"{"message":"x","session_id":"another"}"#, "invalid_request", "session"),
            ] {
                let refused = try await answer(to: text)
                #expect(refused["type"] == "error")
                #expect(refused["error"]?["code"]?.stringValue == code)
                #expect(refused["error"]?["message"]?.stringValue?.contains(word) ?? false)
            }
            // It still works afterwards.
            #expect(try await answer(to: #"{"message":"again"}"#)["type"] == "accepted")
            try await socket.close()
        }
    }

    @Test("A stream is refused with the reason: no credential, a wrong id, a wrong resume id, a wrong media type")
    func refused() async throws {
        try await withPlatform { platform in
            let key = platform.client.key
            for (path, key, status, fields) in [
                ("/v1/session/a/stream", nil, 401, []), ("/v1/session/a%20b/stream", key, 422, ["id"]),
                ("/v1/session/a/stream?after=soon", key, 422, ["after"]),
            ] {
                let client = platform.client.with(key: key)
                let response = try await client.request("GET", path, headers: ["Accept": "text/event-stream"])
                #expect(response.status == status)
                #expect(response.fields == fields)
            }
            let response = try await platform.client.get("/v1/session/a/stream")
            #expect(response.status == 406)
            await #expect(throws: TestKitError.self) {
                _ = try await platform.client.with(key: "pk_wrong").webSocket("a")
            }
        }
    }
}

/// A test found something that it has no expectation for.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
