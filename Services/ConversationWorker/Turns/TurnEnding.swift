import Budget
import Domain
import EventBus
import JSON
import Models
import Observability
import Policy
import ServiceKit
import Store

/// Why a turn ends without an answer, in words that may leave the process.
struct TurnFailure: Error {
    /// What programs go by.
    let code: String
    /// What people read.
    let message: String

    /// A policy said no, or could not be asked.
    /// - Parameters:
    ///   - what: What was asked for, such as `this turn`.
    ///   - decision: The refusal.
    /// - Returns: The failure.
    static func denied(_ what: String, _ decision: PolicyDecision) -> TurnFailure {
        TurnFailure(
            code: decision.origin == .engineFailed ? "policy_unavailable" : "policy_denied",
            message: refusal(of: what, decision)
        )
    }

    private static func refusal(of what: String, _ decision: PolicyDecision) -> String {
        if decision.origin == .engineFailed {
            return "Nobody could decide whether \(what) is allowed, so it is not: \(decision.reason)"
        }
        return "A policy does not allow \(what): \(decision.reason)"
    }

    /// There are not enough tokens left.
    static func budgetExceeded(_ decision: BudgetDecision) -> TurnFailure {
        let limit = decision.limitTokens.map(String.init) ?? "unlimited"
        return TurnFailure(
            code: "budget_exceeded",
            message: "The token budget of the day is used up: \(decision.totalTokens) of \(limit) would be used."
        )
    }

    /// Every attempt so far was cut off.
    static func attemptsExhausted(_ limit: Int) -> TurnFailure {
        TurnFailure(code: "attempts_exhausted", message: "The turn was begun \(limit) times and never came to its end.")
    }

    /// The answer is more than an event may hold.
    static let answerTooLong = TurnFailure(
        code: "answer_too_long",
        message: "The model's answer is longer than an answer may be."
    )

    /// The model called tools again and again.
    static func toolRoundsExceeded(_ limit: Int) -> TurnFailure {
        TurnFailure(code: "tool_rounds_exceeded", message: "The model called tools more than \(limit) times in a row.")
    }

    /// Makes a failure.
    init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    /// The model could not answer.
    init(_ error: ModelError) {
        self.init(code: "model_\(error.code.rawValue)", message: "The model did not answer: \(error.description)")
    }

    /// The model could not answer, and the policies do not let the fallback.
    init(_ error: ModelError, fallbackDenied decision: PolicyDecision) {
        let model = TurnFailure(error)
        let refusal = Self.refusal(of: "the model that stands in for it", decision)
        self.init(code: model.code, message: "\(model.message) \(refusal)")
    }
}

extension TurnRunner {
    /// Ends a turn with its answer.
    func finish(_ state: TurnState, text: String, claimsNext: Bool) async throws -> Result {
        let turn = state.turn
        // Postgres cannot store a NUL character, and a model may well write one.
        let text = text.replacing("\0", with: "\u{FFFD}")
        var event = Self.lastEvent(of: turn, role: .assistant, message: text)
        event.type = ConversationEvent.Kind.message
        event.usage = state.usage
        event.status = TurnOutcome.completed.rawValue
        event.metadata = state.recall?.metadata
        // What is not valid, or larger than the broker takes, would be stored and reach nobody.
        let payload = event.serialized()
        guard payload.count <= EventLimits.bytesMax, (try? EventSchema.conversationEvent.parse(payload)) != nil else {
            return try await fail(state, .answerTooLong, claimsNext: claimsNext)
        }
        let end = try await end(state, event, outcome: .completed, error: nil, claimsNext: claimsNext)
        // An answer that was refused is nobody's history.
        if !end.isFenced { await contexts.remember(turn, answer: text) }
        return .ended(next: end.next)
    }

    /// Ends a turn without an answer.
    func fail(_ state: TurnState, _ failure: TurnFailure, claimsNext: Bool) async throws -> Result {
        logger.warning(
            "a turn failed",
            [
                .tenantID: .string(state.turn.key.tenantID), .turnID: .string(state.turn.key.turnID),
                .code: .string(failure.code),
            ]
        )
        let event = Self.failureEvent(of: state.turn, failure)
        let end = try await end(
            state,
            event,
            outcome: .failed,
            error: (code: failure.code, message: event.message),
            claimsNext: claimsNext
        )
        return .ended(next: end.next)
    }

    /// The longest reason of a failure, in Unicode scalars.
    static let reasonScalarsMax = 4000

    /// What clients are told of a turn that failed.
    static func failureEvent(of turn: ClaimedTurn, _ failure: TurnFailure) -> ConversationEvent {
        // A policy words its refusals itself.
        let message = failure.message.storable(scalarsMax: reasonScalarsMax)
        var event = lastEvent(of: turn, role: .system, message: message)
        event.type = ConversationEvent.Kind.turnFailed
        event.status = TurnOutcome.failed.rawValue
        event.metadata = .object(TurnNotice.failure(code: failure.code, message: message))
        return event
    }

    private static func lastEvent(of turn: ClaimedTurn, role: Role, message: String) -> ConversationEvent {
        var event = ConversationEvent(
            eventID: Identifier.make(),
            sessionID: turn.key.sessionID,
            role: role,
            message: message
        )
        event.personaID = turn.personaID
        event.tenantID = turn.key.tenantID
        event.turnID = turn.key.turnID
        event.createdAt = WallClock.now().iso8601
        return event
    }

    private func end(
        _ state: TurnState,
        _ event: ConversationEvent,
        outcome: TurnOutcome,
        error: (code: String, message: String)?,
        claimsNext: Bool
    ) async throws -> TurnStore.CompletionOutcome {
        var state = state
        let turn = state.turn
        let position = state.takePosition()
        var events = [
            OutboxEvent(
                tenantID: turn.key.tenantID,
                topic: .outbound,
                eventID: event.eventID,
                sessionID: turn.key.sessionID,
                payload: event.serialized(),
                position: position,
                traceparent: turn.traceparent
            )
        ]
        if state.usage.totalTokens > 0 { events.append(Self.charge(of: state)) }
        let completion = TurnCompletion(
            write: state.write(events: events),
            outcome: outcome,
            event: event,
            error: error,
            claimsNext: claimsNext
        )
        let result = try await retrying { try await turns.complete(completion) }
        if result.isFenced {
            logger.info("the end of a turn was refused: somebody else has it", [.turnID: .string(turn.key.turnID)])
        } else {
            publisher.enqueue(events)
            metrics.turnDecided(outcome.rawValue)
        }
        return result
    }

    /// What is told of the tokens that a turn has used.
    static func charge(of state: TurnState) -> OutboxEvent {
        let turn = state.turn
        let charge = BudgetEvent(
            eventID: Identifier.make(),
            tenantID: turn.key.tenantID,
            personaID: turn.personaID,
            sessionID: turn.key.sessionID,
            turnID: turn.key.turnID,
            tokens: state.usage.totalTokens,
            totalTokens: Int(state.budget?.totalTokens ?? 0),
            limitTokens: state.budget?.limitTokens.map { Int($0) },
            createdAt: WallClock.now().iso8601
        )
        return OutboxEvent(
            tenantID: turn.key.tenantID,
            topic: .budgetEvents,
            eventID: charge.eventID,
            sessionID: turn.key.sessionID,
            payload: charge.serialized(),
            traceparent: turn.traceparent
        )
    }
}
