import HTTPServer
import OpenSSL
import Store
import Synchronization

/// Tells whose request it is, by its API key; keys are remembered for a short time.
final class Authenticator: Sendable {
    /// The longest key that is looked at, in bytes.
    static let keyBytesMax = 256

    private let store: CredentialStore
    private let known: Mutex<KnownKeys>

    /// Makes an authenticator.
    /// - Parameters:
    ///   - store: The keys.
    ///   - limits: How many keys are remembered, and how long.
    init(store: CredentialStore, limits: KnownKeys.Limits = KnownKeys.Limits()) {
        self.store = store
        known = Mutex(KnownKeys(limits: limits))
    }

    /// The credential of a request.
    /// - Throws: ``Problem/unauthorized`` when it has none that is valid.
    func credential(of request: HTTPRequest) async throws -> Credential {
        guard let header = request.header("authorization"), let key = Self.bearer(header) else {
            throw Problem.unauthorized
        }
        let now = ContinuousClock.now
        switch known.withLock({ $0.look(key, now: now) }) {
        case .valid(let credential): return credential
        case .wrong: throw Problem.unauthorized
        case .unknown: break
        }
        let credential = try await store.credential(hash: Digest.sha256Hex(key.utf8))
        known.withLock { $0.remember(credential, for: key, askedAt: now) }
        guard let credential else { throw Problem.unauthorized }
        return credential
    }

    private static func bearer(_ header: String) -> String? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", parts[1].utf8.count <= keyBytesMax else {
            return nil
        }
        return String(parts[1])
    }
}
