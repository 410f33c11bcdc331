import Lifecycle
import Observability
import Resilience
import Synchronization
import Testing

@Suite struct HealthRegistryTests {
    private final class FakeTime: Sendable {
        let seconds = Mutex<Int64>(0)
        func now() -> WallClock { WallClock(seconds: seconds.withLock { $0 }, microseconds: 0) }
    }

    private let time = FakeTime()
    private var registry: HealthRegistry { HealthRegistry(now: { [time] in time.now() }) }

    @Test func isReadyWhenEveryRequiredComponentIsUp() {
        let health = registry
        #expect(health.isReady)
        health.register("postgres")
        health.register("redis", isRequired: false)
        #expect(!health.isReady && health.overall == .down)
        health.report("postgres", .ok)
        #expect(health.isReady && health.overall == .degraded)
        health.report("redis", .ok)
        #expect(health.overall == .ok)
        health.report("postgres", .degraded)
        #expect(health.isReady && health.overall == .degraded)
        health.report("postgres", .down, error: "gone")
        #expect(!health.isReady)
    }

    @Test func isNotReadyOnceAShutdownHasBegun() {
        let health = registry
        health.report("postgres", .ok)
        health.beginShutdown()
        #expect(!health.isReady)
    }

    @Test func remembersSinceWhenAndTheLastError() {
        let health = registry
        health.register("bus")
        time.seconds.withLock { $0 = 10 }
        health.report("bus", .down, error: "refused")
        #expect(health.components.first?.since.seconds == 0)
        health.report("bus", .ok)
        time.seconds.withLock { $0 = 20 }
        health.report("bus", .ok)
        #expect(health.components.first?.since.seconds == 10)
        #expect(health.components.first?.lastError == "refused")
        #expect(health.status(of: "bus") == .ok)
        #expect(health.status(of: "nothing") == nil)
    }

    @Test func rendersJSON() {
        let health = registry
        health.report("b", .ok)
        health.register("a", isRequired: false)
        health.report("a", .degraded, error: "say \"no\"\n" + String(repeating: "x", count: 600))
        let text = String(decoding: health.renderJSON(), as: UTF8.self)
        let error = #"say \"no\"\n"# + String(repeating: "x", count: 512 - 9) + "…"
        #expect(
            text == #"{"status":"degraded","components":{"a":{"status":"degraded","since":"1970-01-01T00:00:00"#
                + #".000000Z","required":false,"last_error":""# + error
                + #""},"b":{"status":"ok","since":"1970-01-01T00:00:00.000000Z","required":true}},"breakers":{}}"#
        )
    }

    @Test func rendersBreakers() throws {
        let breaker = CircuitBreaker(
            name: "redis",
            limits: .init(failuresMax: 2),
            wallClock: { WallClock(seconds: 5, microseconds: 0) }
        )
        breaker.end(try breaker.begin(), .failure, error: CircuitBreakerError(breaker: "x", retryAfter: .seconds(1)))
        let text = String(decoding: registry.renderJSON(breakers: [breaker.status]), as: UTF8.self)
        #expect(
            text.hasSuffix(
                #""breakers":{"redis":{"state":"closed","since":"1970-01-01T00:00:05.000000Z","#
                    + #""consecutive_failures":1,"last_error":"CircuitBreakerError.open: x has failed repeatedly "#
                    + #"and is not called; try again in 1 s"}}}"#
            )
        )
    }
}
