package import Observability
import Synchronization

/// What is counted of one breaker.
struct CircuitBreakerInstruments: Sendable {
    let state: Gauge
    let opened: Counter
    let refused: Counter

    /// The number that stands for a state in the metric.
    static func number(of state: CircuitBreakerStateMachine.State) -> Double {
        switch state {
        case .closed: 0
        case .halfOpen: 1
        case .open: 2
        }
    }
}

/// The breakers of a process, one for each dependency, by name: for `/health`, `/metrics` and the log.
package final class CircuitBreakerRegistry: Sendable {
    /// How many breakers there are at most; past it, those that hold nothing are forgotten, and if none does, new
    /// dependencies share one.
    package static let breakersMax = 1000
    /// The name of the breaker that dependencies past the limit share.
    package static let sharedName = "other"

    private let breakers = Mutex<[String: CircuitBreaker]>([:])
    private let limits: CircuitBreakerStateMachine.Limits
    private let logger: Logger
    private let states: MetricFamily<Gauge>
    private let opened: MetricFamily<Counter>
    private let refused: MetricFamily<Counter>
    private let now: @Sendable () -> ContinuousClock.Instant
    private let wallClock: @Sendable () -> WallClock

    /// Makes an empty registry.
    /// - Parameters:
    ///   - limits: What its breakers do when nothing else is said.
    ///   - metrics: Gets `parley_breaker_state` and two counters.
    ///   - logger: Is told of each change.
    ///   - now: The clock.
    ///   - wallClock: The clock for operators.
    package init(
        limits: CircuitBreakerStateMachine.Limits = .init(),
        metrics: MetricsRegistry,
        logger: Logger,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        wallClock: @escaping @Sendable () -> WallClock = WallClock.now
    ) {
        self.limits = limits
        self.logger = logger
        self.now = now
        self.wallClock = wallClock
        states = metrics.gauge(
            "parley_breaker_state",
            "State of a dependency's circuit breaker: 0 closed, 1 half open, 2 open.",
            labels: ["breaker"]
        )
        opened = metrics.counter(
            "parley_breaker_opened_total",
            "Times that a dependency's circuit breaker opened.",
            labels: ["breaker"]
        )
        refused = metrics.counter(
            "parley_breaker_refused_total",
            "Calls that were not made because the circuit breaker was open.",
            labels: ["breaker"]
        )
    }

    /// Finds a dependency's breaker; the first who asks makes it.
    ///
    /// - Parameters:
    ///   - name: The dependency's name, such as `model:default` or `tool:weather`; no text of a user.
    ///   - limits: What it does, if not what the others do.
    /// - Returns: The same one for the same name.
    package func breaker(_ name: String, limits: CircuitBreakerStateMachine.Limits? = nil) -> CircuitBreaker {
        breakers.withLock { breakers in
            if let known = breakers[name] { return known }
            if breakers.count >= Self.breakersMax {
                breakers = breakers.filter { !$0.value.isPristine || $0.key == Self.sharedName }
            }
            let key = breakers.count >= Self.breakersMax ? Self.sharedName : name
            if let shared = breakers[key] { return shared }
            let new = CircuitBreaker(
                name: key,
                limits: limits ?? self.limits,
                logger: logger,
                instruments: CircuitBreakerInstruments(
                    state: states.labels(key),
                    opened: opened.labels(key),
                    refused: refused.labels(key)
                ),
                now: now,
                wallClock: wallClock
            )
            breakers[key] = new
            return new
        }
    }

    /// How each breaker is, by name.
    package var statuses: [CircuitBreaker.Status] {
        breakers.withLock { Array($0.values) }.map(\.status).sorted { $0.name < $1.name }
    }
}
