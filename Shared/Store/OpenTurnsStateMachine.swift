/// How many unfinished turns a tenant has, as one gateway knows it: what the database said last, and what this gateway
/// has accepted since.
///
/// It never counts fewer than there are of this gateway's own, so that one gateway alone keeps the limit exactly. It
/// can count more: turns that have finished since the last count, and those whose commit ran while it was made, which
/// may be in it and are added. ``isCertain`` says that the latter is not so; only then is there reason to refuse.
struct OpenTurnsStateMachine: Sendable {
    /// What the database said last.
    private(set) var counted: Int
    /// Reservations that the last count may not have seen.
    private(set) var uncounted = 0
    /// Those of them whose commit has ended, so that the next count sees them.
    private var ended = 0
    /// Those that had ended when the running count began.
    private var endedAtCount: Int?
    /// Whether no commit ran during the last count.
    private(set) var isCertain = false
    private var isCertainSoFar = false

    /// Begins with a count.
    init(counted: Int) {
        self.counted = counted
    }

    /// Whether commits of reservations still run.
    var isBusy: Bool { uncounted > ended }

    /// Takes room for one turn.
    /// - Returns: Whether there was any.
    mutating func reserve(max: Int) -> Bool {
        guard counted + uncounted < max else { return false }
        uncounted += 1
        isCertainSoFar = false
        return true
    }

    /// The commit of a reservation has ended, well or not: whatever it left, the next count tells.
    mutating func end() {
        ended += 1
    }

    /// A reservation is not used: nothing was written for it.
    mutating func release() {
        uncounted -= 1
    }

    /// The database is about to be asked.
    mutating func beginCount() {
        endedAtCount = ended
        isCertainSoFar = !isBusy
    }

    /// The database has answered.
    mutating func endCount(_ count: Int) {
        let seen = endedAtCount ?? 0
        counted = count
        uncounted -= seen
        ended -= seen
        endedAtCount = nil
        isCertain = isCertainSoFar
    }
}
