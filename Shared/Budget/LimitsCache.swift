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
    private let countMax: Int
    private var entries: [Key: Entry] = [:]

    init(timeToLive: Duration, countMax: Int) {
        self.timeToLive = timeToLive
        self.countMax = countMax
    }

    /// The limits, the tenant's first; nil when they are not known or too old.
    func limits(_ key: Key, now: Instant) -> [Int64?]? {
        guard let entry = entries[key], entry.until > now else { return nil }
        return entry.limits
    }

    /// Remembers limits; when the cache is full it is emptied, which costs one look at Postgres per key.
    mutating func remember(_ limits: [Int64?], for key: Key, now: Instant) {
        if entries.count >= countMax, entries[key] == nil { entries.removeAll(keepingCapacity: true) }
        entries[key] = Entry(limits: limits, until: now + timeToLive)
    }
}
