/// What is known of one assigned partition: which records are unfinished, and how far it may be committed.
///
/// The window holds every record from the lowest unfinished one to the newest received one, in the order of arrival.
/// The watermark is the offset of the lowest unfinished record, or one past the newest when all are finished: what is
/// committed never passes it, so that after a crash every unfinished record comes again, and of the finished ones only
/// those above the watermark. Offsets may have holes (transactions, compaction); slots do not.
struct PartitionStateMachine: Sendable, Equatable {
    private struct Entry: Sendable, Equatable {
        let offset: Int64
        var isFinished = false
    }

    /// Which assignment of the partition this is: results of an older one are dropped.
    let generation: UInt64
    /// The newest offset received, or nil before the first.
    private(set) var lastOffset: Int64?
    /// The offset up to which a commit was asked for (exclusive), or nil when nothing was.
    private(set) var committedOffset: Int64?

    private var window = Ring<Entry>()
    /// The slot number of the window's first entry.
    private var firstSlot = 0

    init(generation: UInt64) {
        self.generation = generation
    }

    static func == (left: PartitionStateMachine, right: PartitionStateMachine) -> Bool {
        left.generation == right.generation && left.watermark == right.watermark && left.lastOffset == right.lastOffset
    }

    /// How many records lie between the watermark and the newest one, finished or not.
    var windowCount: Int { window.count }

    /// The offset that may be committed: the lowest unfinished one.
    ///
    /// Nil before the first record.
    var watermark: Int64? {
        window.first?.offset ?? lastOffset.map { $0 + 1 }
    }

    /// Whether a record at this offset means that the log was rewound (the broker lost it, or the group was reset).
    func isRewind(_ offset: Int64) -> Bool {
        lastOffset.map { offset <= $0 } ?? false
    }

    /// Takes a new record, whose offset is above all before; answers the slot to finish it by.
    mutating func received(offset: Int64) -> Int {
        precondition(!isRewind(offset), "a rewound partition gets a new machine")
        if lastOffset == nil {
            committedOffset = offset
        }
        lastOffset = offset
        window.append(Entry(offset: offset))
        return firstSlot + window.count - 1
    }

    /// Marks a record as finished and moves the watermark over what is finished from the bottom.
    mutating func finished(slot: Int) {
        let position = slot - firstSlot
        precondition(position >= 0 && position < window.count, "a record is finished once")
        window[position]?.isFinished = true
        while let first = window.first, first.isFinished {
            _ = window.popFirst()
            firstSlot += 1
        }
    }

    /// The offset to commit now, or nil when the last commit said it already.
    ///
    /// Asking counts as committing.
    mutating func takeCommit() -> Int64? {
        guard let watermark, let committedOffset, watermark > committedOffset else { return nil }
        self.committedOffset = watermark
        return watermark
    }

    /// The commit of this offset failed: it is offered again, unless a later one was taken meanwhile.
    mutating func commitFailed(offset: Int64) {
        if committedOffset == offset {
            committedOffset = offset - 1
        }
    }
}
