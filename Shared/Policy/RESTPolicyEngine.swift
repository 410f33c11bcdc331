package import HTTPClient
import JSON
package import Observability

/// The Open Policy Agent as a server: `POST /v1/data/<path>` of its REST API
/// (https://www.openpolicyagent.org/docs/latest/rest-api/#get-a-document-with-input).
package struct RESTPolicyEngine: PolicyEngine {
    /// Where the server is.
    package struct Configuration: Sendable {
        /// The server's URL up to and without `/v1`, such as `http://opa:8181`.
        package var baseURL: String
        /// The `Authorization` header, such as `Bearer …`; nil (the default) sends none.
        package var authorization: String?
        /// How long an answer may take.
        ///
        /// Default 2 s.
        package var timeout: Duration = .seconds(2)

        /// The defaults, with the server's URL.
        package init(baseURL: String) {
            self.baseURL = baseURL
        }
    }

    private let configuration: Configuration
    private let client: HTTPClientPool
    private let logger: Logger
    private let url: String
    private let healthURL: String

    /// Makes an engine over a client, which stays the caller's to shut down.
    package init(_ configuration: Configuration, client: HTTPClientPool, logger: Logger) {
        self.configuration = configuration
        self.client = client
        self.logger = logger
        let path = PolicyDecision.documentPath.split(separator: ".").joined(separator: "/")
        let given = configuration.baseURL
        let base = given.hasSuffix("/") ? String(given.dropLast()) : given
        url = base + "/v1/data/" + path
        healthURL = base + "/health"
    }

    /// Asks the server; denies when it cannot be reached or does not answer as it should.
    package func decide(_ input: PolicyInput) async throws -> PolicyDecision {
        do {
            return PolicyDecision(result: try await evaluate(input))
        } catch {
            try Task.checkCancellation()
            logger.error(
                "the policy server failed: denied",
                [.error: .error(error), .code: .string(error.code.rawValue)]
            )
            return PolicyDecision(engineFailure: error)
        }
    }

    /// Whether the server answers `GET /health` (the same REST API) with 200.
    package func isHealthy() async -> Bool {
        let request = HTTPClientRequest(url: healthURL, timeout: configuration.timeout)
        return (try? await client.send(request))?.status == 200
    }

    private func evaluate(_ input: PolicyInput) async throws(PolicyError) -> JSONValue? {
        var headers: HTTPClientHeaders = ["Content-Type": "application/json"]
        if let authorization = configuration.authorization {
            headers["Authorization"] = authorization
        }
        let request = HTTPClientRequest(
            method: "POST",
            url: url,
            headers: headers,
            body: JSONValue.object(["input": input.json]).serialized(),
            timeout: configuration.timeout
        )
        let response: HTTPClientResponse
        do {
            response = try await client.send(request)
        } catch {
            throw PolicyError(.unreachable, "the policy server cannot be asked: \(error)")
        }
        guard response.status == 200 else {
            throw PolicyError(.unreachable, "the policy server answers \(response.status)")
        }
        let answer: JSONValue
        do {
            answer = try JSONValue.parse(response.body)
        } catch {
            throw PolicyError(.badAnswer, "the policy server's answer is not JSON")
        }
        guard case .object(let object) = answer else {
            throw PolicyError(.badAnswer, "the policy server's answer is not an object")
        }
        return object["result"]
    }
}
