/// What a prediction needs to know of a node; a copy of it stays as it is.
struct PatternSnapshot: Sendable {
    /// One symbol.
    struct Symbol: Sendable {
        /// Its text.
        let name: String
        /// How often it was learned.
        var frequency: Int
        /// What it gained of each feeling.
        var affinity: [String: Double]
    }

    /// By how much the place of a segment's first pattern is beyond that of the segment before.
    static let placesPerSegment = PatternSegment.capacity

    /// The patterns.
    var segments: [PatternSegment] = []
    /// The symbols by number.
    var symbols = ChunkedArray<Symbol>()
    /// How many patterns hold each symbol.
    private(set) var patternCounts: [UInt32] = []
    /// N: how many patterns there are.
    private(set) var patternTotal = 0
    /// Bytes of what the symbols hold outside of their array.
    private var symbolBytes = 0
    /// Bytes of all segments but the last.
    private var fullBytes = 0

    /// Adds a symbol that no pattern holds yet.
    mutating func appendSymbol(_ name: String) {
        symbols.append(Symbol(name: name, frequency: 0, affinity: [:]))
        // A string of more than 15 bytes is allocated with 32 bytes in front.
        if name.utf8.count > 15 { symbolBytes += name.utf8.count + 32 }
        patternCounts.append(0)
    }

    /// Adds a pattern.
    ///
    /// - Returns: Its place: the segment's number times ``placesPerSegment``, and its number in the segment.
    mutating func append(_ name: PatternName, words: [UInt32], _ frequency: Int, _ emotives: [String: Double]) -> UInt32
    {
        if let last = segments.last, last.isFull { fullBytes += last.memoryBytes }
        if segments.last?.isFull ?? true { segments.append(PatternSegment()) }
        let segment = segments.count - 1
        let place = segment * Self.placesPerSegment + segments[segment].count
        segments[segment].append(name, words: words, frequency: frequency, emotives: emotives)
        patternTotal += 1
        var seen: Set<UInt32> = []
        for word in words {
            let symbol = word & PatternSegment.symbolBits
            symbols[Int(symbol)].frequency += frequency
            if seen.insert(symbol).inserted { patternCounts[Int(symbol)] += 1 }
        }
        return UInt32(place)
    }

    /// Changes what can change of the pattern at a place.
    ///
    /// - Returns: The frequency that it had.
    mutating func update(at place: Int, frequency: Int, emotives mean: [String: Double]) -> Int {
        let segment = place / Self.placesPerSegment
        let bytes = segments[segment].emotiveBytes
        let old = segments[segment].update(place % Self.placesPerSegment, frequency: frequency, emotives: mean)
        if segment < segments.count - 1 { fullBytes += segments[segment].emotiveBytes - bytes }
        return old
    }

    /// How often the pattern at a place was learned.
    func frequency(at place: Int) -> Int {
        segments[place / Self.placesPerSegment].frequencies[place % Self.placesPerSegment]
    }

    /// What is known of a symbol.
    func statistics(of number: Int) -> SymbolStatistics {
        let symbol = symbols[number]
        return SymbolStatistics(
            name: symbol.name,
            frequency: symbol.frequency,
            patternMemberFrequency: Int(patternCounts[number]),
            affinity: symbol.affinity
        )
    }

    /// Gives a symbol its affinity.
    mutating func setAffinity(of number: Int, _ affinity: [String: Double]) {
        symbolBytes += Self.bytes(affinity) - Self.bytes(symbols[number].affinity)
        symbols[number].affinity = affinity
    }

    private static func bytes(_ affinity: [String: Double]) -> Int {
        HeldBytes.of(affinity)
    }

    /// About how many bytes of memory it takes; fast, because it is asked for after each change.
    var memoryBytes: Int {
        patternCounts.capacity * 4 + symbols.count * MemoryLayout<Symbol>.stride + symbolBytes + fullBytes
            + (segments.last?.memoryBytes ?? 0)
    }
}
