/// Values at hand, up to a total weight; what was used longest ago goes first.
struct LeastRecentlyUsed<Key: Hashable, Value> {
    private struct Entry {
        var value: Value
        var weight: Int
        var use: UInt64
    }

    private let weightMax: Int
    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0
    private(set) var weight = 0

    init(weightMax: Int) {
        self.weightMax = weightMax
    }

    /// How many values there are.
    var count: Int { entries.count }

    /// A value, which counts as used.
    mutating func use(_ key: Key) -> Value? {
        guard let value = entries[key]?.value else { return nil }
        clock += 1
        entries[key]?.use = clock
        return value
    }

    /// Keeps a value, at the cost of others when there is no room; the newest one always stays.
    mutating func set(_ key: Key, _ value: Value, weight: Int) {
        clock += 1
        self.weight += weight - (entries[key]?.weight ?? 0)
        entries[key] = Entry(value: value, weight: weight, use: clock)
        if self.weight > weightMax { makeRoom() }
    }

    /// Lets a value go.
    mutating func remove(_ key: Key) {
        weight -= entries.removeValue(forKey: key)?.weight ?? 0
    }

    /// Goes down to nine tenths, so that the order need not be found at each addition.
    private mutating func makeRoom() {
        for (key, entry) in entries.sorted(by: { $0.value.use < $1.value.use }) where weight > weightMax / 10 * 9 {
            if entry.use == clock { return }
            remove(key)
        }
    }
}
