/// Follows the partitions of one topic without a group, and notices when the broker has lost and refilled the log.
///
/// An offset alone cannot tell: after a restart with an empty log, new records may already have grown past the
/// position, and reading on there would skip them. So after a lost connection the last record seen (the anchor: its
/// offset and a fingerprint) is read again. If it is the same, the log is; if another record is there, the partition is
/// read from its beginning. If the log ends before the anchor, it is another one too: some brokers answer a fetch
/// behind the end with nothing instead of an error, and without a look at the end the reader would wait until the new
/// log has caught up.
struct ReaderStateMachine: Sendable {
    /// Where a partition is read from next.
    enum Position: Sendable, Equatable {
        /// The first record that the broker has.
        case beginning
        /// This offset.
        case offset(Int64)
        /// Where the reader was asked to start: nothing was seen of the partition yet.
        case start
    }

    /// What to do with a record.
    enum Verdict: Sendable, Equatable {
        /// Hand it on.
        case deliver
        /// It was handed on before.
        case skip
        /// It is not the record that was there: read the partition from its beginning.
        case restart
    }

    private struct Anchor: Sendable, Equatable {
        let offset: Int64
        let fingerprint: Int
    }

    private struct Partition: Sendable {
        var start = Position.start
        var anchor: Anchor?
        var isVerifying = false
    }

    private var partitions: [Int32: Partition] = [:]
    /// How often a log was found to be another one.
    private(set) var resets: UInt64 = 0

    /// How many partitions are followed.
    var count: Int { partitions.count }

    /// The topic has this many partitions; answers true when some are new.
    ///
    /// New ones that turn up later are read from their beginning: all they have was written since we started.
    mutating func discovered(count: Int) -> Bool {
        let isFirst = partitions.isEmpty
        var isNew = false
        for number in 0..<Int32(clamping: count) where partitions[number] == nil {
            partitions[number] = Partition(start: isFirst ? .start : .beginning)
            isNew = true
        }
        return isNew
    }

    /// The connection was lost: from here on nothing is believed.
    ///
    /// Positions are to be assigned anew.
    mutating func suspect() {
        for number in partitions.keys where partitions[number]?.anchor != nil {
            partitions[number]?.isVerifying = true
        }
    }

    /// Where each partition is to be read from.
    var positions: [Int32: Position] {
        partitions.mapValues { partition in
            guard let anchor = partition.anchor else { return partition.start }
            return .offset(partition.isVerifying ? anchor.offset : anchor.offset + 1)
        }
    }

    /// Takes a record.
    mutating func received(_ record: BusRecord) -> Verdict {
        guard let partition = partitions[record.partition] else { return .skip }
        let fingerprint = Self.fingerprint(of: record)
        if partition.isVerifying, let anchor = partition.anchor {
            partitions[record.partition]?.isVerifying = false
            if record.offset == anchor.offset {
                guard fingerprint != anchor.fingerprint else { return .skip }
                // Something else stands there: what precedes it was never seen.
                partitions[record.partition] = Partition(start: .beginning)
                resets += 1
                return .restart
            }
            // Below: the broker sent us back to the beginning. Above: the anchor has gone by retention.
            resets += record.offset < anchor.offset ? 1 : 0
        }
        partitions[record.partition]?.anchor = Anchor(offset: record.offset, fingerprint: fingerprint)
        return .deliver
    }

    /// The partitions whose anchor is still to be read again.
    var unverified: [Int32] {
        partitions.filter { $0.value.isVerifying }.map(\.key)
    }

    /// The broker's answer to a fetch says where the log of a partition ends (one past its last record); answers true
    /// when the anchor cannot be in it, and the partition is to be read from its beginning.
    mutating func logEnds(at end: Int64, in number: Int32) -> Bool {
        guard let partition = partitions[number], partition.isVerifying, let anchor = partition.anchor,
            end <= anchor.offset
        else { return false }
        partitions[number] = Partition(start: .beginning)
        resets += 1
        return true
    }

    private static func fingerprint(of record: BusRecord) -> Int {
        var hasher = Hasher()
        hasher.combine(record.timestampMilliseconds)
        hasher.combine(record.key)
        hasher.combine(record.value)
        return hasher.finalize()
    }
}
