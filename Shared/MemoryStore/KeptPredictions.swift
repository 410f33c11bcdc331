import Caching
import Memory
import Synchronization

/// The predictions that sessions had last, for as long as nothing has changed that they depend on.
///
/// What is predicted follows from a session's memory and settings and from what its node has learned. Both are
/// numbered in the database, so that one who finds predictions of the same two numbers finds what it would compute, in
/// whichever process.
final class KeptPredictions: Sendable {
    private struct Entry: Sendable {
        let version: Int64
        let nodeSeq: Int64
        let ensemble: PredictionEnsemble
    }

    private let entries: Mutex<LeastRecentlyUsed<MemorySessionKey, Entry>>

    init(bytesMax: Int) {
        entries = Mutex(LeastRecentlyUsed(weightMax: bytesMax))
    }

    /// What is kept of a session at a version, with its node at a number.
    func find(_ state: MemorySessionState, nodeSeq: Int64) -> PredictionEnsemble? {
        entries.withLock { entries in
            guard let entry = entries.use(state.key) else { return nil }
            return entry.version == state.version && entry.nodeSeq == nodeSeq ? entry.ensemble : nil
        }
    }

    /// Keeps predictions, unless newer ones are kept.
    func keep(_ ensemble: PredictionEnsemble, of state: MemorySessionState, nodeSeq: Int64) {
        let entry = Entry(version: state.version, nodeSeq: nodeSeq, ensemble: ensemble)
        // Its symbols are those of the session's memory, which may be gone from here, and of the node's index.
        let weight = 128 + ensemble.memoryBytes + (ensemble.predictions.isEmpty ? 0 : state.memory.bytes)
        entries.withLock { entries in
            if let known = entries.use(state.key),
                (known.version, known.nodeSeq) > (entry.version, entry.nodeSeq)
            {
                return
            }
            entries.set(state.key, entry, weight: weight)
        }
    }
}
