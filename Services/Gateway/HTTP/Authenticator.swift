import HTTPServer
import OpenSSL
import Store
import Synchronization

/// Tells whose request it is, by its API key; keys are remembered for a short time.
final class Authenticator: Sendable {
    private struct Entry {
        let credential: Credential?
        let until: ContinuousClock.Instant
    }

    /// The longest key that is looked at, in bytes.
    static let keyBytesMax = 256

    private let store: CredentialStore
    private let lifetime: Duration
    private let entriesMax: Int
    private let entries = Mutex<[String: Entry]>([:])

    /// Makes an authenticator.
    /// - Parameters:
    ///   - store: The keys.
    ///   - lifetime: How long a key is remembered, and so how late its end is seen. Default 10 s.
    ///   - entriesMax: How many are remembered, wrong ones among them. Default 10,000.
    init(store: CredentialStore, lifetime: Duration = .seconds(10), entriesMax: Int = 10_000) {
        self.store = store
        self.lifetime = lifetime
        self.entriesMax = entriesMax
    }

    /// The credential of a request.
    /// - Throws: ``Problem/unauthorized`` when it has none that is valid.
    func credential(of request: HTTPRequest) async throws -> Credential {
        guard let header = request.header("authorization"), let key = Self.bearer(header) else {
            throw Problem.unauthorized
        }
        let now = ContinuousClock.now
        if let entry = entries.withLock({ $0[key] }), entry.until > now {
            guard let credential = entry.credential else { throw Problem.unauthorized }
            return credential
        }
        let credential = try await store.credential(hash: Digest.sha256Hex(key.utf8))
        entries.withLock { entries in
            if entries.count >= entriesMax { entries.removeAll(keepingCapacity: true) }
            entries[key] = Entry(credential: credential, until: now + lifetime)
        }
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
