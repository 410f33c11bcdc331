import Models
import Observability
import Resilience
import Synchronization
import Testing

/// A model that says what it is told to: pieces of text, then an answer or an error.
private final class FakeModel: ModelProvider {
    enum Step: Sendable {
        case answer([String])
        case fail(ModelError.Code, after: [String] = [], retryAfter: Duration? = nil)
    }

    private struct State {
        var steps: [Step]
        var requests: [ModelRequest] = []
    }

    private let state: Mutex<State>

    init(_ steps: [Step]) {
        state = Mutex(State(steps: steps))
    }

    var requests: [ModelRequest] { state.withLock(\.requests) }

    func complete(
        _ request: ModelRequest,
        onDelta: @Sendable (String) async -> Void
    ) async throws(ModelError) -> ModelResponse {
        let step = state.withLock { state in
            state.requests.append(request)
            return state.steps.count > 1 ? state.steps.removeFirst() : state.steps[0]
        }
        switch step {
        case .answer(let pieces):
            for piece in pieces { await onDelta(piece) }
            return ModelResponse(
                text: pieces.joined(),
                usage: ModelUsage(inputTokens: 1, outputTokens: 1),
                finishReason: .stop,
                model: "fake"
            )
        case .fail(let code, let pieces, let retryAfter):
            for piece in pieces { await onDelta(piece) }
            throw ModelError(code: code, message: "no", retryAfter: retryAfter)
        }
    }
}

/// Notes what a call does, and lets time pass at once when it waits.
private final class Notes: ModelCallListener {
    private struct State {
        var now = ContinuousClock.now
        var events: [String] = []
    }

    private let state = Mutex(State())
    let allowsFallback: Bool

    init(allowsFallback: Bool = true) {
        self.allowsFallback = allowsFallback
    }

    var events: [String] { state.withLock(\.events) }
    var now: ContinuousClock.Instant { state.withLock(\.now) }

    private func note(_ event: String) {
        state.withLock { $0.events.append(event) }
    }

    func receive(_ text: String) async { note(text) }
    func restart() async throws { note("restart") }
    func mayUse(_ fallback: ModelProfile) async throws -> Bool {
        note("may \(fallback.name)")
        return allowsFallback
    }

    var surroundings: Retrier.Surroundings {
        var surroundings = Retrier.Surroundings()
        surroundings.now = { self.now }
        surroundings.random = { 0.5 }
        surroundings.sleep = { duration in
            try Task.checkCancellation()
            self.state.withLock { state in
                state.now = state.now.advanced(by: duration)
                state.events.append("wait \(duration)")
            }
        }
        return surroundings
    }
}

struct ModelCallerTests {
    private let request = ModelRequest(messages: [.user("hello")])

    private func candidate(_ name: String, _ model: FakeModel, _ notes: Notes) -> ModelCandidate {
        var profile = ModelProfile(name: name, provider: .openai, model: name)
        profile.retries = RetryPolicy(retriesMax: 2, baseDelay: .seconds(2), delayMax: .seconds(8))
        return ModelCandidate(
            profile: profile,
            provider: model,
            breaker: CircuitBreaker(name: "model:\(name)", now: { notes.now })
        )
    }

    private func caller(_ first: FakeModel, _ notes: Notes, fallback second: FakeModel? = nil) -> ModelCaller {
        ModelCaller(
            candidate("first", first, notes),
            fallback: second.map { candidate("fallback", $0, notes) },
            surroundings: notes.surroundings
        )
    }

    private func error(_ caller: ModelCaller, _ request: ModelRequest, _ notes: Notes) async -> ModelError? {
        await #expect(throws: ModelError.self) { try await caller.complete(request, notes) }
    }

    @Test func noTextIsGivenTwiceWithoutARestartBetween() async throws {
        let notes = Notes()
        let model = FakeModel([
            .fail(.unavailable), .fail(.incomplete, after: ["half ", "an"]), .answer(["a ", "whole"]),
        ])
        let answer = try await caller(model, notes).complete(request, notes)
        #expect(answer.response.text == "a whole" && answer.tries == 3 && answer.profile == "first")
        #expect(notes.events == ["wait 1.0 seconds", "half ", "an", "wait 2.0 seconds", "restart", "a ", "whole"])
    }

    @Test(arguments: ModelError.Code.allCases)
    func repeatsOnlyWhatMayPass(_ code: ModelError.Code) async throws {
        let repeated: Set<ModelError.Code> = [
            .connectFailed, .timedOut, .rateLimited, .unavailable, .incomplete, .malformedResponse, .overloaded,
        ]
        let notes = Notes()
        let model = FakeModel([.fail(code)])
        #expect(await error(caller(model, notes), request, notes)?.code == code)
        #expect(model.requests.count == (repeated.contains(code) ? 3 : 1))
    }

    @Test func waitsAsLongAsItIsAskedTo() async throws {
        let notes = Notes()
        let model = FakeModel([.fail(.rateLimited, retryAfter: .seconds(7)), .answer(["x"])])
        _ = try await caller(model, notes).complete(request, notes)
        #expect(notes.events == ["wait 7.0 seconds", "x"])
    }

