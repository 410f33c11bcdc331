import Lifecycle
import Observability
import Resilience
import Testing

@testable import ServiceKit

struct RareNoticeTests {
    private let start = ContinuousClock.now

    @Test func saysTheSameOnceThenRarely() {
        var notice = RareNotice()
        #expect(notice.isDue("database", now: start) == true)
        #expect(notice.isDue("database", now: start + .milliseconds(250)) == false)
        #expect(notice.isDue("database", now: start + RareNotice.interval - .nanoseconds(1)) == false)
        #expect(notice.isDue("database", now: start + RareNotice.interval) == true)
        #expect(notice.isDue("database", now: start + RareNotice.interval + .seconds(1)) == false)
    }

    @Test func saysWhatIsNewAtOnce() {
        var notice = RareNotice()
        #expect(notice.isDue("database", now: start) == true)
        #expect(notice.isDue("broker", now: start) == true)
        #expect(notice.isDue("database", now: start) == true)
    }

    @Test func aComponentIsAsItsBreakersAre() throws {
        let (one, two) = (CircuitBreaker(name: "one"), CircuitBreaker(name: "two"))
        let component = WatchedComponent(name: "model", breakers: [one, two], isBack: nil)
        #expect(component.health.status == .ok)
        let error = CircuitBreakerError(breaker: "x", retryAfter: .seconds(1))
        for _ in 0..<5 { one.fail(error) }
        #expect(component.health.status == .degraded)
        #expect(component.health.error == error.description)
        for _ in 0..<5 { two.fail(error) }
        #expect(component.health.status == .down)
        one.recover()
        two.recover()
        #expect(component.health.status == .ok)
    }

    @Test func aComponentWithAProblemIsDegradedWhileItsBreakersAreClosed() {
        let breaker = CircuitBreaker(name: "policy", limits: .init(failuresMax: 1))
        let component = WatchedComponent(name: "policy", breakers: [breaker], isBack: nil, problem: { "old rules" })
        #expect(component.health.status == .degraded)
        #expect(component.health.error == "old rules")
        let error = CircuitBreakerError(breaker: "x", retryAfter: .seconds(1))
        breaker.fail(error)
        #expect(component.health.status == .down)
        #expect(component.health.error == error.description)
    }

    @Test(arguments: [true, false])
    func aComponentThatIsBackIsCalledAgain(isBack: Bool) async {
        let breaker = CircuitBreaker(name: "policy", limits: .init(failuresMax: 1))
        let component = WatchedComponent(name: "policy", breakers: [breaker], isBack: { isBack })
        breaker.fail(CircuitBreakerError(breaker: "x", retryAfter: .seconds(1)))
        await component.probe()
        #expect(breaker.status.state == (isBack ? .closed : .open))
    }
}
