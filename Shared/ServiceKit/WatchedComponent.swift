import Lifecycle
import Resilience

/// A component whose health is that of its breakers.
struct WatchedComponent: Sendable {
    let name: String
    let breakers: [CircuitBreaker]
    let isBack: (@Sendable () async -> Bool)?
    var problem: (@Sendable () -> String?)?

    /// How the component is, and the last error of a breaker that is not closed, or else its problem.
    var health: (status: HealthStatus, error: String?) {
        let health = Self.health(of: breakers.map(\.status))
        guard health.status == .ok, let problem = problem?() else { return health }
        return (.degraded, problem)
    }

    static func health(of statuses: [CircuitBreaker.Status]) -> (status: HealthStatus, error: String?) {
        guard let failing = statuses.first(where: { $0.state != .closed }) else { return (.ok, nil) }
        let isDown = statuses.allSatisfy { $0.state == .open }
        return (isDown ? .down : .degraded, failing.lastError)
    }

    /// Asks whether the component is back, if a breaker says that it is away.
    func probe() async {
        let open = breakers.filter { $0.status.state != .closed }
        guard let isBack, !open.isEmpty, await isBack() else { return }
        for breaker in open { breaker.recover() }
    }
}