    @Test func endsAtTheDeadline() async throws {
        let notes = Notes()
        let model = FakeModel([.fail(.unavailable)])
        var request = request
        request.deadline = notes.now + .seconds(3)
        #expect(await error(caller(model, notes), request, notes)?.code == .unavailable)
        #expect(notes.events == ["wait 1.0 seconds"], "the second wait would reach the deadline")
    }

    @Test func theFallbackAnswersWhenTheFirstDoesNot() async throws {
        let notes = Notes()
        let (first, second) = (FakeModel([.fail(.timedOut, after: ["so "])]), FakeModel([.answer(["well"])]))
        var request = request
        request.idempotencyKey = "turn/1"
        let answer = try await caller(first, notes, fallback: second).complete(request, notes)
        #expect(answer.profile == "fallback" && answer.tries == 4)
        #expect(notes.events.suffix(4) == ["so ", "may fallback", "restart", "well"])
        #expect(second.requests.map(\.idempotencyKey) == ["turn/1/fallback"])
    }

    @Test func theFallbackIsNotAskedAgainstThePolicyNorForTheCallersErrors() async throws {
        let second = FakeModel([.answer(["well"])])
        let refusing = Notes(allowsFallback: false)
        let first = FakeModel([.fail(.unavailable)])
        #expect(await error(caller(first, refusing, fallback: second), request, refusing) != nil)
        let notes = Notes()
        for code in [ModelError.Code.invalidRequest, .contextTooLong, .responseTooLarge, .cancelled, .shutDown] {
            let first = FakeModel([.fail(code)])
            #expect(await error(caller(first, notes, fallback: second), request, notes)?.code == code)
        }
        #expect(second.requests.isEmpty && notes.events.isEmpty)
    }

    @Test func whenBothFailTheFirstOnesErrorIsTold() async throws {
        let notes = Notes()
        let (first, second) = (FakeModel([.fail(.rateLimited)]), FakeModel([.fail(.unauthorized)]))
        #expect(await error(caller(first, notes, fallback: second), request, notes)?.code == .rateLimited)
        #expect(second.requests.count == 1)
    }

    @Test func whileTheBreakerIsOpenTheFallbackIsAskedAtOnce() async throws {
        let notes = Notes()
        let (first, second) = (FakeModel([.fail(.unavailable)]), FakeModel([.answer(["well"])]))
        let caller = caller(first, notes, fallback: second)
        for _ in 0..<2 { _ = try await caller.complete(request, notes) }
        #expect(first.requests.count == 5, "five failures open it, in the second call's second try")
        let before = notes.events.count
        _ = try await caller.complete(request, notes)
        #expect(first.requests.count == 5)
        #expect(Array(notes.events[before...]) == ["may fallback", "well"])
    }

    @Test func withoutAFallbackTheCallWaitsForTheProbe() async throws {
        let notes = Notes()
        let failing = FakeModel.Step.fail(.unavailable)
        let model = FakeModel([failing, failing, failing, failing, failing, .answer(["back"])])
        let caller = caller(model, notes)
        _ = await error(caller, request, notes)
        // Its second try opens the breaker; the third comes when that lets it through.
        #expect(try await caller.complete(request, notes).response.text == "back")
        #expect(notes.events.suffix(2) == ["wait 28.0 seconds", "back"])
    }

    @Test func patienceEnds() async throws {
        let notes = Notes()
        let model = FakeModel([.fail(.unavailable)])
        let candidate = candidate("first", model, notes)
        var configuration = ModelCaller.Configuration()
        configuration.patience = .seconds(29)
        let caller = ModelCaller(candidate, configuration: configuration, surroundings: notes.surroundings)
        for _ in 0..<5 { candidate.breaker.end(try candidate.breaker.begin(), .failure) }
        let refused = await error(caller, request, notes)
        #expect(refused?.code == .unavailable && refused?.retryAfter == .seconds(30))
        #expect(model.requests.isEmpty && notes.events.isEmpty)
    }

    @Test func theFirstTextOfAProbeClosesTheBreaker() async throws {
        let notes = Notes()
        let candidate = candidate("first", FakeModel([.fail(.incomplete, after: ["it ", "speaks"])]), notes)
        for _ in 0..<5 { candidate.breaker.end(try candidate.breaker.begin(), .failure) }
        try await notes.surroundings.sleep(.seconds(30))
        var request = request
        request.deadline = notes.now + .seconds(1)
        _ = await error(ModelCaller(candidate, surroundings: notes.surroundings), request, notes)
        #expect(candidate.breaker.status.state == .closed)
    }

    @Test func failedTriesAreCounted() async throws {
        let notes = Notes()
        let metrics = MetricsRegistry()
        let model = FakeModel([.fail(.unavailable), .fail(.timedOut), .answer(["x"])])
        let caller = ModelCaller(candidate("first", model, notes), metrics: metrics, surroundings: notes.surroundings)
        _ = try await caller.complete(request, notes)
        let text = metrics.render()
        #expect(text.contains("parley_model_failed_tries_total{profile=\"first\",code=\"unavailable\"} 1\n"))
        #expect(text.contains("parley_model_failed_tries_total{profile=\"first\",code=\"timedOut\"} 1\n"))
    }
}
