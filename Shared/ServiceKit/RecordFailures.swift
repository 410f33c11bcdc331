import Caching
import EventBus
import Synchronization

/// How often the handler of a record has failed, for records that are being tried again.
///
/// In this process only: a record that another member of the group takes over begins anew.
final class RecordFailures: Sendable {
    private struct Name: Hashable {
        let topic: String
        let partition: Int32
        let offset: Int64

        init(_ record: BusRecord) {
            topic = record.topic
            partition = record.partition
            offset = record.offset
        }
    }

    /// More records than a process has under way; what is over it belongs to partitions that are gone.
    static let recordsMax = 10_000

    private let counts = Mutex(LeastRecentlyUsed<Name, Int>(weightMax: recordsMax))

    /// Counts a failure.
    /// - Returns: How many there are now.
    func count(_ record: BusRecord) -> Int {
        let name = Name(record)
        return counts.withLock { counts in
            let count = (counts.use(name) ?? 0) + 1
            counts.set(name, count)
            return count
        }
    }

    /// Forgets a record, as it is handled or given up.
    /// - Returns: How often it had failed.
    @discardableResult
    func forget(_ record: BusRecord) -> Int {
        counts.withLock { counts in counts.count == 0 ? 0 : counts.remove(Name(record)) ?? 0 }
    }
}
