/// Decides, for one topic, which record is handled next, what may be committed and when partitions pause.
///
/// Records of one key in one partition form a *lane*: they are handled one after another; lanes run side by side. A
/// lane is ready → running → ready … and, after a failure, running → delayed → ready. A lane without records goes away.
/// A record without a key has a lane of its own. The machine does no I/O and reads no clock; its owner locks it.
struct DispatchStateMachine: Sendable {
    /// The limits on what a topic keeps in memory.
    struct Limits: Sendable, Equatable {
        /// Records that were received and are not finished.
        var inFlightRecordsMax = 1024
        /// Bytes of those records.
        var inFlightBytesMax = 64 << 20
        /// Records of one partition from the lowest unfinished to the newest: what comes again after a crash, at most.
        var partitionWindowRecordsMax = 4096
    }

    /// A record to handle now.
    struct Work: Sendable {
        /// The record.
        let record: BusRecord
        /// Which attempt this is, from 1.
        let attempt: Int
        fileprivate let lane: Int
        fileprivate let slot: Int
        fileprivate let generation: UInt64
    }

    /// Partitions to pause and to resume.
    struct Flow: Sendable, Equatable {
        var pause: [Int32] = []
        var resume: [Int32] = []
    }

    private struct Pending: Sendable {
        let record: BusRecord
        let slot: Int
        let generation: UInt64
        var attempt = 1
    }

    private struct LaneName: Hashable {
        let partition: Int32
        let key: String
    }

    private enum LaneState {
        /// In the ready queue.
        case ready
        /// A handler has its first record.
        case running
        /// Waits for its retry.
        case delayed
    }

    private struct Lane {
        let partition: Int32
        let name: LaneName?
        var state = LaneState.ready
        var pending = Ring<Pending>()
    }

    let limits: Limits
    private var partitions: [Int32: PartitionStateMachine] = [:]
    private var paused: Set<Int32> = []
    private var lanes: [Lane?] = []
    private var freeLanes: [Int] = []
    private var lanesByName: [LaneName: Int] = [:]
    private var ready = Ring<Int>()
    private var delayed = DeadlineHeap()
    private var lastGeneration: UInt64 = 0

    /// Whether all partitions are paused because the topic has been at its limit for long.
    private(set) var isHoldingBack = false
    /// Records received and not finished, running ones of lost partitions included.
    private(set) var inFlightCount = 0
    /// The bytes of those.
    private(set) var inFlightBytes = 0
    /// Records that a handler has now.
    private(set) var runningCount = 0
    /// Records finished since commits were last taken.
    private(set) var finishedSinceCommit = 0
    /// Results that came after their partition was lost.
    private(set) var staleCount: UInt64 = 0

    init(limits: Limits) {
        self.limits = limits
    }

    /// The partitions that are assigned.
    var assignedPartitions: [Int32] { partitions.keys.sorted() }

    /// The offset that may be committed for a partition, or nil when it is not assigned or empty.
    func watermark(of partition: Int32) -> Int64? {
        partitions[partition]?.watermark
    }

    /// Whether a record could be handled now.
    var isReady: Bool { !ready.isEmpty }

    /// When the next failed record is due again.
    var nextDeadline: ContinuousClock.Instant? { delayed.first }

    // MARK: Assignment

    /// These partitions are ours from now on.
    mutating func assigned(_ added: [Int32]) {
        for partition in added {
            drop(partition)
            partitions[partition] = makePartition()
            paused.remove(partition)
        }
    }

    /// No more records of these partitions are started; what runs may still finish and count, until ``revoked(_:)``.
    mutating func revoking(_ leaving: [Int32]) {
        for partition in leaving {
            dropQueued(partition)
        }
    }

    /// These partitions are no longer ours: results that still come for them are dropped.
    mutating func revoked(_ lost: [Int32]) {
        for partition in lost {
            drop(partition)
        }
    }

