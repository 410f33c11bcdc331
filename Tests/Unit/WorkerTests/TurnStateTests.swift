import Budget
import Domain
import JSON
import Models
import Policy
import Store
import Testing

@testable import parley_worker

struct TurnStateTests {
    private let key = TurnKey(tenantID: "default", sessionID: "s", turnID: "t")
    private let context = [ModelMessage.system("Be brief."), .user("before"), .assistant("answer")]

    private func state(attempt: Int = 1, isResumed: Bool = false, journal: [TurnStep] = []) -> TurnState {
        let turn = ClaimedTurn(key: key, seq: 7, message: "Hi", attempt: attempt, isResumed: isResumed)
        return TurnState(turn: turn, context: context, journal: journal)
    }

    private func response(_ text: String, calls: [ModelToolCall] = []) -> ModelResponse {
        ModelResponse(
            text: text,
            toolCalls: calls,
            usage: ModelUsage(inputTokens: 10, outputTokens: 2),
            finishReason: calls.isEmpty ? .stop : .toolCalls,
            model: "m"
        )
    }

    private func answer(_ action: PolicyAction, isAllowed: Bool = true) -> PolicyAnswer {
        let decision = PolicyDecision(isAllowed: isAllowed, reason: "because")
        let question = PolicyInput.model(action, "m", profile: "p", tenant: "default", personaID: nil)
        return PolicyAnswer(question: question, decision: decision)
    }

    private func toolRequest(_ eventID: String, call: ModelToolCall) -> ToolRequest {
        var request = ToolRequest(eventID: eventID, sessionID: "s", toolName: call.name, arguments: ["message": "x"])
        request.toolCallID = call.id
        return request
    }

