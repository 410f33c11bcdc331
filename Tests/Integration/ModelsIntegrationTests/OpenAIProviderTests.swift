import HTTPClient
import JSON
import Models
import Resilience
import Synchronization
import TestKit
import Testing

/// A provider beside a scripted model, asked as turns ask it, with waits that are noted and not waited.
private final class Fixture: Sendable {
    let server: ScriptedModelServer
    let client: HTTPClientPool
    let provider: OpenAIProvider
    let caller: ModelCaller
    let breaker: CircuitBreaker
    private let sleepsNoted = SleepLog()

    var sleeps: [Duration] { sleepsNoted.all.withLock { $0 } }

    init(
        _ script: ScriptedModelScript,
        failuresMax: Int = 1000,
        _ change: (inout ModelProfile) -> Void = { _ in }
    ) throws {
        breaker = CircuitBreaker(name: "model:test", limits: .init(failuresMax: failuresMax))
        server = try ScriptedModelServer(script)
        client = try HTTPClientPool()
        var profile = ModelProfile(name: "test", provider: .openai, baseURL: server.baseURL, model: "m")
        change(&profile)
        var surroundings = Retrier.Surroundings()
        surroundings.random = { 0.5 }
        surroundings.sleep = { [sleepsNoted] duration in
            try Task.checkCancellation()
            sleepsNoted.all.withLock { $0.append(duration) }
        }
        provider = try OpenAIProvider(profile: profile, client: client)
        var configuration = ModelCaller.Configuration()
        configuration.patience = .zero
        caller = ModelCaller(
            ModelCandidate(profile: profile, provider: provider, breaker: breaker),
            configuration: configuration,
            surroundings: surroundings
        )
    }

    /// Asks as turns do: tries that failed are repeated.
    func answer(_ request: ModelRequest, pieces: Pieces = Pieces()) async throws -> ModelResponse {
        try await caller.complete(request, pieces).response
    }

    private final class SleepLog: Sendable {
        let all = Mutex<[Duration]>([])
    }
}

private final class Pieces: ModelCallListener {
    private let state = Mutex<[String]>([])
    var all: [String] { state.withLock { $0 } }
    func append(_ piece: String) { state.withLock { $0.append(piece) } }
    func receive(_ text: String) async { append(text) }
    func restart() async throws { append("(again)") }
    func mayUse(_ fallback: ModelProfile) async throws -> Bool { true }
}

private func failure(_ fixture: Fixture, _ request: ModelRequest, pieces: Pieces = Pieces()) async -> ModelError? {
    do {
        _ = try await fixture.answer(request, pieces: pieces)
        return nil
    } catch {
        return error as? ModelError
    }
}

private let hello = ModelRequest(messages: [.user("hello big world")])
private let calculator = ModelTool(name: "calculator", description: "adds", parameters: ["type": "object"])

@Suite(.timeLimit(.minutes(1)))
struct OpenAIProviderTests {
    @Test func streamsAnAnswer() async throws {
        let fixture = try Fixture(.echo)
        let pieces = Pieces()
        let response = try await fixture.provider.complete(hello) { pieces.append($0) }
        #expect(pieces.all == ["You ", "said: ", "hello ", "big ", "world"])
        #expect(response.text == "You said: hello big world" && response.finishReason == .stop)
        #expect(response.usage == ModelUsage(inputTokens: 4, outputTokens: 5) && response.model == "m")
    }

    @Test func readsAnAnswerInOnePiece() async throws {
        let fixture = try Fixture(.echo) { $0.isStreaming = false }
        let pieces = Pieces()
        let response = try await fixture.provider.complete(hello) { pieces.append($0) }
        #expect(pieces.all == ["You said: hello big world"] && response.text == pieces.all[0])
        #expect(!response.usage.isEstimated && fixture.server.requests[0].isStreaming == false)
    }

    @Test func doesAToolTurn() async throws {
        for isStreaming in [true, false] {
            let fixture = try Fixture(.calculator) { $0.isStreaming = isStreaming }
            var request = ModelRequest(messages: [.user("Calculate 2 + 2")], tools: [calculator])
            let first = try await fixture.provider.complete(request)
            let call = try #require(first.toolCalls.first)
            #expect(first.finishReason == .toolCalls && first.text.isEmpty)
            #expect(call.name == "calculator" && call.arguments == .valid(["expression": "2 + 2"]))
            request.messages += [
                .assistant(first.text, toolCalls: first.toolCalls), .tool("{\"result\":4}", answering: call),
            ]
            #expect(try await fixture.provider.complete(request).text == "The result is 4.")
        }
    }

