package import Observability
package import Resilience

/// Asks an engine that failed again for a while, before its denial stands.
///
/// Nothing happens without a decision, so a denial because the engine is away can wait: an engine that restarts delays
/// what is asked for, and fails nothing. When patience is over it is denied.
package struct PatientPolicyEngine: PolicyEngine {
    private let engine: any PolicyEngine
    private let breaker: CircuitBreaker
    private let patience: Duration
    private let retrier: Retrier
    private let surroundings: Retrier.Surroundings
    private let logger: Logger

    /// Makes an engine.
    /// - Parameters:
    ///   - engine: Is asked.
    ///   - breaker: Keeps it from being asked while it does not answer.
    ///   - patience: How long a question may wait for an engine that fails.
    ///   - logger: For denials that only stand because of it.
    ///   - surroundings: Time and chance.
    package init(
        _ engine: any PolicyEngine,
        breaker: CircuitBreaker,
        patience: Duration,
        logger: Logger = .disabled,
        surroundings: Retrier.Surroundings = Retrier.Surroundings()
    ) {
        self.engine = engine
        self.breaker = breaker
        self.patience = patience
        self.logger = logger
        self.surroundings = surroundings
        retrier = Retrier(.endless(from: .milliseconds(100), to: .seconds(1)), surroundings: surroundings)
    }

    /// Asks until the engine decides, or patience is over.
    package func decide(_ input: PolicyInput) async throws -> PolicyDecision {
        let deadline = surroundings.now() + patience
        var retry = 0
        while true {
            let decision = try await ask(input)
            guard decision.origin == .engineFailed else { return decision }
            guard let delay = retrier.delay(retry: retry, deadline: deadline) else {
                logger.warning("denied: the policy engine does not answer", [.attempt: .integer(retry + 1)])
                return decision
            }
            retry += 1
            try await surroundings.sleep(delay)
        }
    }

    private func ask(_ input: PolicyInput) async throws -> PolicyDecision {
        let permit: CircuitBreakerStateMachine.Permit
        do {
            permit = try breaker.begin()
        } catch {
            return PolicyDecision(
                deniedBecause: .engineFailed,
                reason: "the policy engine has failed repeatedly and is not asked at the moment"
            )
        }
        do {
            let decision = try await engine.decide(input)
            let hasFailed = decision.origin == .engineFailed
            let error = hasFailed ? PolicyError(.unreachable, decision.reason) : nil
            breaker.end(permit, hasFailed ? .failure : .success, error: error)
            return decision
        } catch {
            breaker.end(permit, .unknown)
            throw error
        }
    }
}
