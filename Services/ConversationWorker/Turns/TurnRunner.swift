import Budget
import Domain
import EventBus
import JSON
import Models
import Observability
import Policy
import Resilience
import ServiceKit
import Store
import Synchronization
import Tools

/// Runs a claimed turn to its end, or to its rest while tools run.
///
/// Holds nothing between two turns.
struct TurnRunner: Sendable {
    /// Turns and their journal.
    let turns: TurnStore
    /// History, cached.
    let contexts: ContextSource
    /// Prompts and tools of personas.
    let personas: PersonaStore
    /// The tools that models are offered.
    let tools: ToolRegistry
    /// Who may do what.
    let policy: any PolicyEngine
    /// Who may use how many tokens.
    let budget: BudgetManager
    /// The memory of personas that remember by themselves.
    let memory: ConversationMemory
    /// The model, with its fallback.
    let model: ModelCaller
    /// The profile that is asked first, for the policies.
    let profile: ModelProfile
    /// For deltas and notices.
    let producer: BusProducer
    /// For what follows from a commit.
    let publisher: OutboxPublisher
    /// Counts.
    let metrics: WorkerMetrics
    /// For what goes wrong.
    let logger: Logger
    /// How often tools may be called in a turn.
    let toolRoundsMax: Int
    /// How often a turn is begun again after its worker was lost, before it is given up.
    let attemptsMax: Int
    /// How long a turn may work in one go, without the time that it waits for tools.
    let deadline: Duration

    /// How a run of a turn came out.
    enum Result {
        /// It is over; the session's next turn is ours, if there is one.
        case ended(next: ClaimedTurn?)
        /// It rests until its tools have answered.
        case waiting
        /// Somebody else has it, or the database could not be reached in time: nothing more is done here.
        case dropped
    }

    /// Runs one turn.
    /// - Parameters:
    ///   - turn: The turn.
    ///   - lease: Ends when another worker has the turn.
    ///   - claimsNext: Whether this worker takes the session's next turn when this one ends.
    /// - Returns: How it came out.
    func run(_ turn: ClaimedTurn, under lease: TurnLease, claimsNext: Bool) async -> Result {
        let started = ContinuousClock.now
        var log = logger.with([.tenantID: .string(turn.key.tenantID), .turnID: .string(turn.key.turnID)])
        log = log.with(trace: turn.traceparent.flatMap { text in TraceContext(traceparent: text) })
        do {
            let result = try await runSteps(turn, lease, claimsNext: claimsNext, deadline: started + deadline)
            if case .ended = result { metrics.turnEnded(after: started.duration(to: .now)) }
            return result
        } catch let error as StoreError where error.code == .fenced {
            log.info("the turn went to somebody else")
        } catch is CancellationError {
            log.info("the turn was left: the worker shuts down")
        } catch {
            // The lease runs out and the turn goes on from its journal, here or elsewhere.
            log.error("the turn was left", [.error: .error(error)])
        }
        return .dropped
    }

    private func runSteps(
        _ turn: ClaimedTurn,
        _ lease: TurnLease,
        claimsNext: Bool,
        deadline: ContinuousClock.Instant
    ) async throws -> Result {
        if try await wasLostTooOften(turn) {
            // Before anything is read: what cannot be read may be why no attempt came to its end.
            var state = TurnState(turn: turn, context: [], journal: [])
            _ = state.takePosition()
            return try await fail(state, .attemptsExhausted(attemptsMax), claimsNext: claimsNext)
        }
        let persona = try await retrying { try await personas.persona(turn.personaID, tenantID: turn.key.tenantID) }
        let history = try await retrying { try await contexts.history(before: turn) }
        let journal = turn.mayHaveJournal ? try await retrying { try await turns.journal(of: turn.key) } : []
        var state = TurnState(
            turn: turn,
            context: [ModelMessage(role: .system, content: persona.prompt)] + history,
            journal: journal
        )
        if !turn.isResumed {
            producer.publishBuffered(.opening(of: turn, at: state.takePosition()))
        }
        if !state.isAdmitted, let refusal = try await admit(&state, turn: turn) {
            return try await fail(state, refusal, claimsNext: claimsNext)
        }
        if let node = persona.memoryNode, state.mayRecall {
            state.append(try await memory.recall(turn, nodeID: node))
        }
        while true {
            try lease.check()
            let response: ModelResponse
            do {
                response = try await callModel(&state, lease, persona: persona, deadline: deadline)
            } catch let error as ModelError {
                // The worker shuts down: the turn has not failed, it goes on elsewhere.
                if error.code == .cancelled || error.code == .shutDown { throw CancellationError() }
                return try await fail(state, TurnFailure(error), claimsNext: claimsNext)
            } catch let refusal as TurnFailure {
                return try await fail(state, refusal, claimsNext: claimsNext)
            }
            if response.toolCalls.isEmpty {
                return try await finish(state, text: response.text, claimsNext: claimsNext)
            }
            if state.toolRounds > toolRoundsMax {
                return try await fail(state, .toolRoundsExceeded(toolRoundsMax), claimsNext: claimsNext)
            }
            if try await callTools(&state, response) { return .waiting }
        }
    }

    /// Whether the turn was claimed more often than it may be.
    ///
    /// Attempts do not say so: an answer that is cut off makes one too, and no worker is lost over it. An epoch begins
    /// with each claim, and with each rest that is over.
    private func wasLostTooOften(_ turn: ClaimedTurn) async throws -> Bool {
        if turn.isResumed || turn.epoch <= attemptsMax { return false }
        let rests = try await retrying { try await turns.restCount(of: turn.key) }
        return turn.epoch - Int64(rests) > attemptsMax
    }

