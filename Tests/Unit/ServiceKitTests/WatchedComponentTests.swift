import Errors
import Lifecycle
import Resilience
import Synchronization
import Testing

@testable import ServiceKit

/// How a component is that has breakers: what `/health` says of the model, the tools and the policy engine.
@Suite struct WatchedComponentTests {
    private struct Failure: DescribedError {
        let description: String
    }

    /// A breaker that was failed so often with this error; it opens at two.
    private static func breaker(_ failures: Int, _ error: String = "no answer") -> CircuitBreaker {
        let breaker = CircuitBreaker(name: "model", limits: .init(failuresMax: 2, openDuration: .seconds(3600)))
        for _ in 0..<failures { breaker.fail(Failure(description: error)) }
        return breaker
    }

    private static func component(
        _ breakers: [CircuitBreaker],
        problem: String? = nil,
        isBack: (@Sendable () async -> Bool)? = nil
    ) -> WatchedComponent {
        WatchedComponent(name: "model", breakers: breakers, isBack: isBack, problem: { problem })
    }

    @Test("It is ok while every breaker is closed, also one that has failed and not opened")
    func ok() {
        let health = Self.component([Self.breaker(0), Self.breaker(1)]).health
        #expect(health.status == .ok)
        #expect(health.error == nil)
        #expect(Self.component([]).health.status == .ok)
    }

    @Test("It is degraded while some breakers are open, with the last error of the one that is, wherever it stands")
    func degraded() {
        let (well, broken) = (Self.breaker(0), Self.breaker(2, "refused"))
        for breakers in [[well, broken], [broken, well]] {
            let health = Self.component(breakers).health
            #expect(health.status == .degraded)
            #expect(health.error == "refused")
        }
    }

    @Test("It is down when all are open")
    func down() {
        let health = Self.component([Self.breaker(2, "first"), Self.breaker(2, "second")]).health
        #expect(health.status == .down)
        #expect(health.error == "first")
    }

    @Test("It is degraded, not down, while one call tries whether it is back")
    func halfOpen() throws {
        let time = Mutex(ContinuousClock.now)
        let breaker = CircuitBreaker(
            name: "model",
            limits: .init(failuresMax: 1, openDuration: .seconds(30)),
            now: { time.withLock(\.self) }
        )
        breaker.fail(Failure(description: "refused"))
        #expect(Self.component([breaker]).health.status == .down)
        time.withLock { $0 += .seconds(31) }
        let probe = try breaker.begin()
        #expect(Self.component([breaker]).health.status == .degraded)
        breaker.end(probe, .success)
        #expect(Self.component([breaker]).health.status == .ok)
    }

    @Test("A problem degrades what is well otherwise, and hides no failure")
    func problem() {
        let health = Self.component([Self.breaker(0)], problem: "policies make no sense").health
        #expect(health.status == .degraded)
        #expect(health.error == "policies make no sense")
        let failing = Self.component([Self.breaker(2, "refused")], problem: "policies make no sense").health
        #expect(failing.status == .down)
        #expect(failing.error == "refused")
    }

    @Test("It is asked whether it is back only while a breaker is open, and all close when it is")
    func probe() async {
        let asked = Mutex(0)
        let answer = Mutex(false)
        let isBack: @Sendable () async -> Bool = {
            asked.withLock { $0 += 1 }
            return answer.withLock(\.self)
        }
        await Self.component([Self.breaker(1)], isBack: isBack).probe()
        #expect(asked.withLock(\.self) == 0)
        let breakers = [Self.breaker(2), Self.breaker(2)]
        let component = Self.component(breakers, isBack: isBack)
        await component.probe()
        #expect(asked.withLock(\.self) == 1)
        #expect(component.health.status == .down)
        answer.withLock { $0 = true }
        await component.probe()
        #expect(component.health.status == .ok)
        let unasked = Self.component([Self.breaker(2)])
        await unasked.probe()
        #expect(unasked.health.status == .down, "nobody can say that it is back")
    }
}