    @Test func sendsKeyModelAndIdempotencyKey() async throws {
        let fixture = try Fixture(.instant("x")) { profile in
            profile.apiKey = ModelAPIKey("s3cr3t")
            profile.baseURL = (profile.baseURL ?? "") + "/"
        }
        var request = hello
        request.model = "other"
        request.idempotencyKey = "turn:1"
        _ = try await fixture.provider.complete(request)
        let seen = try #require(fixture.server.requests.first)
        #expect(seen.headers["authorization"] == "Bearer s3cr3t" && seen.headers["idempotency-key"] == "turn:1")
        #expect(seen.model == "other" && seen.headers["content-type"] == "application/json")
    }

    @Test func usesAConnectionAgain() async throws {
        let fixture = try Fixture(.echo)
        for _ in 0..<30 {
            _ = try await fixture.provider.complete(hello)
        }
        #expect(fixture.server.requestCount == 30 && fixture.server.connectionCount <= 2)
    }

    @Test func waitsAsLongAsTheProviderAsks() async throws {
        let fixture = try Fixture(.sequence([.error(429, retryAfter: "2"), .error(503), .text("at last")]))
        #expect(try await fixture.answer(hello).text == "at last")
        #expect(fixture.sleeps == [.seconds(2), .milliseconds(500)])
        #expect(fixture.server.requestCount == 3)
    }

    @Test func givesUpAfterThreeRetries() async throws {
        let fixture = try Fixture(.always(.error(500, message: "s3cr3t")))
        let error = await failure(fixture, hello)
        #expect(error?.code == .unavailable && error?.status == 500 && error?.isRetriable == true)
        #expect(fixture.server.requestCount == 4)
        #expect(error?.providerDetail == "s3cr3t" && !"\(error as Any)".contains("s3cr3t"))
    }

    @Test func doesNotWaitPastTheDeadlineOrForAPatientProvider() async throws {
        let fixture = try Fixture(.always(.error(429, retryAfter: "30")))
        var request = hello
        request.deadline = ContinuousClock.now.advanced(by: .seconds(10))
        let error = await failure(fixture, request)
        #expect(error?.code == .rateLimited && error?.retryAfter == .seconds(30))
        #expect(fixture.server.requestCount == 1 && fixture.sleeps.isEmpty)
        fixture.server.setScript(.always(.error(429, retryAfter: "61")))
        #expect(await failure(fixture, hello)?.retryAfter == .seconds(61))
        #expect(fixture.server.requestCount == 1)
    }

    @Test(arguments: [(400, ModelError.Code.invalidRequest), (401, .unauthorized), (404, .invalidRequest)])
    func doesNotRepeatWhatIsRefused(_ status: Int, _ code: ModelError.Code) async throws {
        let fixture = try Fixture(.always(.error(status)))
        let error = await failure(fixture, hello)
        #expect(error?.code == code && error?.isRetriable == false && fixture.server.requestCount == 1)
    }

    @Test func repeatsAFailureToConnect() async throws {
        let fixture = try Fixture(.echo)
        fixture.server.stop()
        #expect(await failure(fixture, hello)?.code == .connectFailed)
        #expect(fixture.sleeps.count == 3)
    }

    @Test(arguments: [
        (ScriptedModelReply.Fault.cut(afterPieces: 2), ModelError.Code.incomplete),
        (.noEnd(afterPieces: 2), .incomplete), (.malformedChunk(afterPieces: 2), .malformedResponse),
    ])
    func anAnswerThatBreaksOffBeginsAgain(_ fault: ScriptedModelReply.Fault, _ code: ModelError.Code) async throws {
        let broken = ScriptedModelReply.text("one two three").with(fault)
        let fixture = try Fixture(.sequence([broken, .text("whole answer")]))
        let pieces = Pieces()
        #expect(try await fixture.answer(hello, pieces: pieces).text == "whole answer")
        #expect(pieces.all == ["one ", "two ", "(again)", "whole ", "answer"])
        fixture.server.setScript(.always(broken))
        #expect(await failure(fixture, hello)?.code == code)
        #expect(fixture.server.requestCount == 4)
    }

    @Test func aStreamCutBeforeTheFirstTextIsRepeated() async throws {
        let cut = ScriptedModelReply.text("one").with(.cut(afterPieces: 0))
        let fixture = try Fixture(.sequence([cut, .raw([]), .text("whole")]))
        #expect(try await fixture.answer(hello).text == "whole")
        #expect(fixture.server.requestCount >= 3)
    }

    @Test func whatIsNotAChatCompletionIsAnError() async throws {
        let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
        let fixture = try Fixture(.always(.raw(Array(page.utf8))))
        #expect(await failure(fixture, hello)?.code == .malformedResponse)
        fixture.server.setScript(.always(.raw(Array("nonsense\r\n\r\n".utf8))))
        #expect(await failure(fixture, hello)?.code == .malformedResponse)
    }