    private let call = ModelToolCall(id: "call-1", name: "echo", argumentsJSON: #"{"message":"x"}"#)

    @Test func aNewTurnBeginsWithTheMessage() {
        let state = state()
        #expect(state.messages == context + [.user("Hi")])
        #expect(state.toolRounds == 0)
        #expect(!state.isAdmitted)
        #expect(state.newSteps.isEmpty)
        #expect(state.usage == TokenUsage())
    }

    @Test func positionsCountFromTheAttemptsFirst() {
        var first = state()
        #expect(first.takePosition() == StreamPosition(turn: 7, index: 0))
        #expect(first.takePosition() == StreamPosition(turn: 7, index: 1))
        var second = state(attempt: 2)
        #expect(second.takePosition() == StreamPosition(turn: 7, index: StreamPosition.attemptStride))
        second.advance(past: DeltaCounters(streamNext: StreamPosition.attemptStride + 5, deltaNext: 4), of: second.turn)
        #expect(second.takePosition().index == StreamPosition.attemptStride + 5)
        #expect(second.deltaNext == 4)
    }

    @Test func onlyThePermissionToRunAdmitsATurn() {
        var live = state()
        live.append(answer(.modelCall))
        #expect(!live.isAdmitted)
        #expect(!state(attempt: 2, journal: live.newSteps).isAdmitted)
        live.append(answer(.turnRun, isAllowed: false))
        #expect(!live.isAdmitted)
        live.append(answer(.turnRun))
        live.append(answer(.modelCall, isAllowed: false))
        #expect(live.isAdmitted)
        #expect(state(attempt: 2, journal: live.newSteps).isAdmitted)
        #expect(live.newSteps.map { $0.response?["allow"] } == [true, false, true, false].map { .bool($0) })
    }

    @Test func stepsAreNumberedInOrder() throws {
        var state = state()
        state.append(answer(.turnRun))
        state.append(answer(.modelCall))
        state.note(BudgetDecision(allowed: true, totalTokens: 12, limitTokens: 100))
        state.append(response("", calls: [call]), request: ModelRequest(messages: state.messages), profile: "p")
        _ = state.takePosition()
        let position = state.append(toolRequest("e1", call: call), request: [:])
        #expect(position == StreamPosition(turn: 7, index: 1))
        #expect(state.newSteps.map(\.number) == [1, 2, 3, 4, 5])
        #expect(state.newSteps.map(\.kind) == [.policy, .policy, .budget, .model, .tool])
        #expect(state.newSteps.map(\.isDone) == [true, true, true, true, false])
        #expect(state.newSteps.prefix(2).map(\.name) == ["turn.run", "model.call"])
        #expect(state.newSteps[1].request == ["model": "m", "profile": "p"])
        #expect(state.newSteps[1].response?["allow"] == .bool(true))
        #expect(state.newSteps.last?.eventID == "e1")
        #expect(state.newSteps.last?.streamIndex == 1)
        #expect(state.isAdmitted)
        #expect(state.toolRounds == 1)
        #expect(state.usage == TokenUsage(inputTokens: 10, outputTokens: 2))
        let write = state.write(events: [])
        #expect(write.steps.count == 5)
        #expect(write.streamNext == 2)
    }

    /// The journal of a turn that called a tool and got its answer, as it is read back from the database.
    private func journal() throws -> [TurnStep] {
        let request = toolRequest("e1", call: call)
        let result = ToolResult(to: request, status: .success, payload: ["message": "x"])
        return [
            TurnStep(number: 1, kind: .policy, name: "turn.run", attempt: 1, request: nil, response: [:]),
            TurnStep(number: 2, kind: .budget, name: "model.call", attempt: 1, request: nil, response: [:]),
            TurnStep(
                number: 3,
                kind: .model,
                name: "p",
                attempt: 1,
                request: [:],
                response: response("let me see", calls: [call]).json
            ),
            TurnStep(
                number: 4,
                kind: .tool,
                name: "echo",
                eventID: "e1",
                attempt: 1,
                streamIndex: 2,
                request: try JSONValue.parse(request.serialized()),
                response: try JSONValue.parse(result.serialized())
            ),
        ]
    }

    @Test func aJournalIsReplayed() throws {
        var state = state(attempt: 2, journal: try journal())
        #expect(state.isAdmitted, "the policy is not asked again")
        #expect(state.toolRounds == 1)
        #expect(state.newSteps.isEmpty, "nothing of it is written again")
        let expected =
            context + [
                .user("Hi"), .assistant("let me see", toolCalls: [call]),
                ModelMessage(role: .tool, content: #"{"message":"x"}"#, toolCallID: "call-1", name: "echo"),
            ]
        #expect(state.messages == expected)
        state.append(response("done"), request: ModelRequest(messages: state.messages), profile: "p")
        #expect(state.newSteps.map(\.number) == [5])
    }

    @Test func whatTheModelIsToldIsTheSameLiveAndReplayed() throws {
        var live = state()
        live.append(answer(.turnRun))
        live.append(response("", calls: [call]), request: ModelRequest(messages: live.messages), profile: "p")
        let request = toolRequest("e1", call: call)
        let refusal = ToolResult(to: request, status: .error, payload: [:], error: "The call is not valid.")
        live.appendRefused(request, request: try JSONValue.parse(request.serialized()), result: refusal)
        let replayed = state(attempt: 2, journal: live.newSteps)
        #expect(replayed.messages == live.messages)
        #expect(replayed.toolRounds == live.toolRounds)
        #expect(live.messages.last?.content.contains("The call is not valid.") == true)
    }

    @Test func aToolThatHasNotAnsweredIsNotInWhatTheModelSees() throws {
        var steps = try journal()
        steps[3].isDone = false
        steps[3].response = nil
        let state = state(isResumed: true, journal: steps)
        #expect(state.messages.last?.role == .assistant)
    }

    @Test func roundsAreCountedAcrossAttempts() throws {
        let rounds = (1...3).map { number in
            TurnStep(
                number: number,
                kind: .model,
                name: "p",
                attempt: number,
                request: [:],
                response: response("", calls: [call]).json
            )
        }
        #expect(state(attempt: 4, journal: rounds).toolRounds == 3)
    }

    @Test func predictionsStandBehindTheInstructionsAndComeAgainFromTheJournal() throws {
        let recall = try #require(
            MemoryRecall(json: ["outcome": "predicted", "node_id": "n", "patterns": ["p"], "text": "then coffee"])
        )
        var first = state()
        #expect(first.mayRecall)
        first.append(recall)
        #expect(!first.mayRecall)
        let told = [context[0], .system("then coffee")] + context.dropFirst() + [.user("Hi")]
        #expect(first.messages == told)
        let request = ModelRequest(messages: first.messages)
        first.append(response("", calls: [call]), request: request, profile: "default")
        let journal = first.write(events: []).steps
        #expect(journal.map(\.kind) == [.memory, .model])
        #expect(journal[1].request?["context_messages"] == 4)
        #expect(journal[1].request?["messages"]?.arrayValue?.count == 1)
        let second = state(isResumed: true, journal: journal)
        #expect(second.messages == first.messages)
        #expect(second.recall == recall)
        #expect(!second.mayRecall)
    }

    @Test func aTurnWhoseModelAnsweredWithoutMemoryIsNotGivenOneLater() {
        var first = state()
        first.append(response("", calls: [call]), request: ModelRequest(messages: first.messages), profile: "default")
        #expect(!first.mayRecall)
        #expect(!state(isResumed: true, journal: first.write(events: []).steps).mayRecall)
    }

    @Test func aMemoryThatGaveNoAnswerIsNotAskedAgainAndTellsNothing() {
        var first = state()
        first.append(MemoryRecall(without: .timedOut))
        #expect(first.messages == context + [.user("Hi")])
        let second = state(isResumed: true, journal: first.write(events: []).steps)
        #expect(!second.mayRecall)
        #expect(second.recall?.metadata == nil)
        #expect(second.messages == first.messages)
    }
}