    /// How many handlers run for records of these partitions, of this assignment or an older one.
    func runningCount(in partitions: [Int32]) -> Int {
        let set = Set(partitions)
        return lanes.reduce(0) { count, lane in
            guard let lane, lane.state == .running, set.contains(lane.partition) else { return count }
            return count + 1
        }
    }

    // MARK: Records

    /// Takes a record.
    ///
    /// A record of a partition that is not assigned is dropped: its new owner gets it.
    mutating func received(_ record: BusRecord) {
        // Asked for in place: a copy of the partition would be a copy of its window.
        guard let isRewind = partitions[record.partition]?.isRewind(record.offset) else {
            staleCount += 1
            return
        }
        if isRewind {
            // The log starts anew below what we know: what is known is about records that are gone.
            dropQueued(record.partition)
            partitions[record.partition] = makePartition()
        }
        guard let slot = partitions[record.partition]?.received(offset: record.offset) else { return }
        inFlightCount += 1
        inFlightBytes += record.footprintBytes
        let pending = Pending(
            record: record,
            slot: slot,
            generation: partitions[record.partition]?.generation ?? 0
        )
        guard let key = record.key else {
            ready.append(addLane(Lane(partition: record.partition, name: nil), pending))
            return
        }
        let name = LaneName(partition: record.partition, key: key)
        if let index = lanesByName[name] {
            lanes[index]?.pending.append(pending)
            return
        }
        let index = addLane(Lane(partition: record.partition, name: name), pending)
        lanesByName[name] = index
        ready.append(index)
    }

    /// The next record to handle, or nil when none is ready.
    mutating func next() -> Work? {
        guard let index = ready.popFirst(), let pending = lanes[index]?.pending.popFirst() else { return nil }
        lanes[index]?.state = .running
        runningCount += 1
        return Work(
            record: pending.record,
            attempt: pending.attempt,
            lane: index,
            slot: pending.slot,
            generation: pending.generation
        )
    }

    /// The handler is through with the record: it never comes again.
    mutating func finished(_ work: Work) {
        if isCurrent(work) {
            partitions[work.record.partition]?.finished(slot: work.slot)
            finishedSinceCommit += 1
        } else {
            staleCount += 1
        }
        forget(work)
        release(work.lane)
    }

    /// The handler failed: the record stays first of its lane, which waits until `retryAt`.
    ///
    /// Others go on.
    mutating func failed(_ work: Work, retryAt: ContinuousClock.Instant) {
        guard isCurrent(work) else {
            staleCount += 1
            forget(work)
            release(work.lane)
            return
        }
        runningCount -= 1
        lanes[work.lane]?.pending.prepend(
            Pending(record: work.record, slot: work.slot, generation: work.generation, attempt: work.attempt + 1)
        )
        lanes[work.lane]?.state = .delayed
        delayed.insert(work.lane, at: retryAt)
    }

    /// The handler was cut off: the record stays unfinished and does not start again, nor does what waits in its lane.
    mutating func abandoned(_ work: Work) {
        forget(work)
        if let lane = lanes[work.lane] {
            dropPending(of: lane, at: work.lane)
        }
        removeLane(work.lane)
    }

    /// Moves what is due at `now` back to the ready queue.
    mutating func advance(to now: ContinuousClock.Instant) {
        while let index = delayed.popDue(now) {
            lanes[index]?.state = .ready
            ready.append(index)
        }
    }

    // MARK: Flow

    /// How many more records may be received now.
    ///
    /// Never more than a limit allows, and 0 at the limit.
    var room: Int {
        guard !isHoldingBack, inFlightBytes < limits.inFlightBytesMax else { return 0 }
        var room = max(0, limits.inFlightRecordsMax - inFlightCount)
        for (number, partition) in partitions where !paused.contains(number) {
            room = min(room, limits.partitionWindowRecordsMax - partition.windowCount)
        }
        return max(0, room)
    }

    /// Whether enough is finished to make it worth receiving again after the limit was reached.
    var hasRoomAgain: Bool {
        inFlightCount <= limits.inFlightRecordsMax / 2 && inFlightBytes <= limits.inFlightBytesMax / 2
    }

