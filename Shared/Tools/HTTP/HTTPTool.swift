import Errors
package import HTTPClient
package import JSON
package import Resilience

/// Calls a tool that is an HTTP endpoint of another program.
///
/// The arguments are the body of a POST; a status of 2xx with JSON is the result. `Idempotency-Key` is
/// `<tenant>/<event_id>`, the same however often one run is sent, so that the endpoint can drop what it has done
/// already. `Parley-Tenant`, `Parley-Session` and `Parley-Persona` say for whom the tool runs.
///
/// Each try goes through a circuit breaker; while that is open the tool answers `unavailable` and sends nothing.
package struct HTTPTool: Tool {
    /// What the platform and the model know of it.
    package var definition: ToolDefinition { settings.definition }
    private let settings: HTTPToolSettings
    private let client: HTTPClientPool
    private let breaker: CircuitBreaker
    private let headers: HTTPClientHeaders

    /// The highest ceiling of the first wait before another try.
    private static let firstPause = Duration.milliseconds(100)

    /// Makes a tool.
    /// - Parameters:
    ///   - settings: What the operator's file says.
    ///   - variables: The values of the variables in its headers.
    ///   - client: Sends the calls.
    ///   - breaker: Stands before the endpoint.
    package init(
        _ settings: HTTPToolSettings,
        variables: [String: String] = [:],
        client: HTTPClientPool,
        breaker: CircuitBreaker
    ) {
        self.settings = settings
        self.client = client
        self.breaker = breaker
        var headers = HTTPClientHeaders()
        for header in settings.headers {
            headers.append(header.name, header.value(variables))
        }
        self.headers = headers
    }

    /// Calls the endpoint, again where that may help and the tool is idempotent.
    package func run(_ arguments: JSONValue, context: ToolContext) async throws -> JSONValue {
        let retrier = Retrier(RetryPolicy(retriesMax: settings.retriesMax, baseDelay: Self.firstPause))
        do {
            return try await retrier.run(deadline: context.deadline) { _ in try await attempt(arguments, context) }
        } catch let failure as Failure {
            throw failure.error
        }
    }

    /// Why one call has no result, and whether another one may have one.
    private struct Failure: DependencyError, DescribedError {
        let error: ToolError
        var outcome = CircuitBreakerStateMachine.Outcome.failure
        var verdict = Retrier.Verdict.giveUp

        /// What `/health` and the log say of a breaker that opened: no text of the endpoint or of a user.
        var description: String { error.reason }
    }

    private func attempt(_ arguments: JSONValue, _ context: ToolContext) async throws -> JSONValue {
        do {
            return try await breaker.run { try await call(arguments, context) }
        } catch let error as CircuitBreakerError {
            // Said at once: the model can do something else meanwhile, and it would not wait for as long as that takes.
            let seconds = error.retryAfter.components.seconds + 1
            let reason = "the tool has failed repeatedly and is not called now; try again in \(seconds) s"
            throw Failure(error: ToolError(.unavailable, reason), outcome: .unknown)
        }
    }

    private func call(_ arguments: JSONValue, _ context: ToolContext) async throws -> JSONValue {
        var request = HTTPClientRequest(
            method: "POST",
            url: settings.url,
            headers: headers,
            body: arguments.serialized()
        )
        request.headers["Content-Type"] = "application/json"
        request.headers["Accept"] = request.headers["Accept"] ?? "application/json"
        request.headers["Idempotency-Key"] = "\(context.tenantId)/\(context.idempotencyKey)"
        request.headers["Parley-Tenant"] = context.tenantId
        request.headers["Parley-Session"] = context.sessionId
        if let persona = context.personaId { request.headers["Parley-Persona"] = persona }
        request.timeout = definition.timeout
        request.deadline = context.deadline
        // A connection that the endpoint closes over a call may have carried it to its effect.
        request.usesFreshConnection = !definition.idempotent
        do {
            let response = try await client.stream(request)
            guard (200...299).contains(response.status) else {
                response.cancel()
                throw Self.refusal(response)
            }
            return try Self.result(try await body(of: response))
        } catch let error as HTTPClientError {
            throw try failure(error, at: context.deadline)
        } catch is CancellationError {
            throw try cancellation(at: context.deadline)
        }
    }

    /// Who runs the tool cancels it at the deadline, which may come before the client's own: the endpoint took too long
    /// all the same.
    private func cancellation(at deadline: ContinuousClock.Instant) throws -> Failure {
        if deadline > .now { throw CancellationError() }
        return Failure(error: ToolError(.timedOut, "the tool did not answer in time"))
    }

    private func body(of response: HTTPClientStream) async throws -> [UInt8] {
        var body: [UInt8] = []
        for try await piece in response.body {
            body += piece
            guard body.count <= definition.resultBytesMax else {
                response.cancel()
                let reason = "the tool's answer is larger than \(definition.resultBytesMax) bytes"
                // The endpoint answers: how much may well depend on what it was asked.
                throw Failure(error: ToolError(.invalidResult, reason), outcome: .success)
            }
        }
        return body
    }

    private static func result(_ body: [UInt8]) throws -> JSONValue {
        guard let json = try? JSONValue.parse(body) else {
            throw Failure(error: ToolError(.invalidResult, "the tool's answer is not JSON"))
        }
        if case .object = json { return json }
        return ["result": json]
    }

    private static func refusal(_ response: HTTPClientStream) -> Failure {
        Failure(
            error: ToolError(.failed, "the tool answered with status \(response.status)"),
            outcome: .init(httpStatus: response.status),
            verdict: .init(
                httpStatus: response.status,
                retryAfter: RetryAfter.duration(response.headers["retry-after"])
            )
        )
    }

    private func failure(_ error: HTTPClientError, at deadline: ContinuousClock.Instant) throws -> Failure {
        switch error.code {
        case .connectFailed:
            Failure(error: ToolError(.unavailable, "the tool cannot be reached"), verdict: .again())
        case .overloaded:
            // This process has too many calls under way: that says nothing about the endpoint.
            Failure(
                error: ToolError(.unavailable, "too many calls of tools are under way"),
                outcome: .unknown,
                verdict: .again()
            )
        case .timedOut:
            Failure(error: ToolError(.timedOut, "the tool did not answer in time"))
        case .connectionLost where !definition.idempotent:
            Failure(error: ToolError(.interrupted, "the connection broke: the run may have had its effect"))
        case .connectionLost:
            Failure(error: ToolError(.unavailable, "the connection to the tool broke"), verdict: .again())
        case .cancelled:
            try cancellation(at: deadline)
        case .shutDown:
            throw CancellationError()
        case .badURL, .badRequest:
            Failure(
                error: ToolError(.failed, "the tool cannot be called: \(error.code.rawValue)"),
                outcome: .unknown
            )
        case .bodyTooLarge, .headersTooLarge, .tls, .protocolError:
            Failure(error: ToolError(.failed, "the tool cannot be called: \(error.code.rawValue)"))
        }
    }
}

/// A tool that another service runs: here it is only offered and its arguments are checked.
package struct RemoteTool: Tool {
    /// What the platform and the model know of it.
    package let definition: ToolDefinition

    /// Makes a tool.
    package init(_ definition: ToolDefinition) {
        self.definition = definition
    }

    /// Always fails: an executor runs it.
    package func run(_ arguments: JSONValue, context: ToolContext) async throws -> JSONValue {
        throw ToolError(.unavailable, "\(definition.name) runs in an executor")
    }
}
