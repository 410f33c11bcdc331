import HTTPClient
import JSON
import TestKit
import Testing

/// How much may be accepted and unfinished.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct LimitTests {
    private func accept(_ client: PlatformClient, session: String) async throws -> PlatformResponse {
        try await client.post("/v1/session/message", json: ["session_id": .string(session), "message": "x"])
    }

    @Test("A tenant may have so many unfinished turns and not one more, whichever way they come; others are not bound")
    func tenant() async throws {
        var options = PlatformOptions()
        options.gateway["PARLEY_TENANT_OPEN_TURNS_MAX"] = "50"
        options.startsWorker = false
        try await withOwnPlatform(options) { platform in
            let answers = try await withThrowingTaskGroup(of: PlatformResponse.self) { group in
                for number in 0..<80 {
                    group.addTask { try await accept(platform.client, session: "s-\(number % 8)") }
                }
                return try await group.reduce(into: [PlatformResponse]()) { $0.append($1) }
            }
            #expect(answers.count { $0.status == 200 } == 50)
            let refused = answers.filter { $0.status == 429 }
            #expect(refused.count == 30)
            for response in refused {
                #expect(response.code == "tenant_full")
                #expect(response.headers["retry-after"] == "1")
                #expect(response.headers["content-type"] == "application/problem+json")
            }
            #expect(try await platform.sql("SELECT count(*) FROM turns") == "50")

            let socket = try await platform.client.webSocket("over-the-socket")
            try await socket.send(["message": "x"])
            guard case .message(let answer) = try await socket.next() else { throw TestFailure("no answer") }
            #expect(answer["error"]?["code"]?.stringValue == "tenant_full")
            try await socket.close()

            let other = try await platform.makeTenant("other")
            #expect(try await accept(other, session: "s").status == 200)

            try await platform.worker.start()
            try await eventually("room again", interval: .milliseconds(100)) {
                try await accept(platform.client, session: "later").status == 200
            }
        }
    }

    @Test("So many clients may follow streams and not one more, which is told to come again")
    func followers() async throws {
        var options = PlatformOptions()
        options.gateway["PARLEY_STREAM_FOLLOWERS_MAX"] = "2"
        try await withOwnPlatform(options) { platform in
            let client = platform.client
            let stream = try await client.stream("first")
            let socket = try await client.webSocket("second")
            for session in ["first", "second"] {
                _ = try await client.post("hello", session: session)
            }
            _ = try await stream.events(through: \.isFinal)
            _ = try await socket.events(through: \.isFinal)

            let headers: HTTPClientHeaders = ["Accept": "text/event-stream"]
            let refused = try await client.request("GET", "/v1/session/first/stream", headers: headers)
            #expect(refused.status == 503)
            #expect(refused.headers["retry-after"] == "5")
            #expect(refused.code == "unavailable")
            await #expect(throws: (any Error).self) { try await client.webSocket("second") }

            stream.cancel()
            try await eventually("room for another", interval: .milliseconds(100)) {
                guard let third = try? await client.stream("second", after: "0") else { return false }
                defer { third.cancel() }
                return try await third.events(through: \.isFinal).last?.type == "message"
            }
            try await socket.close()
        }
    }
}
