/// Keeps the best of many: the greatest values, of equal ones the smallest names.
struct TopRanking {
    private struct Entry {
        let value: Double
        let name: PatternName
        let item: Int

        /// Whether this one stands behind another.
        @inline(__always)
        func isBehind(_ other: Entry) -> Bool {
            value != other.value ? value < other.value : other.name < name
        }
    }

    private let limit: Int
    /// A heap: the worst of the best is first.
    private var heap: [Entry] = []

    /// Makes a ranking of at most so many.
    init(limit: Int) {
        self.limit = limit
        heap.reserveCapacity(min(limit, 1024))
    }

    /// Offers one.
    @inline(__always)
    mutating func offer(_ value: Double, _ name: PatternName, _ item: Int) {
        let entry = Entry(value: value, name: name, item: item)
        if heap.count < limit {
            heap.append(entry)
            siftUp()
        } else if let worst = heap.first, worst.isBehind(entry) {
            heap[0] = entry
            siftDown()
        }
    }

    /// The items, best first.
    func sorted() -> [Int] {
        heap.sorted { $1.isBehind($0) }.map(\.item)
    }

    private mutating func siftUp() {
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBehind(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var worst = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].isBehind(heap[worst])
            {
                worst = child
            }
            guard worst != parent else { return }
            heap.swapAt(parent, worst)
            parent = worst
        }
    }
}
