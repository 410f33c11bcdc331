import Caching
import Synchronization

/// The sessions that this process has used lately, as it last knew them.
///
/// They may have been changed elsewhere since: whoever uses one checks its version.
final class SessionsAtHand: Sendable {
    private let entries: Mutex<LeastRecentlyUsed<MemorySessionKey, MemorySessionState>>

    init(bytesMax: Int) {
        entries = Mutex(LeastRecentlyUsed(weightMax: bytesMax))
    }

    /// How many there are, and how many bytes they take.
    var size: (count: Int, bytes: Int) { entries.withLock { ($0.count, $0.weight) } }

    subscript(key: MemorySessionKey) -> MemorySessionState? {
        entries.withLock { $0.use(key) }
    }

    /// Keeps a session, unless a newer version of it is here already.
    func keep(_ state: MemorySessionState) {
        entries.withLock { entries in
            if let known = entries.use(state.key), known.version > state.version { return }
            entries.set(state.key, state, weight: state.weight)
        }
    }

    func remove(_ key: MemorySessionKey) {
        _ = entries.withLock { $0.remove(key) }
    }
}
