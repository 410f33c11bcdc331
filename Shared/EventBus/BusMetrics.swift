import Synchronization

/// What a producer, consumer or reader has done so far.
///
/// Counters only grow; `inFlight` is of the moment.
package struct BusMetrics: Sendable, Equatable {
    /// Records that the broker acknowledged.
    package var produced: UInt64 = 0
    /// Records that the broker did not acknowledge.
    package var failed: UInt64 = 0
    /// Records received from the broker.
    package var consumed: UInt64 = 0
    /// Records that handlers finished.
    package var finished: UInt64 = 0
    /// Records in the producer's queue, or received and not finished.
    package var inFlight: UInt64 = 0
    /// Handlers that threw and were scheduled again.
    package var retries: UInt64 = 0
    /// Assignments that changed.
    package var rebalances: UInt64 = 0
    /// Buffered records that were dropped, results that came after their partition was lost.
    package var drops: UInt64 = 0
    /// Producers, consumers or positions that were built anew after a fatal error or a lost log.
    package var resets: UInt64 = 0

    /// Makes a snapshot of nothing.
    package init() {}

    /// The sum of two snapshots.
    package static func + (left: BusMetrics, right: BusMetrics) -> BusMetrics {
        var sum = left
        sum.produced += right.produced
        sum.failed += right.failed
        sum.consumed += right.consumed
        sum.finished += right.finished
        sum.inFlight += right.inFlight
        sum.retries += right.retries
        sum.rebalances += right.rebalances
        sum.drops += right.drops
        sum.resets += right.resets
        return sum
    }
}

/// Counters that several threads add to.
final class BusCounters: Sendable {
    private let metrics = Mutex(BusMetrics())

    /// The counters as they are now.
    var snapshot: BusMetrics { metrics.withLock { $0 } }

    /// Changes the counters.
    func update(_ change: (inout BusMetrics) -> Void) {
        metrics.withLock { change(&$0) }
    }
}
