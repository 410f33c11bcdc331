/// Which partitions of one topic a client reads out of its share, and whether their logs are those that were committed.
///
/// No I/O. A broker that was started again empty may still know, or be told, an offset of the log before it, and some
/// brokers answer a fetch behind the end with nothing: the client would wait until the new log has caught up. So each
/// partition is unverified until the broker has said where its log ends.
struct ShareStateMachine: Sendable {
    /// The partitions that are read.
    private(set) var reading: Set<Int32> = []
    /// Where reading began, of partitions whose end is not known yet.
    private var unverified: [Int32: Int64] = [:]

    /// What is read and no longer granted, in order.
    func leaving(granted: Set<Int32>) -> [Int32] {
        reading.subtracting(granted).sorted()
    }

    /// What is granted and not read yet, in order, out of the partitions that the topic has.
    func coming(granted: Set<Int32>, partitionCount: Int) -> [Int32] {
        granted.subtracting(reading).filter { $0 < partitionCount }.sorted()
    }

    /// A partition is read from now on, from what was committed; nil: from its beginning, as nothing was.
    mutating func began(_ partition: Int32, at offset: Int64?) {
        reading.insert(partition)
        unverified[partition] = offset
    }

    /// These partitions are read no more.
    mutating func ended(_ partitions: some Sequence<Int32>) {
        for partition in partitions {
            reading.remove(partition)
            unverified[partition] = nil
        }
    }

    /// The partitions whose end is to be asked for.
    var unsure: [Int32] { unverified.keys.sorted() }

    /// The broker says where a log ends (one past its last record).
    /// - Returns: Whether the log is another one than the committed offset is of: it is to be read from its beginning.
    mutating func logEnds(at end: Int64, in partition: Int32) -> Bool {
        guard let offset = unverified.removeValue(forKey: partition) else { return false }
        return end < offset
    }
}
