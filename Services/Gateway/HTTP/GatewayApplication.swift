import Domain
import HTTPServer
import Memory
import Observability
import Postgres
import Store

/// Every request comes through here: route, credential, handler, and an answer for whatever goes wrong.
struct GatewayApplication: Sendable {
    var router: Router
    let authenticator: Authenticator
    let metrics: GatewayMetrics
    let logger: Logger

    /// Answers a request; never throws.
    func handle(_ request: HTTPRequest) async -> HTTPResponse {
        let started = ContinuousClock.now
        let trace =
            request.header("traceparent").flatMap { text in TraceContext(traceparent: text) }?.child()
            ?? TraceContext.generate()
        var response: HTTPResponse
        do {
            response = try await route(request, trace: trace)
        } catch let problem as any HTTPErrorConvertible {
            response = problem.response
        } catch let error as MemoryError {
            response = MemoryProblem(error).response
        } catch let error as PostgresError {
            response = answer(to: error, trace: trace)
        } catch {
            logger.with(trace: trace).error("a request failed", [.error: .error(error)])
            response = Problem(status: 500, code: "internal", detail: "The gateway failed; its log says why.").response
        }
        response.headers.append(("traceparent", trace.traceparent))
        response.headers.append(("x-trace-id", traceID(request, trace)))
        metrics.answered(status: response.status, after: started.duration(to: .now))
        return response
    }

    /// The name that the client gave the request, or the one of its trace.
    private func traceID(_ request: HTTPRequest, _ trace: TraceContext) -> String {
        if let given = request.header("x-trace-id"), (1...128).contains(given.utf8.count),
            given.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        {
            return given
        }
        return trace.traceIDHex
    }

    private func route(_ request: HTTPRequest, trace: TraceContext) async throws -> HTTPResponse {
        switch router.match(method: request.method, path: request.path) {
        case .route(let route, let parameters):
            let credential = route.needsCredential ? try await authenticator.credential(of: request) : nil
            if let credential, !credential.allows(route.scope) { throw Problem.forbidden(route.scope) }
            return try await route.handler(
                RoutedRequest(
                    request: request,
                    parameters: parameters,
                    tenantID: credential?.tenantID ?? Identifier.defaultTenant,
                    credentialID: credential?.keyID ?? "",
                    traceparent: trace.traceparent
                )
            )
        case .otherMethods(let methods):
            var response = Problem(
                status: 405,
                code: "method_not_allowed",
                detail: "This path knows \(methods.joined(separator: ", "))."
            ).response
            response.headers.append(("allow", methods.joined(separator: ", ")))
            return response
        case .nothing:
            throw Problem.noSuchPath
        }
    }

    private func answer(to error: PostgresError, trace: TraceContext) -> HTTPResponse {
        logger.with(trace: trace).warning("the database did not do its part", [.error: .error(error)])
        if [.connection, .timeout].contains(error.code) {
            return Problem.unavailable(
                "The database does not answer at the moment; whether anything was accepted is not known."
            ).response
        }
        if error.code == .unavailable {
            return Problem.unavailable("The database does not answer at the moment; nothing was accepted.").response
        }
        return Problem.unavailable("The database has too much to do at the moment; nothing was accepted.").response
    }
}