    /// Decides what to pause and resume.
    ///
    /// A partition pauses when its window is full and resumes when half of it is free; with `holdBack` (the topic has
    /// been at its limit for long) all pause until half of the topic's limit is free.
    mutating func flow(holdBack: Bool) -> Flow {
        if isHoldingBack {
            isHoldingBack = !hasRoomAgain
        } else if holdBack, room == 0 {
            isHoldingBack = true
        }
        var flow = Flow()
        for (number, partition) in partitions {
            let isFull = partition.windowCount >= limits.partitionWindowRecordsMax
            let isFree = partition.windowCount <= limits.partitionWindowRecordsMax / 2
            if !paused.contains(number), isHoldingBack || isFull {
                flow.pause.append(number)
            } else if paused.contains(number), !isHoldingBack, isFree {
                flow.resume.append(number)
            }
        }
        paused.formUnion(flow.pause)
        paused.subtract(flow.resume)
        return flow
    }

    // MARK: Commits

    /// The offsets to commit now, by partition.
    mutating func takeCommits() -> [Int32: Int64] {
        finishedSinceCommit = 0
        var commits: [Int32: Int64] = [:]
        for number in partitions.keys {
            if let offset = partitions[number]?.takeCommit() {
                commits[number] = offset
            }
        }
        return commits
    }

    /// A commit failed: it is offered again.
    mutating func commitFailed(partition: Int32, offset: Int64) {
        partitions[partition]?.commitFailed(offset: offset)
    }

    // MARK: Parts

    private mutating func makePartition() -> PartitionStateMachine {
        lastGeneration += 1
        return PartitionStateMachine(generation: lastGeneration)
    }

    private func isCurrent(_ work: Work) -> Bool {
        partitions[work.record.partition]?.generation == work.generation
    }

    /// Takes a running record out of the counts.
    private mutating func forget(_ work: Work) {
        runningCount -= 1
        inFlightCount -= 1
        inFlightBytes -= work.record.footprintBytes
    }

    private mutating func addLane(_ lane: Lane, _ pending: Pending) -> Int {
        var lane = lane
        lane.pending.append(pending)
        guard let index = freeLanes.popLast() else {
            lanes.append(lane)
            return lanes.count - 1
        }
        lanes[index] = lane
        return index
    }

    /// A running lane is free again: its next record is ready, or it goes away.
    private mutating func release(_ index: Int) {
        guard let lane = lanes[index] else { return }
        if lane.pending.isEmpty {
            removeLane(index)
        } else {
            lanes[index]?.state = .ready
            ready.append(index)
        }
    }

    private mutating func removeLane(_ index: Int) {
        if let name = lanes[index]?.name {
            lanesByName[name] = nil
        }
        lanes[index] = nil
        freeLanes.append(index)
    }

    private mutating func drop(_ partition: Int32) {
        dropQueued(partition)
        partitions[partition] = nil
        paused.remove(partition)
    }

    /// Drops what waits in the lanes of a partition.
    ///
    /// A running lane stays until its handler is through, so that a record of its key that comes again with a new
    /// assignment waits for that handler.
    private mutating func dropQueued(_ partition: Int32) {
        var gone: Set<Int> = []
        for (index, lane) in lanes.enumerated() {
            guard let lane, lane.partition == partition else { continue }
            dropPending(of: lane, at: index)
            if lane.state != .running {
                gone.insert(index)
            }
        }
        guard !gone.isEmpty else { return }
        ready.keep { !gone.contains($0) }
        delayed.keep { !gone.contains($0) }
        for index in gone {
            removeLane(index)
        }
    }

    private mutating func dropPending(of lane: Lane, at index: Int) {
        for position in 0..<lane.pending.count {
            guard let pending = lane.pending[position] else { continue }
            inFlightCount -= 1
            inFlightBytes -= pending.record.footprintBytes
        }
        lanes[index]?.pending = Ring()
    }
}
