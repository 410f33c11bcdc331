import Synchronization

/// The partitions that one member of a group reads, where somebody else than the broker shares them out.
///
/// A share is of partition numbers, the same for every topic of the group: what belongs to one key is in the same hands
/// over all of them. Whoever shares them out calls ``grant(_:)``; the consumers that were made with this follow it, and
/// ``reading`` says what they have not let go of yet.
package final class PartitionShares: Sendable {
    private struct State {
        var granted: Set<Int32>?
        var reading: [String: Set<Int32>] = [:]
        var partitionCount: Int
        var wakeups: [Wakeup] = []
    }

    private let state: Mutex<State>

    /// Makes a member without a share.
    ///
    /// - Parameter partitionCount: How many partitions the topics are thought to have, until the broker tells.
    package init(partitionCount: Int) {
        state = Mutex(State(partitionCount: partitionCount))
    }

    /// Makes these the partitions that are read, and no others; what leaves is committed first.
    ///
    /// Does not wait.
    package func grant(_ partitions: Set<Int32>) {
        let wakeups = state.withLock { state in
            guard state.granted != partitions else { return [Wakeup]() }
            state.granted = partitions
            return state.wakeups
        }
        for wakeup in wakeups {
            wakeup.signal()
        }
    }

    /// The partitions that some consumer still reads, or has not committed yet.
    package var reading: Set<Int32> {
        state.withLock { $0.reading.values.reduce(into: []) { $0.formUnion($1) } }
    }

    /// How many partitions the topic with the most of them has.
    package var partitionCount: Int { state.withLock(\.partitionCount) }

    /// Whether every consumer reads all that was granted.
    package var isSettled: Bool {
        state.withLock { state in
            guard let granted = state.granted else { return false }
            return state.reading.values.allSatisfy { $0.isSuperset(of: granted) }
        }
    }

    /// What is granted; nothing before the first grant.
    var granted: Set<Int32> { state.withLock { $0.granted ?? [] } }

    /// A consumer follows the share from now on, and is woken when it changes.
    func follow(_ topic: String, _ wakeup: Wakeup) {
        state.withLock { state in
            state.reading[topic] = []
            state.wakeups.append(wakeup)
        }
    }

    /// A topic's consumer reads these partitions now.
    func isReading(_ partitions: Set<Int32>, of topic: String) {
        state.withLock { $0.reading[topic] = partitions }
    }

    /// A topic has this many partitions.
    func found(_ count: Int) {
        state.withLock { $0.partitionCount = max($0.partitionCount, count) }
    }
}
