package import HTTPServer
import Lifecycle
package import Observability
import Resilience

/// The endpoints that every service has: `/livez`, `/readyz`, `/health` and `/metrics`.
package struct OperationsRoutes: Sendable {
    private let runtime: ServiceRuntime

    /// Makes the endpoints.
    package init(runtime: ServiceRuntime) {
        self.runtime = runtime
        ProcessMetrics.register(in: runtime.metrics)
    }

    /// Answers a request for one of them; nil for any other path.
    package func answer(_ request: HTTPRequest) -> HTTPResponse? {
        switch request.path {
        case "/livez":
            HTTPResponse(status: 200, headers: Self.text, body: .bytes(Array("alive\n".utf8)))
        case "/readyz":
            ready
        case "/health":
            HTTPResponse(
                status: runtime.health.isReady ? 200 : 503,
                headers: [("content-type", "application/json")],
                body: .bytes(runtime.health.renderJSON(breakers: runtime.breakers.statuses))
            )
        case "/metrics":
            HTTPResponse(
                status: 200,
                headers: [("content-type", MetricsRegistry.contentType)],
                body: .bytes(Array(runtime.metrics.render().utf8))
            )
        default:
            nil
        }
    }

    private static let text = [("content-type", "text/plain; charset=utf-8")]

    private var ready: HTTPResponse {
        if runtime.readiness.isOpen, runtime.health.isReady {
            return HTTPResponse(status: 200, headers: Self.text, body: .bytes(Array("ready\n".utf8)))
        }
        let missing = runtime.health.components
            .filter { $0.status == .down }
            .map { "\($0.name): \($0.lastError ?? "down")\n" }
        return HTTPResponse(
            status: 503,
            headers: Self.text + [("retry-after", "1")],
            body: .bytes(Array(("not ready\n" + missing.joined()).utf8))
        )
    }
}

/// An HTTP server as a service.
package struct HTTPService: Service {
    /// The service's name.
    package let name: String
    private let listener: HTTPListener
    private let logger: Logger
    private let gracePeriod: Duration
    private let stopped = ReadinessGate()

    /// Makes a service.
    ///
    /// - Parameters:
    ///   - name: The service's name, where there are several.
    ///   - configuration: Where it listens, and its limits.
    ///   - gracePeriod: How long requests that run may take when it stops.
    ///   - logger: For the address, and for what the server itself cannot do.
    ///   - handler: Answers requests.
    package init(
        name: String = "http",
        configuration: HTTPServerConfiguration,
        gracePeriod: Duration = .seconds(10),
        logger: Logger,
        handler: @escaping HTTPHandler
    ) {
        self.name = name
        listener = HTTPListener(configuration: configuration, logger: logger, handler: handler)
        self.logger = logger
        self.gracePeriod = gracePeriod
    }

    /// Listens until it is shut down, then lets what runs come to its end.
    package func run() async throws {
        let port = try await listener.start()
        logger.info("listening", [.address: .string("port \(port)")])
        try? await stopped.wait()
        await listener.shutdown(gracePeriod: gracePeriod)
    }

    /// Ends the run.
    package func shutdown() async {
        stopped.open()
    }
}
