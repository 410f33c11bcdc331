import Store
import Synchronization

/// Whether this worker may still go on with a turn: ended once, by whoever learns that another worker has it.
///
/// Every write is refused by the database then; what this saves is the work that leads to it, a model's above all.
final class TurnLease: Sendable {
    private let isOver = Atomic(false)

    /// The turn is somebody else's.
    func end() {
        isOver.store(true, ordering: .releasing)
    }

    /// Throws when the turn is somebody else's.
    /// - Throws: `StoreError` of code `fenced`, as a write would.
    func check() throws {
        if isOver.load(ordering: .acquiring) { throw StoreError.fenced }
    }
}
