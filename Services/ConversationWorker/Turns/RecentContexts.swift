import Caching

/// The histories of the sessions that this worker had turns of lately: only so many bytes, and only so long, because
/// most sessions go on at once or much later, and other workers and Redis know them too.
struct RecentContexts<Key: Hashable> {
    private struct Entry {
        var context: RememberedContext
        var since: ContinuousClock.Instant
    }

    /// How long a history is kept after its last turn.
    static var timeToLive: Duration { .seconds(60) }

    private var entries: LeastRecentlyUsed<Key, Entry>

    /// Begins with none.
    /// - Parameter bytesMax: What all of them together may take; 16 MiB.
    init(bytesMax: Int = 16 << 20) {
        entries = LeastRecentlyUsed(weightMax: bytesMax)
    }

    /// How many there are.
    var count: Int { entries.count }

    /// The history of a session.
    mutating func find(_ key: Key) -> RememberedContext? { entries.use(key)?.context }

    /// Keeps a history, and lets go what is too old.
    mutating func keep(_ key: Key, _ context: RememberedContext, now: ContinuousClock.Instant) {
        entries.set(key, Entry(context: context, since: now), weight: context.weight)
        while let oldest = entries.oldestValue, now - oldest.since > Self.timeToLive, let key = entries.oldestKey {
            entries.remove(key)
        }
    }

    /// Lets a history go.
    mutating func forget(_ key: Key) { entries.remove(key) }
}