    private func admit(_ state: inout TurnState, turn: ClaimedTurn) async throws -> TurnFailure? {
        let answer = try await ask(.turnRun, about: profile, for: turn)
        state.append(answer)
        return answer.decision.isAllowed ? nil : .denied("this turn", answer.decision)
    }

    /// Asks the policies whether the turn may do something with a model.
    fileprivate func ask(
        _ action: PolicyAction,
        about profile: ModelProfile,
        for turn: ClaimedTurn
    ) async throws -> PolicyAnswer {
        let question = PolicyInput.model(
            action,
            profile.model,
            profile: profile.name,
            tenant: turn.key.tenantID,
            personaID: turn.personaID
        )
        return PolicyAnswer(question: question, decision: try await policy.decide(question))
    }

    private func callModel(
        _ state: inout TurnState,
        _ lease: TurnLease,
        persona: Persona,
        deadline: ContinuousClock.Instant
    ) async throws -> ModelResponse {
        let turn = state.turn
        let permission = try await ask(.modelCall, about: profile, for: turn)
        state.append(permission)
        guard permission.decision.isAllowed else { throw TurnFailure.denied("this model call", permission.decision) }
        var request = ModelRequest(messages: state.messages)
        // After the last round the model gets no tools: it has to answer with what it knows by then.
        if state.toolRounds < toolRoundsMax { request.tools = modelTools(of: persona) }
        request.idempotencyKey = "\(turn.key.turnID)/\(state.toolRounds)"
        request.deadline = deadline
        let estimate = TokenEstimator.inputTokens(of: request)
        let reservation = try await retrying {
            try await budget.reserve(tenant: turn.key.tenantID, persona: turn.personaID, estimate: estimate)
        }
        guard reservation.decision.allowed else { throw TurnFailure.budgetExceeded(reservation.decision) }
        state.note(reservation.decision)
        let deltas = DeltaStream(
            turn: turn,
            counters: DeltaCounters(streamNext: state.streamNext, deltaNext: state.deltaNext),
            producer: producer
        )
        let listener = TurnModelListener(runner: self, deltas: deltas)
        do {
            let answer = try await metrics.modelCall {
                try await stream(request, listener, lease)
            }
            state.advance(past: deltas.counters, of: deltas.turn)
            if let answer = listener.fallbackAnswer { state.append(answer) }
            state.append(answer.response, request: request, profile: answer.profile)
            await budget.settle(reservation, actual: answer.response.usage.totalTokens)
            return answer.response
        } catch {
            state.advance(past: deltas.counters, of: deltas.turn)
            await budget.release(reservation)
            guard let answer = listener.fallbackAnswer else { throw error }
            state.append(answer)
            guard let error = error as? ModelError, !answer.decision.isAllowed else { throw error }
            throw TurnFailure(error, fallbackDenied: answer.decision)
        }
    }

    private func modelTools(of persona: Persona) -> [ModelTool] {
        tools.definitions.filter { persona.tools?.contains($0.name) ?? true }.map { definition in
            ModelTool(name: definition.name, description: definition.description, parameters: definition.parameters)
        }
    }

    private func stream(
        _ request: ModelRequest,
        _ listener: TurnModelListener,
        _ lease: TurnLease
    ) async throws -> ModelAnswer {
        let deltas = listener.deltas
        return try await withThrowingTaskGroup(of: ModelAnswer?.self) { group in
            group.addTask {
                try await deltas.keepFlushing(while: lease)
                return nil
            }
            group.addTask {
                try await model.complete(request, listener)
            }
            defer { group.cancelAll() }
            while let answer = try await group.next() {
                guard let answer else { continue }
                deltas.flush()
                return answer
            }
            throw CancellationError()
        }
    }

    /// Repeats what the database could not do, while the worker lives: what was paid for is not thrown away because
    /// Postgres restarts, and no attempt at the turn is used up.
    ///
    /// If the lease is lost over it the write is refused, and that is right too.
    func retrying<Value: Sendable>(_ work: () async throws -> Value) async throws -> Value {
        try await Retrier(.endless(from: .milliseconds(50), to: .seconds(1))).run { attempt in
            if attempt == 2 { logger.warning("the database does not answer: a turn waits for it") }
            return try await work()
        }
    }
}

/// What becomes of a model call's text, while it may still be tried again.
private final class TurnModelListener: ModelCallListener {
    let deltas: DeltaStream
    private let runner: TurnRunner
    private let answer = Mutex<PolicyAnswer?>(nil)

    init(runner: TurnRunner, deltas: DeltaStream) {
        self.runner = runner
        self.deltas = deltas
    }

    /// What the policies said of the fallback, if they were asked.
    var fallbackAnswer: PolicyAnswer? { answer.withLock(\.self) }

    func receive(_ text: String) async {
        deltas.append(text)
    }

    func restart() async throws {
        let turn = try await runner.retrying { try await runner.turns.restart(deltas.turn) }
        deltas.restart(as: turn)
        runner.logger.info(
            "the answer begins again: the model's was cut off",
            [.turnID: .string(turn.key.turnID), .attempt: .integer(turn.attempt)]
        )
    }

    func mayUse(_ fallback: ModelProfile) async throws -> Bool {
        let asked = try await runner.ask(.modelCall, about: fallback, for: deltas.turn)
        answer.withLock { $0 = asked }
        return asked.decision.isAllowed
    }
}