    @Test func malformedArgumentsReachTheCallerMarked() async throws {
        let fixture = try Fixture(.always(.toolCalls([.init(name: "t", arguments: "{\"x\": ")])))
        let call = try #require(try await fixture.provider.complete(hello).toolCalls.first)
        guard case .malformed = call.arguments else {
            Issue.record("was taken as \(call.arguments)")
            return
        }
        #expect(call.argumentsJSON == "{\"x\": ")
    }

    @Test func missingUsageIsEstimatedAndMarked() async throws {
        let fixture = try Fixture(.always(.text("12345678").withoutUsage()))
        let usage = try await fixture.provider.complete(hello).usage
        #expect(usage == ModelUsage(inputTokens: 8, outputTokens: 2, isEstimated: true))
    }

    @Test(arguments: ["application/json", "text/event-stream"])
    func limitsTheAnswer(_ type: String) async throws {
        let choice =
            "{\"choices\":[{\"message\":{\"content\":\"x\"},\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}"
        let body = type.hasSuffix("json") ? choice : "data: \(choice)\n\ndata: [DONE]\n\n"
        let head = "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        let reply = ScriptedModelReply.raw(Array((head + body).utf8))
        let fitting = try Fixture(.always(reply)) { $0.responseBytesMax = body.utf8.count }
        #expect(try await fitting.provider.complete(hello).text == "x")
        let tight = try Fixture(.always(reply)) { $0.responseBytesMax = body.utf8.count - 1 }
        #expect(await failure(tight, hello)?.code == .responseTooLarge)
    }

    @Test func timesOutInSilenceAndAtTheDeadline() async throws {
        let fixture = try Fixture(.always(.text("a b").with(.hang(afterPieces: 1)))) {
            $0.idleTimeout = .milliseconds(80)
        }
        #expect(await failure(fixture, hello)?.code == .timedOut)
        try await eventually { fixture.server.hangUpCount == 4 }
        let silent = try Fixture(.always(.hang))
        var request = hello
        request.deadline = ContinuousClock.now.advanced(by: .milliseconds(80))
        #expect(await failure(silent, request)?.code == .timedOut)
        #expect(silent.server.requestCount == 1)
    }

    @Test func cancellingHangsUp() async throws {
        for reply in [ScriptedModelReply.hang, .text("a b c").with(.hang(afterPieces: 2))] {
            let fixture = try Fixture(.always(reply))
            let task = Task { await failure(fixture, hello) }
            try await eventually { fixture.server.requestCount == 1 }
            task.cancel()
            #expect(await task.value?.code == .cancelled)
            try await eventually { fixture.server.hangUpCount == 1 }
        }
    }

    @Test func piecesComeWhileTheModelStillSpeaks() async throws {
        let fixture = try Fixture(.always(.text("a b c").with(.hang(afterPieces: 2))))
        let pieces = Pieces()
        let task = Task { await failure(fixture, hello, pieces: pieces) }
        try await eventually { pieces.all == ["a ", "b "] }
        task.cancel()
        #expect(await task.value?.code == .cancelled)
    }

    @Test func theScriptedModelTakesItsTime() async throws {
        let slow = ScriptedModelScript.instant("a b c").delayed(firstByte: .milliseconds(20), piece: .milliseconds(40))
        let fixture = try Fixture(slow)
        let start = ContinuousClock.now
        #expect(try await fixture.provider.complete(hello).text == "a b c")
        #expect(start.duration(to: .now) >= .milliseconds(140))
    }

    @Test func whenTheBreakerIsOpenNothingIsSent() async throws {
        let fixture = try Fixture(.always(.error(503)), failuresMax: 5)
        #expect(await failure(fixture, hello)?.status == 503)
        #expect(fixture.breaker.status.consecutiveFailures == 4)
        #expect(await failure(fixture, hello)?.code == .unavailable)
        #expect(fixture.server.requestCount == 5)
        #expect(fixture.breaker.status.state == .open)
    }

    @Test func aThousandCallsAtOnceAllEndWell() async throws {
        let fixture = try Fixture(.echo)
        let start = ContinuousClock.now
        let texts = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    let request = ModelRequest(messages: [.user("n\(number)")])
                    return try await fixture.provider.complete(request).text == "You said: n\(number)"
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        print("1000 streamed calls in \(start.duration(to: .now))")
        #expect(texts.count == 1000 && !texts.contains(false))
        #expect(fixture.server.connectionCount <= 128)
    }
}
