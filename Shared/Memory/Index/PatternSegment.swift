/// Up to 4,096 patterns of a node, side by side in memory.
///
/// A segment that is full gets postings and never more patterns; only frequencies and feelings change in it then. While
/// there is none, its patterns are matched one after the other.
struct PatternSegment: Sendable {
    /// The most patterns of one segment.
    static let capacity = 4096
    /// From how many symbols on a segment takes no more patterns, however few it has.
    static let symbolCapacity = 1 << 18
    /// Marks the first symbol of an event.
    static let eventStart: UInt32 = 1 << 31
    /// What remains of a word is the symbol's number.
    static let symbolBits: UInt32 = eventStart - 1

    /// The patterns' symbols, one pattern after the other; the first of each event is marked.
    private(set) var words: [UInt32] = []
    /// Where each pattern starts in `words`, and where the last one ends.
    private(set) var starts: [UInt32] = [0]
    /// The patterns' names.
    private(set) var names: [PatternName] = []
    /// How often each was learned.
    private(set) var frequencies: [Int] = []
    /// The mean feelings of the patterns that have any.
    private(set) var emotives: [UInt32: [String: Double]] = [:]
    /// What these take.
    private(set) var emotiveBytes = 0
    /// Which patterns hold which symbol; nil until the segment is full.
    private(set) var postings: Postings?

    /// How many patterns it has.
    var count: Int { names.count }
    /// Whether it takes no more patterns.
    var isFull: Bool { postings != nil }

    /// Appends a pattern.
    mutating func append(_ name: PatternName, words added: [UInt32], frequency: Int, emotives mean: [String: Double]) {
        if !mean.isEmpty { set(mean, of: UInt32(count)) }
        words.append(contentsOf: added)
        starts.append(UInt32(words.count))
        names.append(name)
        frequencies.append(frequency)
        if count >= Self.capacity || words.count >= Self.symbolCapacity { postings = Postings(of: self) }
    }

    /// Changes what can change of a pattern.
    ///
    /// - Returns: The frequency that it had.
    mutating func update(_ local: Int, frequency: Int, emotives mean: [String: Double]) -> Int {
        let old = frequencies[local]
        if old != frequency { frequencies[local] = frequency }
        if emotives[UInt32(local)] ?? [:] != mean { set(mean, of: UInt32(local)) }
        return old
    }

    private mutating func set(_ mean: [String: Double], of local: UInt32) {
        let old = emotives[local].map { 48 + HeldBytes.of($0) } ?? 0
        emotives[local] = mean.isEmpty ? nil : mean
        emotiveBytes += (mean.isEmpty ? 0 : 48 + HeldBytes.of(mean)) - old
    }

    /// The place of a pattern's symbols in `words`.
    func range(of local: Int) -> Range<Int> { Int(starts[local])..<Int(starts[local + 1]) }

    /// Bytes of memory, without what the allocator adds.
    var memoryBytes: Int {
        words.capacity * 4 + starts.capacity * 4 + names.capacity * MemoryLayout<PatternName>.stride
            + frequencies.capacity * 8 + (postings?.memoryBytes ?? 0)
            + emotiveBytes
    }
}

/// Which patterns of a segment hold which symbol, and how often.
struct Postings: Sendable {
    /// The distinct symbols, ascending.
    private let symbols: [UInt32]
    /// Where each symbol's entries start in `entries`, and where the last one's end.
    private let offsets: [UInt32]
    /// The pattern's number in the segment in the lower 12 bits, above it how often it holds the symbol.
    private let entries: [UInt32]

    /// How many bits of an entry are the pattern's number.
    static let localBits: UInt32 = 12
    /// The greatest count that an entry can say; more are said as this many.
    static let countLimit: UInt32 = (1 << (32 - localBits)) - 1

    /// Sorts a segment's symbols.
    init(of segment: PatternSegment) {
        var keys: [UInt64] = []
        keys.reserveCapacity(segment.words.count)
        for local in 0..<segment.count {
            for position in segment.range(of: local) {
                keys.append(UInt64(segment.words[position] & PatternSegment.symbolBits) << 32 | UInt64(local))
            }
        }
        keys.sort()
        var symbols: [UInt32] = []
        var offsets: [UInt32] = []
        var entries: [UInt32] = []
        var position = 0
        while position < keys.count {
            let key = keys[position]
            var end = position + 1
            while end < keys.count, keys[end] == key { end += 1 }
            let symbol = UInt32(key >> 32)
            if symbols.last != symbol {
                symbols.append(symbol)
                offsets.append(UInt32(entries.count))
            }
            let count = UInt32(clamping: min(end - position, Int(Self.countLimit)))
            entries.append(count << Self.localBits | UInt32(truncatingIfNeeded: key))
            position = end
        }
        offsets.append(UInt32(entries.count))
        self.symbols = symbols
        self.offsets = offsets
        self.entries = entries
    }

    /// Bytes of memory.
    var memoryBytes: Int { (symbols.capacity + offsets.capacity + entries.capacity) * 4 }

    /// Adds, for each pattern that holds the symbol, min(its count, `limit`) to the pattern's place in `overlaps`.
    func addOverlap(with symbol: UInt32, limit: UInt32, to overlaps: UnsafeMutableBufferPointer<UInt32>) {
        var low = 0
        var high = symbols.count
        while low < high {
            let middle = (low + high) / 2
            if symbols[middle] < symbol { low = middle + 1 } else { high = middle }
        }
        guard low < symbols.count, symbols[low] == symbol else { return }
        let mask = UInt32(PatternSegment.capacity - 1)
        entries.withUnsafeBufferPointer { entries in
            for position in Int(offsets[low])..<Int(offsets[low + 1]) {
                let entry = entries[position]
                overlaps[Int(entry & mask)] &+= min(entry >> Self.localBits, limit)
            }
        }
    }
}
