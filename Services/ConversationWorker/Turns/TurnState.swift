import Budget
import Domain
import JSON
import Models
import Policy
import Store

/// What the policies said to a question of a turn.
struct PolicyAnswer: Sendable {
    /// What was asked.
    let question: PolicyInput
    /// What they said.
    let decision: PolicyDecision
}

/// A turn in the hands of this worker: what its journal says so far, and what is new since the last write.
///
/// No I/O.
struct TurnState {
    /// The turn, as it was claimed.
    private(set) var turn: ClaimedTurn
    /// What the model sees: instructions, history, the user's message, then this turn's own calls and answers.
    private(set) var messages: [ModelMessage]
    /// Steps that are not written yet.
    private(set) var newSteps: [TurnStep] = []
    /// How many times tools were called.
    private(set) var toolRounds = 0
    /// Tokens used by the whole turn so far.
    private(set) var usage: TokenUsage
    /// Where the turn's next event stands in the stream.
    private(set) var streamNext: Int64
    /// The number of the turn's next delta.
    private(set) var deltaNext: Int
    /// The last answer of the budget.
    private(set) var budget: BudgetDecision?
    private var stepNext = 1
    private var contextCount: Int

    /// Begins, or goes on after what the journal holds.
    /// - Parameters:
    ///   - turn: The turn.
    ///   - context: Instructions and history.
    ///   - journal: The steps that are written, in order.
    init(turn: ClaimedTurn, context: [ModelMessage], journal: [TurnStep]) {
        self.turn = turn
        contextCount = context.count
        messages = context + [ModelMessage(role: .user, content: turn.message)]
        usage = turn.usage
        streamNext = turn.streamNext
        deltaNext = turn.deltaNext
        for step in journal {
            replay(step)
        }
    }

    /// Whether the policies have let this turn run already.
    private(set) var isAdmitted = false
    /// What the memory came to in this turn; nil when it was not asked.
    private(set) var recall: MemoryRecall?
    private var modelHasAnswered = false

    /// Whether the memory may still be asked: once, and not after the model has answered without it.
    var mayRecall: Bool { recall == nil && !modelHasAnswered }

    /// Notes what the memory came to, and tells the model.
    mutating func append(_ recall: MemoryRecall) {
        append(.memory, name: "recall", request: nil, response: recall.json)
        take(recall)
    }

    /// The predictions stand behind the instructions, before the history: some models take no system message later.
    private mutating func take(_ recall: MemoryRecall) {
        self.recall = recall
        guard let text = recall.text else { return }
        messages.insert(ModelMessage(role: .system, content: text), at: min(1, contextCount))
        contextCount += 1
    }

    private mutating func replay(_ step: TurnStep) {
        stepNext = step.number + 1
        switch step.kind {
        case .policy:
            isAdmitted = isAdmitted || step.name == PolicyAction.turnRun.rawValue
        case .budget:
            break
        case .memory:
            if let recall = step.response.flatMap(MemoryRecall.init(json:)) { take(recall) }
        case .model:
            modelHasAnswered = true
            guard let response = step.response.flatMap({ try? ModelResponse(json: $0) }) else { return }
            messages.append(.assistant(response.text, toolCalls: response.toolCalls))
            if !response.toolCalls.isEmpty { toolRounds += 1 }
        case .tool:
            guard let request = step.request, let response = step.response else { return }
            appendToolAnswer(callID: request["tool_call_id"]?.stringValue, name: step.name, response: response)
        }
    }

    private mutating func appendToolAnswer(callID: String?, name: String, response: JSONValue) {
        let answer = (try? ToolResult(json: response))?.forModel ?? response
        messages.append(ModelMessage(role: .tool, content: answer.string, toolCallID: callID, name: name))
    }

    /// Takes the next position in the stream.
    mutating func takePosition() -> StreamPosition {
        defer { streamNext += 1 }
        return StreamPosition(turn: turn.seq, index: streamNext)
    }

    /// Goes on after the deltas of a model call, which may have begun further attempts at the turn.
    mutating func advance(past deltas: DeltaCounters, of turn: ClaimedTurn) {
        self.turn = turn
        streamNext = deltas.streamNext
        deltaNext = deltas.deltaNext
    }

    /// Notes what the policies said, whether they let the turn go on or end it.
    mutating func append(_ answer: PolicyAnswer) {
        let (question, decision) = (answer.question, answer.decision)
        if question.action == .turnRun, decision.isAllowed { isAdmitted = true }
        append(
            .policy,
            name: question.action.rawValue,
            request: .object(question.resource),
            response: decision.journalJSON
        )
    }

    /// Notes that the budget lets a model call go on.
    mutating func note(_ decision: BudgetDecision) {
        budget = decision
        let limit = decision.limitTokens.map { JSONValue.int(Int($0)) } ?? .null
        append(
            .budget,
            name: PolicyAction.modelCall.rawValue,
            request: nil,
            response: [
                "allowed": .bool(decision.allowed), "total_tokens": .int(Int(decision.totalTokens)),
                "limit_tokens": limit,
            ]
        )
    }

    /// Notes an answer of the model.
    mutating func append(_ response: ModelResponse, request: ModelRequest, profile: String) {
        usage = usage + TokenUsage(inputTokens: response.usage.inputTokens, outputTokens: response.usage.outputTokens)
        append(.model, name: profile, request: journalJSON(of: request), response: response.json)
        modelHasAnswered = true
        messages.append(.assistant(response.text, toolCalls: response.toolCalls))
        if !response.toolCalls.isEmpty { toolRounds += 1 }
    }

    /// What the journal keeps of a request: what this turn has added.
    ///
    /// The context before it is the session's history up to the turn, which never changes any more: written again with
    /// every step, it would make the journal grow with the square of a conversation's length.
    private func journalJSON(of request: ModelRequest) -> JSONValue {
        [
            "context_messages": .int(contextCount),
            "messages": .array(request.messages.dropFirst(contextCount).map(\.json)),
            "tools": .array(request.tools.map { .string($0.name) }),
        ]
    }

    /// Notes a call of a tool that an executor will answer.
    mutating func append(_ request: ToolRequest, request json: JSONValue) -> StreamPosition {
        let position = takePosition()
        newSteps.append(
            TurnStep(
                number: stepNext,
                kind: .tool,
                name: request.toolName,
                eventID: request.eventID,
                isDone: false,
                attempt: turn.attempt,
                streamIndex: position.index,
                request: json,
                response: nil
            )
        )
        stepNext += 1
        return position
    }

    /// Notes a call of a tool that is answered here and now, because it cannot be sent.
    mutating func appendRefused(_ request: ToolRequest, request json: JSONValue, result: ToolResult) {
        let response = (try? JSONValue.parse(result.serialized())) ?? [:]
        append(.tool, name: request.toolName, request: json, response: response)
        appendToolAnswer(callID: request.toolCallID, name: request.toolName, response: response)
    }

    private mutating func append(_ kind: TurnStep.Kind, name: String, request: JSONValue?, response: JSONValue) {
        newSteps.append(
            TurnStep(
                number: stepNext,
                kind: kind,
                name: name,
                attempt: turn.attempt,
                request: request,
                response: response
            )
        )
        stepNext += 1
    }

    /// What is to be written under the turn's lease.
    func write(events: [OutboxEvent]) -> TurnWrite {
        TurnWrite(
            turn: turn,
            steps: newSteps,
            events: events,
            usage: usage,
            streamNext: streamNext,
            deltaNext: deltaNext
        )
    }

    /// The steps so far are durable: the next write holds only what comes after them.
    mutating func markWritten() {
        newSteps = []
    }
}
