import Foundation
import HTTPServer
import JSON
import Synchronization
import TestKit
import Testing

/// `send` against the whole platform.
@Suite(.timeLimit(.minutes(3))) struct SendTests {
    private func terminal(_ platform: Platform, key: String? = nil) -> OperatorTerminal {
        OperatorTerminal(settings: [
            "PARLEY_URL": platform.client.baseURL, "PARLEY_API_KEY": key ?? platform.client.key ?? "",
        ])
    }

    @Test func anAnswerIsShown() async throws {
        try await withPlatform { platform in
            let result = try await terminal(platform).run("send", "Hello there")
            #expect(result.exit == .exited(0), "\(result.standardError)")
            #expect(result.standardOutput == "You said: Hello there\n")
            #expect(result.standardError.hasPrefix("session "))
        }
    }

    @Test func toolCallsAreShown() async throws {
        try await withPlatform { platform in
            let result = try await terminal(platform).run("send", "--session", "ctl-tools", "Calculate 6 * 7")
            #expect(result.exit == .exited(0), "\(result.standardError)")
            #expect(result.lines.count == 3, "\(result.standardOutput)")
            #expect(result.lines.first == #"-> calculator {"expression":"6 * 7"}"#)
            #expect(result.lines.dropFirst().first?.hasPrefix("<- calculator success ") ?? false)
            #expect(result.lines.last == "The result is 42.")
            #expect(result.standardError.isEmpty)
            // What the session had before is not shown again.
            let next = try await terminal(platform).run("send", "--session", "ctl-tools", "Thanks")
            #expect(next.standardOutput == "You said: Thanks\n")
        }
    }

    @Test func aTurnThatFailsIsSaidWithItsReason() async throws {
        try await withPlatform { platform in
            let marker = platform.model.answer { _, _ in .error(400) }
            let result = try await terminal(platform).run("send", "Fail \(marker)")
            result.expectFailure(1, "the turn failed: ")
            #expect(result.standardOutput.isEmpty)
        }
    }

    @Test func linesOfStandardInputAreMessagesOfOneSession() async throws {
        try await withPlatform { platform in
            let marker = platform.model.answer { _, _ in .error(400) }
            let result = try await terminal(platform).run("send", input: "one\n\n  \nFail \(marker)\n--two")
            result.expectFailure(1, "the turn failed: ")
            #expect(result.lines == ["You said: one", "You said: --two"])
            let session = try #require(result.standardError.split(separator: "\n").first?.dropFirst("session ".count))
            let users = try await platform.sql(
                "SELECT count(*) FROM session_events WHERE session_id = '\(session)' AND role = 'user'"
            )
            #expect(users == "3")
        }
    }

    @Test func thePersonaIsSpokenTo() async throws {
        try await withPlatform { platform in
            let result = try await terminal(platform)
                .run("send", "--persona", "helper", "--session", "ctl-persona", "--", "-hello")
            #expect(result.standardOutput == "You said: -hello\n")
            let persona = try await platform.sql(
                "SELECT DISTINCT persona_id FROM session_events WHERE session_id = 'ctl-persona'"
            )
            #expect(persona == "helper")
        }
    }

    @Test func whatTheGatewayRefusesIsSaid() async throws {
        try await withPlatform { platform in
            let result = try await terminal(platform, key: "pk_hunter2").run("send", "Hello")
            result.expectFailure(1, "401", "PARLEY_API_KEY")
            #expect(!result.standardError.contains("hunter2"))
            let noKey = OperatorTerminal(settings: ["PARLEY_URL": platform.client.baseURL])
            try await noKey.run("send", "Hello").expectFailure(1, "PARLEY_API_KEY: is not set")
        }
        let away = OperatorTerminal(settings: [
            "PARLEY_URL": "http://127.0.0.1:\(try freePort())", "PARLEY_API_KEY": "pk_hunter2",
        ])
        try await away.run("send", "Hello").expectFailure(1, "127.0.0.1")
        try await away.run("send", "").expectFailure(64, "MESSAGE is empty")
        try await away.run("send", "--session", "a b", "Hello").expectFailure(64, "--session")
        try await away.run("send", "two", "words").expectFailure(64, #""words""#)
    }

    @Test func anAnswerGoesOnWhenTheGatewayWasKilled() async throws {
        try await withOwnPlatform { platform in
            let words = (0..<60).map { "word\($0)" }.joined(separator: " ")
            let marker = platform.model.answer { _, _ in
                var reply = ScriptedModelReply.text(words)
                reply.pieceDelay = .milliseconds(50)
                return reply
            }
            let (process, path) = try terminal(platform).start("send", "--session", "cut", "Go \(marker)")
            try await eventually("the beginning of the answer") { output(at: path).contains("word5 ") }
            try await platform.gateway.restart()
            #expect(try await process.wait(timeout: .seconds(30)) == .exited(0), "\(process.log())")
            #expect(output(at: path) == words + "\n")
        }
    }
}

/// `send` against a server that cuts streams where the test wants it.
@Suite(.timeLimit(.minutes(1))) struct SendResumeTests {
    /// What the server was asked.
    private final class Seen: Sendable {
        let lastEventIDs = Mutex<[String?]>([])
        let messages = Mutex<[JSONValue]>([])
    }

    private struct Cut: Error {}

    private static func event(_ id: String, _ members: JSONObject) -> [UInt8] {
        ServerSentEvent(id: id, event: "any", data: JSONValue.object(members).string).serialized()
    }

    private func withServer(
        _ streams: [[[UInt8]]],
        _ body: (OperatorTerminal, Seen) async throws -> Void
    ) async throws {
        let seen = Seen()
        var configuration = HTTPServerConfiguration()
        configuration.host = "127.0.0.1"
        configuration.port = 0
        let server = HTTPListener(configuration: configuration) { request in
            if request.method == "POST" {
                let message = try JSONValue.parse(try await request.body.collect())
                seen.messages.withLock { $0.append(message) }
                let accepted: JSONValue = ["session_id": message["session_id"] ?? .null, "event_id": "turn-1"]
                return HTTPResponse(status: 200, body: .bytes(accepted.serialized()))
            }
            let number = seen.lastEventIDs.withLock { ids in
                ids.append(request.header("last-event-id"))
                return ids.count - 1
            }
            guard number < streams.count else { return HTTPResponse(status: 503, headers: [("retry-after", "0")]) }
            return HTTPResponse(
                status: 200,
                headers: [("content-type", "text/event-stream")],
                body: .stream { writer in
                    for piece in streams[number] { try await writer.write(piece) }
                    throw Cut()
                }
            )
        }
        let port = try await server.start()
        let terminal = OperatorTerminal(settings: [
            "PARLEY_URL": "http://127.0.0.1:\(port)", "PARLEY_API_KEY": "pk_test",
        ])
        do {
            try await body(terminal, seen)
        } catch {
            await server.shutdown(gracePeriod: .zero)
            throw error
        }
        await server.shutdown(gracePeriod: .zero)
    }

    private static func delta(_ index: Int, _ text: String) -> [UInt8] {
        event("1-\(index + 1)", ["type": "delta", "turn_id": "turn-1", "index": .int(index), "text": .string(text)])
    }

    @Test func aCutStreamIsResumedAfterItsLastEvent() async throws {
        let half = Self.delta(2, "lost")
        let streams = [
            [Self.delta(0, "Hel"), Self.delta(1, "lo "), Array(half.prefix(half.count - 1))],
            [],
            [
                Self.delta(2, "wor"),
                Self.event("1-9", ["type": "message", "turn_id": "turn-1", "message": "Hello world"]),
            ],
        ]
        try await withServer(streams) { terminal, seen in
            let result = try await terminal.run("send", "--session", "s", "Hi")
            #expect(result.exit == .exited(0), "\(result.standardError)")
            #expect(result.standardOutput == "Hello world\n")
            #expect(seen.lastEventIDs.withLock { $0 } == [nil, "1-2", "1-2"])
            #expect(seen.messages.withLock { $0 } == [["session_id": "s", "message": "Hi"]])
        }
    }

    @Test func aStreamThatNeverComesIsGivenUp() async throws {
        try await withServer([[Self.delta(0, "Hel")]]) { terminal, seen in
            let result = try await terminal.run("send", "--session", "s", "Hi")
            result.expectFailure(1, "could not be resumed in 10 attempts")
            #expect(result.standardOutput.hasPrefix("Hel"))
            // The one that brought something counts as the first attempt anew.
            #expect(seen.lastEventIDs.withLock { $0.count } == 10)
        }
    }

    @Test func eventsOfOtherTurnsAreNotShown() async throws {
        let streams = [
            [
                Self.event("1-1", ["type": "message", "turn_id": "other", "message": "old"]),
                Self.event("2-1", ["type": "turn.cancelled", "turn_id": "turn-1", "error": ["code": "cancelled"]]),
            ]
        ]
        try await withServer(streams) { terminal, _ in
            let result = try await terminal.run("send", "Hi")
            result.expectFailure(1, "the turn was cancelled: cancelled")
            #expect(result.standardOutput.isEmpty)
        }
    }
}
