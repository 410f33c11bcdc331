import HTTPServer

/// Lets programs of this machine use the memory without a credential, as those of the default tenant.
///
/// Web pages are no such programs: what a browser sends for one is refused, and so is what comes under another name
/// than this machine's own, to which a page of elsewhere may have been bound.
struct LocalClients: Sendable {
    let application: GatewayApplication

    /// Answers a request.
    func handle(_ request: HTTPRequest) async -> HTTPResponse {
        guard request.header("origin") == nil, Self.isThisMachine(request.header("host") ?? "") else {
            return Problem(
                status: 403,
                code: "local_programs_only",
                detail: "This port is for programs of this machine, not for web pages; use the gateway's own port."
            ).response
        }
        return await application.handle(request)
    }

    /// Whether the header `Host` names this machine as seen from itself.
    static func isThisMachine(_ host: String) -> Bool {
        let name = host.split(separator: ":", maxSplits: 1).first.map { $0.lowercased() } ?? ""
        return name == "127.0.0.1" || name == "localhost"
    }
}
