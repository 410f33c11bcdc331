import Policy
import Resilience
import Synchronization
import Testing

/// Fails as often as it is told to, then allows.
private final class FailingEngine: PolicyEngine {
    private let failures: Mutex<Int>
    private let asked = Mutex(0)

    init(failures: Int) {
        self.failures = Mutex(failures)
    }

    var count: Int { asked.withLock(\.self) }

    func decide(_ input: PolicyInput) async throws -> PolicyDecision {
        asked.withLock { $0 += 1 }
        let fails = failures.withLock { failures in
            defer { failures -= 1 }
            return failures > 0
        }
        if fails { return PolicyDecision(deniedBecause: .engineFailed, reason: "no answer") }
        return PolicyDecision(isAllowed: true, reason: "yes")
    }
}

/// Time that passes when somebody waits.
private final class PassingTime: Sendable {
    private let state = Mutex(ContinuousClock.now)

    var now: ContinuousClock.Instant { state.withLock(\.self) }

    var surroundings: Retrier.Surroundings {
        var surroundings = Retrier.Surroundings()
        surroundings.now = { self.now }
        surroundings.random = { 0.5 }
        surroundings.sleep = { duration in
            try Task.checkCancellation()
            self.state.withLock { $0 = $0.advanced(by: duration) }
        }
        return surroundings
    }
}

struct PatientPolicyEngineTests {
    private let time = PassingTime()
    private let question = PolicyInput(tenant: "t", personaID: nil, action: .turnRun)

    private func patient(_ engine: some PolicyEngine, _ patience: Duration = .seconds(10)) -> PatientPolicyEngine {
        PatientPolicyEngine(
            engine,
            breaker: CircuitBreaker(name: "policy", now: { [time] in time.now }),
            patience: patience,
            surroundings: time.surroundings
        )
    }

    @Test func anEngineThatComesBackInTimeDecides() async throws {
        let engine = FailingEngine(failures: 3)
        let started = time.now
        #expect(try await patient(engine).decide(question).isAllowed)
        #expect(engine.count == 4)
        #expect(started.duration(to: time.now) == .milliseconds(350))
    }

    @Test func withoutPatienceAFailureDeniesAtOnce() async throws {
        let engine = FailingEngine(failures: 1)
        let decision = try await patient(engine, .zero).decide(question)
        #expect(!decision.isAllowed && decision.origin == .engineFailed)
        #expect(engine.count == 1)
    }

    @Test func anEngineThatStaysAwayDeniesWhenPatienceIsOver() async throws {
        let engine = FailingEngine(failures: .max)
        let started = time.now
        let decision = try await patient(engine).decide(question)
        #expect(!decision.isAllowed && decision.origin == .engineFailed)
        #expect(started.duration(to: time.now) <= .seconds(10))
        #expect(engine.count == 5, "the breaker opened, and nothing was asked any more")
    }

    @Test func whatPoliciesDecideIsNotAskedTwice() async throws {
        struct Refusing: PolicyEngine {
            func decide(_ input: PolicyInput) async throws -> PolicyDecision {
                PolicyDecision(isAllowed: false, reason: "no")
            }
        }
        let started = time.now
        #expect(try await patient(Refusing()).decide(question).reason == "no")
        #expect(time.now == started)
    }
}
