import HTTPClient
import JSON
import Models
import Synchronization
import TestKit
import Testing

/// A provider beside a scripted model, with waits that are noted and not waited.
private final class Fixture: Sendable {
    let server: ScriptedModelServer
    let client: HTTPClientPool
    let provider: OpenAIProvider
    private let sleepsNoted = SleepLog()

    var sleeps: [Duration] { sleepsNoted.all.withLock { $0 } }

    init(
        _ script: ScriptedModelScript,
        gate: any ModelCallGate = OpenModelCallGate(),
        _ change: (inout ModelProfile) -> Void = { _ in }
    ) throws {
        server = try ScriptedModelServer(script)
        client = try HTTPClientPool()
        var profile = ModelProfile(name: "test", provider: .openai, baseURL: server.baseURL, model: "m")
        change(&profile)
        var surroundings = OpenAIProvider.Surroundings()
        surroundings.random = { 0.5 }
        surroundings.sleep = { [sleepsNoted] duration in
            try Task.checkCancellation()
            sleepsNoted.all.withLock { $0.append(duration) }
        }
        provider = try OpenAIProvider(profile: profile, client: client, gate: gate, surroundings: surroundings)
    }

    private final class SleepLog: Sendable {
        let all = Mutex<[Duration]>([])
    }
}

private final class Pieces: Sendable {
    private let state = Mutex<[String]>([])
    var all: [String] { state.withLock { $0 } }
    func append(_ piece: String) { state.withLock { $0.append(piece) } }
}

private func failure(_ fixture: Fixture, _ request: ModelRequest, pieces: Pieces = Pieces()) async -> ModelError? {
    do throws(ModelError) {
        _ = try await fixture.provider.complete(request) { pieces.append($0) }
        return nil
    } catch {
        return error
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
        #expect(try await fixture.provider.complete(hello).text == "at last")
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

    @Test(arguments: [ScriptedModelReply.Fault.cut(afterPieces: 2), .noEnd(afterPieces: 2)])
    func aCutStreamIsAnErrorAndNotRepeatedOnceTextWasShown(_ fault: ScriptedModelReply.Fault) async throws {
        let fixture = try Fixture(.always(.text("one two three").with(fault)))
        let pieces = Pieces()
        let error = await failure(fixture, hello, pieces: pieces)
        #expect(error?.code == .incomplete && error?.isRetriable == true)
        #expect(pieces.all == ["one ", "two "] && fixture.server.requestCount == 1)
    }

    @Test func aStreamCutBeforeTheFirstTextIsRepeated() async throws {
        let cut = ScriptedModelReply.text("one").with(.cut(afterPieces: 0))
        let fixture = try Fixture(.sequence([cut, .raw([]), .text("whole")]))
        #expect(try await fixture.provider.complete(hello).text == "whole")
        #expect(fixture.server.requestCount >= 3)
    }

    @Test func aMalformedChunkIsAnError() async throws {
        let fixture = try Fixture(.always(.text("one two").with(.malformedChunk(afterPieces: 1))))
        let pieces = Pieces()
        #expect(await failure(fixture, hello, pieces: pieces)?.code == .malformedResponse)
        #expect(pieces.all == ["one "] && fixture.server.requestCount == 1)
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
        try await eventually { fixture.server.hangUpCount == 1 }
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

    @Test func everyTryPassesTheGate() async throws {
        let gate = CountingGate()
        let fixture = try Fixture(.sequence([.error(503), .text("x")]), gate: gate)
        _ = try await fixture.provider.complete(hello)
        #expect(gate.ends.withLock { $0 } == [.unavailable, nil])
        gate.isOpen.withLock { $0 = false }
        let error = await failure(fixture, hello)
        #expect(error?.code == .configuration && fixture.server.requestCount == 2)
        #expect(gate.ends.withLock { $0.count } == 2)
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

private final class CountingGate: ModelCallGate {
    let ends = Mutex<[ModelError.Code?]>([])
    let isOpen = Mutex(true)
    func begin() throws(ModelError) {
        guard isOpen.withLock({ $0 }) else { throw ModelError(code: .configuration, message: "closed") }
    }
    func end(_ error: ModelError?) {
        ends.withLock { $0.append(error?.code) }
    }
}
