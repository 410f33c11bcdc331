/// Numbers with deadlines, the earliest on top: a binary heap.
struct DeadlineHeap: Sendable {
    private struct Entry: Sendable {
        let deadline: ContinuousClock.Instant
        let number: Int
    }

    private var entries: [Entry] = []

    /// The earliest deadline.
    var first: ContinuousClock.Instant? { entries.first?.deadline }

    /// Adds a number.
    mutating func insert(_ number: Int, at deadline: ContinuousClock.Instant) {
        entries.append(Entry(deadline: deadline, number: number))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].deadline < entries[parent].deadline else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest number whose deadline is not after `now`.
    mutating func popDue(_ now: ContinuousClock.Instant) -> Int? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            sink(0)
        }
        return first.number
    }

    /// Takes out every number that does not satisfy the condition.
    mutating func keep(where isKept: (Int) -> Bool) {
        let kept = entries.filter { isKept($0.number) }
        entries = []
        for entry in kept {
            insert(entry.number, at: entry.deadline)
        }
    }

    private mutating func sink(_ start: Int) {
        var parent = start
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
                if entries[child].deadline < entries[smallest].deadline {
                    smallest = child
                }
            }
            guard smallest != parent else { return }
            entries.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
