/// The timers of a loop: which is due next, and which are due now.
///
/// It has no clock of its own. A loop has few timers (connections share one sweep), so the nearest is kept and found
/// again by looking at all only when it goes.
struct TimerTable {
    private struct Timer {
        var due: ContinuousClock.Instant
        let period: Duration?
        let work: () -> Void
    }

    private var timers: [UInt64: Timer] = [:]
    private var lastID: UInt64 = 0

    /// When the next timer is due; nil without timers.
    private(set) var nextDue: ContinuousClock.Instant?

    /// Adds a timer; with a period it comes again.
    mutating func add(
        due: ContinuousClock.Instant,
        period: Duration? = nil,
        work: @escaping () -> Void
    ) -> UInt64 {
        lastID += 1
        timers[lastID] = Timer(due: due, period: period, work: work)
        nextDue = nextDue.map { min($0, due) } ?? due
        return lastID
    }

    /// Takes a timer away; one that is gone already is left alone.
    mutating func cancel(_ id: UInt64) {
        guard let timer = timers.removeValue(forKey: id), timer.due == nextDue else { return }
        findNextDue()
    }

    /// The ids of the timers that are due, the longest overdue first.
    func due(at now: ContinuousClock.Instant) -> [UInt64] {
        guard let nextDue, nextDue <= now else { return [] }
        return timers.filter { $0.value.due <= now }
            .sorted { ($0.value.due, $0.key) < ($1.value.due, $1.key) }
            .map(\.key)
    }

    /// The work of a due timer, which is set to its next time or taken away; nil when it was cancelled meanwhile.
    ///
    /// The next time counts from `now`, so that a loop that was held up does not call a timer many times in a row.
    mutating func take(_ id: UInt64, at now: ContinuousClock.Instant) -> (() -> Void)? {
        guard let timer = timers[id] else { return nil }
        if let period = timer.period {
            timers[id]?.due = now + period
        } else {
            timers[id] = nil
        }
        findNextDue()
        return timer.work
    }

    private mutating func findNextDue() {
        nextDue = timers.values.map(\.due).min()
    }
}
