import Domain
import HTTPServer
import JSON
import Lifecycle
import MemoryStore
import Observability
import ServiceKit

/// `GET /health` in the form that the memory's clients know: they ask for it before they begin.
struct MemoryHealth: Sendable {
    let health: HealthRegistry
    let sessions: MemorySessions
    private let started = ContinuousClock.now

    /// Makes the answer to the question.
    init(health: HealthRegistry, sessions: MemorySessions) {
        self.health = health
        self.sessions = sessions
    }

    /// The paths that clients ask.
    var routes: [Router.Route] {
        [
            .init("GET", "/health", needsCredential: false, answer),
            .init("GET", "/v2/health", needsCredential: false, answer),
        ]
    }

    private func answer(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let count = try? await sessions.count(tenantID: routed.tenantID)
        let down = health.components.filter { $0.status == .down }.map(\.name)
        let isHealthy = health.isReady && count != nil
        let status = isHealthy ? "healthy" : "unhealthy"
        let uptime = started.duration(to: .now).components.seconds
        return .json(
            [
                "status": .string(status), "processor_status": .string(status), "service_name": "parley",
                "uptime_seconds": .int(Int(uptime)), "issues": .array(down.map { JSONValue.string($0) }),
                "active_sessions": .int(count ?? 0), "timestamp": .string(WallClock.now().iso8601),
            ],
            status: isHealthy ? 200 : 503
        )
    }
}
