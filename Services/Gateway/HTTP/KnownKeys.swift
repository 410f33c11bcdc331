import Caching
import Store

/// The API keys that came lately, so that not every request asks Postgres.
///
/// Wrong keys have a table of their own: whoever sends random ones pushes out other wrong ones, and none that is valid.
struct KnownKeys: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// How much is remembered, and how long.
    struct Limits: Sendable {
        /// How long an answer of the store counts from when it was asked, and so how late a key's end is seen.
        ///
        /// Default 10 s: `parleyctl keys revoke` promises it.
        var lifetime = Duration.seconds(10)
        /// How many valid keys are remembered; past it the one that was used longest ago goes.
        ///
        /// Default 10,000.
        var validMax = 10_000
        /// How many wrong keys are remembered.
        ///
        /// Default 10,000.
        var wrongMax = 10_000
    }

    /// What is known of a key.
    enum Answer: Equatable {
        /// It is valid.
        case valid(Credential)
        /// There is no such key, or it was revoked.
        case wrong
        /// The store has to be asked.
        case unknown
    }

    private let lifetime: Duration
    private var valid: LeastRecentlyUsed<String, (credential: Credential, until: Instant)>
    private var wrong: LeastRecentlyUsed<String, Instant>

    /// Knows nothing yet.
    init(limits: Limits) {
        lifetime = limits.lifetime
        valid = LeastRecentlyUsed(weightMax: limits.validMax)
        wrong = LeastRecentlyUsed(weightMax: limits.wrongMax)
    }

    /// What is known of a key at this time.
    mutating func look(_ key: String, now: Instant) -> Answer {
        if let entry = valid.use(key), entry.until > now { return .valid(entry.credential) }
        if let until = wrong.use(key), until > now { return .wrong }
        return .unknown
    }

    /// Remembers an answer of the store.
    /// - Parameters:
    ///   - credential: Whose key it is; nil: the key is wrong.
    ///   - key: The key.
    ///   - askedAt: When the store was asked: it may have changed while it answered.
    mutating func remember(_ credential: Credential?, for key: String, askedAt: Instant) {
        let until = askedAt + lifetime
        if let credential {
            wrong.remove(key)
            valid.set(key, (credential, until))
        } else {
            valid.remove(key)
            wrong.set(key, until)
        }
    }
}
