import HTTPServer
import Store

/// A request on its way through the gateway.
struct RoutedRequest: Sendable {
    /// The request.
    let request: HTTPRequest
    /// The parts of the path that the route names, such as `id`.
    var parameters: [String: String]
    /// Whose request it is; the tenant is never taken from anything else.
    let tenantID: String
    /// The public id of the API key that it came with; empty where none is needed.
    let credentialID: String
    /// The trace that it belongs to.
    let traceparent: String
    /// The body, where somebody has read it already; ``jsonBody()`` reads it otherwise.
    var body: [UInt8]?
    /// The request as the client named it by an idempotency key, if it did and the route knows them.
    var idempotency: IdempotentRequest?

    /// A part of the path that the route names.
    func parameter(_ name: String) throws -> String {
        guard let value = parameters[name] else { throw Problem.noSuchPath }
        return value
    }
}

/// Finds the handler of a request by method and path.
struct Router: Sendable {
    /// Answers a request.
    typealias Handler = @Sendable (RoutedRequest) async throws -> HTTPResponse

    /// One method and path.
    struct Route: Sendable {
        /// The method.
        let method: String
        /// The path's parts; one in braces matches anything and gives it the name in them.
        let pattern: [Substring]
        /// Whether the request needs a credential.
        let needsCredential: Bool
        /// What the credential must allow.
        let scope: CredentialScope
        /// Answers it.
        let handler: Handler

        /// Makes a route.
        init(
            _ method: String,
            _ path: StaticString,
            needsCredential: Bool = true,
            scope: CredentialScope = .messages,
            _ handler: @escaping Handler
        ) {
            self.method = method
            pattern = path.description.split(separator: "/")
            self.needsCredential = needsCredential
            self.scope = scope
            self.handler = handler
        }

        /// The path as it was given.
        var path: String { "/" + pattern.joined(separator: "/") }

        func match(_ parts: [Substring]) -> [String: String]? {
            guard parts.count == pattern.count else { return nil }
            var parameters: [String: String] = [:]
            for (part, expected) in zip(parts, pattern) {
                if expected.first == "{" {
                    guard let value = HTTPRequest.percentDecoded(part), !value.isEmpty else { return nil }
                    parameters[String(expected.dropFirst().dropLast())] = value
                } else if part != expected {
                    return nil
                }
            }
            return parameters
        }
    }

    /// What the path leads to.
    enum Match {
        /// A route, with the parts of the path that it names.
        case route(Route, [String: String])
        /// Other methods are there, not this one.
        case otherMethods([String])
        /// Nothing is there.
        case nothing
    }

    private let routes: [Int: [Route]]
    /// Routes without parameters by method and path: the busiest ones need no search.
    private let fixed: [String: [String: Route]]

    /// Makes a router.
    init(_ routes: [Route]) {
        self.routes = Dictionary(grouping: routes) { $0.pattern.count }
        let fixed = routes.filter { route in !route.pattern.contains { $0.first == "{" } }
        self.fixed = Dictionary(grouping: fixed, by: \.method).mapValues { routes in
            Dictionary(routes.map { ($0.path, $0) }) { first, _ in first }
        }
    }

    /// Every route's method and path, as the path is written where the route is made.
    var table: [(method: String, path: String)] {
        routes.values.joined().map { ($0.method, $0.path) }
    }

    /// Finds the route of a request.
    ///
    /// HEAD goes where GET goes.
    func match(method: String, path: String) -> Match {
        if let route = fixed[method]?[path] { return .route(route, [:]) }
        let parts = path.split(separator: "/")
        var methods: [String] = []
        for route in routes[parts.count] ?? [] {
            guard let parameters = route.match(parts) else { continue }
            if route.method == method || method == "HEAD" && route.method == "GET" { return .route(route, parameters) }
            methods.append(route.method)
        }
        return methods.isEmpty ? .nothing : .otherMethods(methods)
    }
}
