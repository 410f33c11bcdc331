import Store

/// Every path of the memory, in each of the forms that clients know.
struct MemoryRouteTable: Sendable {
    let sessions: MemoryRoutes
    let nodes: MemoryNodeRoutes
    let sessionless: SessionlessRoutes
    let events: MemoryEvents
    /// Makes a handler one that clients may repeat with an idempotency key.
    let once: @Sendable (@escaping Router.Handler) -> Router.Handler

    /// The forms: at the root, and under the version that earlier clients put in front.
    static let prefixes = ["", "/v2"]

    /// The routes.
    /// - Parameter needsCredential: Whether requests need one; without one they belong to the default tenant.
    /// - Returns: One for each method, path and form.
    func routes(needsCredential: Bool) -> [Router.Route] {
        Self.prefixes.flatMap { prefix in
            table.map { method, path, handler in
                let isWrite = method == "POST"
                return Router.Route(
                    method,
                    path: prefix + path,
                    needsCredential: needsCredential,
                    isWrite ? once(handler) : handler
                )
            }
        } + [Router.Route("GET", path: "/ws/events", needsCredential: needsCredential, events.listen)]
    }

    private var table: [(String, String, Router.Handler)] {
        let withSession = sessionless.withSession
        return [
            ("POST", "/sessions", sessions.create),
            ("GET", "/sessions/count", sessions.count),
            ("GET", "/sessions/{id}", sessions.get),
            ("DELETE", "/sessions/{id}", sessions.delete),
            ("GET", "/sessions/{id}/exists", sessions.exists),
            ("GET", "/sessions/{id}/config", sessions.settings),
            ("POST", "/sessions/{id}/config", sessions.configure),
            ("POST", "/sessions/{id}/extend", sessions.extend),
            ("POST", "/sessions/{id}/observe", sessions.observe),
            ("POST", "/sessions/{id}/observe-sequence", sessions.observeSequence),
            ("GET", "/sessions/{id}/stm", sessions.shortTermMemory),
            ("POST", "/sessions/{id}/learn", sessions.learn),
            ("GET", "/sessions/{id}/predictions", sessions.recall),
            ("POST", "/sessions/{id}/clear-stm", sessions.clear),
            ("POST", "/sessions/{id}/clear-all", sessions.clearAll),
            ("POST", "/sessions/{id}/finalize-training", sessions.finalizeTraining),
            ("GET", "/sessions/{id}/percept-data", sessions.percept),
            ("GET", "/sessions/{id}/cognition-data", sessions.cognition),
            ("GET", "/pattern/{name}", nodes.pattern),
            ("GET", "/symbols/stats", nodes.statistics),
            ("GET", "/symbols/affinity", nodes.affinities),
            ("GET", "/symbols/{symbol}/affinity", nodes.affinity),
            ("POST", "/observe", withSession(sessions.observe)),
            ("GET", "/stm", withSession(sessions.shortTermMemory)),
            ("POST", "/learn", withSession(sessions.learn)),
            ("GET", "/predictions", withSession(sessions.recall)),
            ("POST", "/clear-stm", withSession(sessions.clear)),
        ]
    }
}

extension Router.Route {
    /// Makes a route of a path that is put together.
    fileprivate init(_ method: String, path: String, needsCredential: Bool, _ handler: @escaping Router.Handler) {
        self.method = method
        pattern = path.split(separator: "/")
        self.needsCredential = needsCredential
        scope = .messages
        self.handler = handler
    }
}
