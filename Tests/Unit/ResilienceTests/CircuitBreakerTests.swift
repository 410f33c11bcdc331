import Observability
import Resilience
import Testing

struct CircuitBreakerTests {
    private let time = ManualTime()
    private let sink = LinesSink()
    private let metrics = MetricsRegistry()

    private func registry() -> CircuitBreakerRegistry {
        CircuitBreakerRegistry(
            metrics: metrics,
            logger: Logger(service: "test", sink: sink),
            now: { [time] in time.now },
            wallClock: { WallClock(seconds: 1_000_000_000, microseconds: 0) }
        )
    }

    private func fail(_ breaker: CircuitBreaker, times: Int = 5) async {
        for _ in 0..<times {
            _ = try? await breaker.run { throw TestFailure("broken pipe") }
        }
    }

    @Test func refusesWithoutCallingWhenItIsOpen() async throws {
        let breaker = registry().breaker("redis")
        await fail(breaker)
        await #expect(throws: CircuitBreakerError(breaker: "redis", retryAfter: .seconds(30))) {
            try await breaker.run { Issue.record("it was called") }
        }
        time.advance(by: .seconds(30))
        #expect(try await breaker.run { 7 } == 7)
        #expect(breaker.status.state == .closed)
    }

    @Test func cancellationsAndCallersErrorsDoNotCount() async throws {
        let breaker = registry().breaker("model:default")
        for _ in 0..<10 {
            _ = try? await breaker.run { throw CancellationError() }
            _ = try? await breaker.run { throw TestFailure("bad input", .success) }
        }
        #expect(breaker.status.state == .closed)
        #expect(breaker.status.lastError == nil)
    }

    @Test func stateIsInTheMetricsAndEachChangeInTheLogOnce() async throws {
        let breaker = registry().breaker("postgres")
        #expect(metrics.render().contains("parley_breaker_state{breaker=\"postgres\"} 0\n"))
        await fail(breaker, times: 7)
        #expect(metrics.render().contains("parley_breaker_state{breaker=\"postgres\"} 2\n"))
        #expect(metrics.render().contains("parley_breaker_opened_total{breaker=\"postgres\"} 1\n"))
        #expect(metrics.render().contains("parley_breaker_refused_total{breaker=\"postgres\"} 2\n"))
        #expect(sink.lines.count == 1)
        #expect(sink.lines[0].contains("\"breaker\":\"postgres\""))
        #expect(sink.lines[0].contains("broken pipe"))
        breaker.recover()
        #expect(metrics.render().contains("parley_breaker_state{breaker=\"postgres\"} 0\n"))
        #expect(sink.lines.count == 2)
        breaker.recover()
        #expect(sink.lines.count == 2)
    }

    @Test func theLastErrorStaysAndIsBounded() async throws {
        let breaker = registry().breaker("broker")
        let long = String(repeating: "x", count: 2 * CircuitBreaker.errorBytesMax)
        await fail(breaker, times: 4)
        _ = try? await breaker.run { throw TestFailure(long) }
        breaker.recover()
        #expect(breaker.status.lastError?.utf8.count == CircuitBreaker.errorBytesMax)
        #expect(breaker.status.since.iso8601 == "2001-09-09T01:46:40.000000Z")
    }

    @Test func whatAnUnknownErrorHoldsIsNotKept() async {
        struct Unknown: Error {
            let text = "hunter2"
        }
        let breaker = registry().breaker("model")
        for _ in 0..<10 {
            _ = try? await breaker.run { throw Unknown() }
        }
        #expect(breaker.status.lastError == "Unknown")
        let other = registry().breaker("postgres")
        other.fail(Unknown())
        #expect(other.status.lastError == "Unknown")
    }

    @Test func eachDependencyHasItsOwnBreaker() async {
        let registry = registry()
        await fail(registry.breaker("model:a"))
        #expect(registry.breaker("model:a").status.state == .open)
        #expect(registry.breaker("model:b").status.state == .closed)
        #expect(registry.statuses.map(\.name) == ["model:a", "model:b"])
    }

    @Test func thereIsALimitOfBreakersAndThoseThatAreOpenStay() async {
        let registry = registry()
        await fail(registry.breaker("broken"))
        for number in 1..<CircuitBreakerRegistry.breakersMax { _ = registry.breaker("tool:\(number)") }
        #expect(registry.statuses.count == CircuitBreakerRegistry.breakersMax)
        #expect(registry.breaker("one-more").name == "one-more")
        #expect(registry.statuses.map(\.name) == ["broken", "one-more"])
        #expect(registry.breaker("broken").status.state == .open)
    }

    @Test func whenNoneCanBeForgottenTheNewOnesShareOne() async {
        let registry = registry()
        for number in 0..<CircuitBreakerRegistry.breakersMax {
            await fail(registry.breaker("tool:\(number)"), times: 1)
        }
        let one = registry.breaker("one")
        let other = registry.breaker("another")
        #expect(one === other)
        #expect(one.name == CircuitBreakerRegistry.sharedName)
    }

    @Test func theErrorSaysWhenToTryAgain() {
        let error = CircuitBreakerError(breaker: "postgres", retryAfter: .milliseconds(1500))
        #expect(error.isRetriable)
        #expect(error.code == .open)
        #expect(error.description.contains("postgres"))
        #expect(error.description.contains("2 s"))
        #expect(Duration.zero.wholeSecondsRoundedUp == 1)
        #expect(Duration.seconds(3).wholeSecondsRoundedUp == 3)
    }
}
