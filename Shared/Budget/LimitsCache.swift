import Caching

/// The limits of tenants and personas, as they were a moment ago, so that not each model call asks Postgres.
struct LimitsCache: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// Whose limits.
    struct Key: Hashable, Sendable {
        let tenant: String
        let persona: String?
    }

    private struct Entry {
        let limits: [Int64?]
        let until: Instant
    }

    private let timeToLive: Duration
    private var entries: LeastRecentlyUsed<Key, Entry>

    init(timeToLive: Duration, countMax: Int) {
        self.timeToLive = timeToLive
        entries = LeastRecentlyUsed(weightMax: countMax)
    }

    /// The limits, the tenant's first; nil when they are not known or too old.
    mutating func limits(_ key: Key, now: Instant) -> [Int64?]? {
        guard let entry = entries.use(key), entry.until > now else { return nil }
        return entry.limits
    }

    /// Remembers limits; when the cache is full, those that were asked for longest ago go.
    mutating func remember(_ limits: [Int64?], for key: Key, now: Instant) {
        entries.set(key, Entry(limits: limits, until: now + timeToLive))
    }
}
