import JSON
import Observability
import Synchronization
import Testing

@testable import Policy

/// A clock that moves only when a test says so.
private final class ManualClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private let time = Mutex(Duration.zero)
    var now: Instant { Instant(offset: time.withLock { $0 }) }
    var minimumResolution: Duration { .zero }
    func sleep(until deadline: Instant, tolerance: Duration?) async throws {}
    func advance(by duration: Duration) { time.withLock { $0 += duration } }
}

/// Answers as a test tells it to, and counts how often it is asked.
private final class FakeEngine: PolicyEngine {
    let asked = Mutex(0)
    let answer = Mutex(PolicyDecision(isAllowed: true, reason: "yes"))
    let whileAsked = Mutex<(@Sendable () -> Void)?>(nil)

    func decide(_ input: PolicyInput) async throws -> PolicyDecision {
        asked.withLock { $0 += 1 }
        let decision = answer.withLock { $0 }
        whileAsked.withLock { $0 }?()
        return decision
    }

    var count: Int { asked.withLock { $0 } }
}

@Suite struct CachingPolicyEngineTests {
    private let engine = FakeEngine()
    private let clock = ManualClock()
    private let metrics = MetricsRegistry()

    private func cache(
        _ change: (inout CachingPolicyEngine.Configuration) -> Void = { _ in }
    ) -> CachingPolicyEngine {
        var configuration = CachingPolicyEngine.Configuration()
        change(&configuration)
        return CachingPolicyEngine(engine, configuration: configuration, metrics: metrics, clock: clock)
    }

    private func question(_ tenant: String = "a", _ resource: JSONObject = [:]) -> PolicyInput {
        PolicyInput(tenant: tenant, personaID: nil, action: .turnRun, resource: resource)
    }

    @Test func asksOnceUntilTheAnswerIsOld() async throws {
        let cache = cache()
        for _ in 0..<3 {
            #expect(try await cache.decide(question()).isAllowed)
        }
        #expect(engine.count == 1)
        clock.advance(by: .milliseconds(999))
        _ = try await cache.decide(question())
        #expect(engine.count == 1)
        clock.advance(by: .milliseconds(1))
        _ = try await cache.decide(question())
        #expect(engine.count == 2)
        let text = metrics.render()
        #expect(text.contains(#"parley_policy_cache_lookups_total{result="hit"} 3"#))
        #expect(text.contains(#"parley_policy_cache_lookups_total{result="miss"} 2"#))
    }

    @Test func questionsThatDifferInAnyPartAreDifferent() async throws {
        let cache = cache()
        var inputs = [question(), question("b"), question("a", ["x": 1])]
        inputs.append(PolicyInput(tenant: "a", personaID: "p", action: .turnRun))
        inputs.append(PolicyInput(tenant: "a", personaID: nil, action: .messageAccept))
        inputs.append(PolicyInput(tenant: "a", personaID: nil, action: .turnRun, context: ["x": 1]))
        for input in inputs {
            _ = try await cache.decide(input)
        }
        #expect(engine.count == inputs.count)
        for input in inputs {
            _ = try await cache.decide(input)
        }
        #expect(engine.count == inputs.count)
    }

    @Test func theOrderOfMembersDoesNotMatter() async throws {
        let cache = cache()
        _ = try await cache.decide(question("a", ["x": 1, "y": 2]))
        _ = try await cache.decide(question("a", ["y": 2, "x": 1]))
        #expect(engine.count == 1)
    }

    @Test(arguments: [PolicyDecision.Origin.engineFailed, .undefined, .malformed])
    func refusalsForLackOfAnAnswerAreNotKept(origin: PolicyDecision.Origin) async throws {
        let cache = cache()
        engine.answer.withLock { $0 = PolicyDecision(deniedBecause: origin, reason: "") }
        #expect(try await cache.decide(question()).isAllowed == false)
        engine.answer.withLock { $0 = PolicyDecision(isAllowed: true, reason: "back") }
        #expect(try await cache.decide(question()).isAllowed)
    }

    @Test func refusalsOfThePoliciesAreKept() async throws {
        let cache = cache()
        engine.answer.withLock { $0 = PolicyDecision(isAllowed: false, reason: "no") }
        _ = try await cache.decide(question())
        #expect(try await cache.decide(question()).reason == "no")
        #expect(engine.count == 1)
    }

    @Test func keepsNoMoreThanItsLimit() async throws {
        let cache = cache { $0.entriesMax = 2 }
        for tenant in ["a", "b", "a", "b"] {
            _ = try await cache.decide(question(tenant))
        }
        #expect(engine.count == 2)
        _ = try await cache.decide(question("c"))
        _ = try await cache.decide(question("b"))
        #expect(engine.count == 3)
        _ = try await cache.decide(question("a"))
        #expect(engine.count == 4)
    }

    @Test func oldAnswersAreLetGoThoughNobodyAsksAgain() async throws {
        let cache = cache { _ in }
        for tenant in ["a", "b", "c"] { _ = try await cache.decide(question(tenant)) }
        #expect(cache.count == 3)
        clock.advance(by: .milliseconds(999))
        _ = try await cache.decide(question("d"))
        #expect(cache.count == 4)
        clock.advance(by: .milliseconds(1))
        _ = try await cache.decide(question("e"))
        #expect(cache.count == 2)
    }

    @Test func longQuestionsAreNotKept() async throws {
        let fitting = question().json.string.utf8.count
        let cache = cache { $0.inputBytesMax = fitting }
        for _ in 0..<2 {
            _ = try await cache.decide(question())
        }
        #expect(engine.count == 1)
        for _ in 0..<2 {
            _ = try await cache.decide(question("ab"))
        }
        #expect(engine.count == 3)
    }

    @Test func anAnswerFromBeforeAChangeIsNotKept() async throws {
        let cache = cache()
        engine.whileAsked.withLock { $0 = { cache.removeAll() } }
        _ = try await cache.decide(question())
        engine.whileAsked.withLock { $0 = nil }
        _ = try await cache.decide(question())
        #expect(engine.count == 2)
        cache.removeAll()
        _ = try await cache.decide(question())
        #expect(engine.count == 3)
    }
}
