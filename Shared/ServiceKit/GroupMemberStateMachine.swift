import Store

/// Decides what a member of a group reads of what it has, and when it may take more.
///
/// No I/O and no clock of its own.
struct GroupMemberStateMachine: Sendable {
    private let lease: Duration
    private var lastAnswer: ContinuousClock.Instant?
    private var takesAgainAt: ContinuousClock.Instant?
    /// What is given back as soon as it is read no more.
    private var leaving: Set<Int32> = []
    private var share = GroupShare(partitions: [], quota: .max)
    /// Whether the member has had its part, at least once.
    private(set) var hasJoined = false

    init(lease: Duration) {
        self.lease = lease
    }

    /// Whether to look again soon: something is on its way to this member or from it.
    var isUnsettled: Bool { !leaving.isEmpty || share.partitions.count < share.quota }

    /// Whether members that gave no sign of life count as lost.
    ///
    /// Not after a time in which this one could give none itself: the database was away, for all of them alike, and
    /// they are about to be back.
    func mayTake(now: ContinuousClock.Instant) -> Bool {
        if let takesAgainAt, now < takesAgainAt { return false }
        return lastAnswer.map { now - $0 <= lease } ?? true
    }

    /// The partitions to give back now.
    func returning(reading: Set<Int32>) -> [Int32] {
        leaving.subtracting(reading).sorted()
    }

    /// The database has answered.
    /// - Returns: The partitions to read.
    mutating func answered(_ share: GroupShare, now: ContinuousClock.Instant) -> Set<Int32> {
        if let lastAnswer, now - lastAnswer > lease { takesAgainAt = now + lease }
        lastAnswer = now
        self.share = share
        leaving = Set(share.partitions.sorted().dropFirst(share.quota))
        return share.partitions.subtracting(leaving)
    }

    /// All that was granted is read.
    mutating func settled() {
        if share.partitions.count >= share.quota { hasJoined = true }
    }
}
