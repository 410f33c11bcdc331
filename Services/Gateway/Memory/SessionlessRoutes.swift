import Domain
import HTTPServer
import JSON
import Memory
import MemoryStore
import OpenSSL

/// The earlier form of the calls, without a session in the path: it is the one that `X-Session-ID` names, or the one
/// that `x-user-id` always has, which is made when it is not there.
struct SessionlessRoutes: Sendable {
    let sessions: MemorySessions

    /// Wraps the handler of a call that has its session in the path.
    func withSession(_ handler: @escaping Router.Handler) -> Router.Handler {
        { routed in
            if let sessionID = routed.request.header("x-session-id") {
                return try await handler(routed.naming(sessionID))
            }
            guard let userID = routed.request.header("x-user-id"), MemoryRequests.isNode(userID) else {
                let reason =
                    "is required in a header, or x-user-id with a name of 1 to "
                    + "\(MemoryRequests.nodeBytesMax) bytes"
                throw Problem.invalid([(name: "X-Session-ID", reason: reason)])
            }
            let key = Self.session(of: userID, tenantID: routed.tenantID)
            if try await sessions.isAlive(key) != true { try await make(key, for: userID) }
            return try await handler(routed.naming(key.sessionID))
        }
    }

    /// The session that a user of this form always has.
    static func session(of userID: String, tenantID: String) -> MemorySessionKey {
        MemorySessionKey(tenantID: tenantID, sessionID: "user-" + Digest.sha256Hex(userID.utf8).prefix(40))
    }

    private func make(_ key: MemorySessionKey, for userID: String) async throws {
        // What is left of an expired one goes first; of one that another request makes at this moment, nothing.
        if try await sessions.isAlive(key) == false { _ = try await sessions.delete(key) }
        _ = try await sessions.create(
            NewMemorySession(
                key: key,
                nodeID: userID,
                settings: SessionConfiguration(),
                metadata: JSONObject(),
                ttlSeconds: MemoryRequests.ttlSecondsByDefault
            )
        )
    }
}

extension RoutedRequest {
    /// The same request with the session in its path.
    fileprivate func naming(_ sessionID: String) -> RoutedRequest {
        var copy = self
        copy.parameters["id"] = sessionID
        return copy
    }
}
