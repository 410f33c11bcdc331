/// The distinct futures of an ensemble, found by their words.
struct FutureTable {
    /// One future, and what the predictions that have it sum up to.
    struct Future {
        let hash: UInt64
        /// A pattern that ends with it.
        let segment: Int32
        /// Where it is in the segment's words.
        let range: Range<Int>
        /// Σ frequency · similarity.
        var weight = WeightedSum()
        /// How many predictions have it.
        var count = 0
        /// The smallest name of the patterns that end with it.
        var name: PatternName
    }

    /// The futures, in the order in which they came.
    private(set) var futures: [Future] = []
    /// Σ frequency · similarity over all of them.
    private(set) var total = WeightedSum()
    /// Places in `futures` plus one, by hash; 0 is free.
    private var table = [Int32](repeating: 0, count: 256)

    /// A hash of words.
    @inline(__always)
    static func hash(_ words: UnsafeBufferPointer<UInt32>, _ range: Range<Int>) -> UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        for position in range {
            hash = (hash ^ UInt64(words[position])) &* 0xFF51_AFD7_ED55_8CCD
            hash ^= hash >> 32
        }
        return hash
    }

    /// Adds a prediction's future and returns its number among the distinct ones.
    ///
    /// `range` is where it stands in the words of the segment, `name` is the pattern's, and `isSame` says whether a
    /// future with the same hash and length has the same words.
    mutating func add(
        hash: UInt64,
        segment: Int,
        range: Range<Int>,
        name: PatternName,
        frequency: Int,
        similarity: Double,
        isSame: (Future) -> Bool
    ) -> Int32 {
        if futures.count * 2 >= table.count { grow() }
        let mask = table.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while table[place] != 0 {
            let number = Int(table[place]) - 1
            if futures[number].hash == hash, futures[number].range.count == range.count, isSame(futures[number]) {
                break
            }
            place = (place + 1) & mask
        }
        if table[place] == 0 {
            futures.append(Future(hash: hash, segment: Int32(segment), range: range, name: name))
            table[place] = Int32(futures.count)
        }
        let number = Int(table[place]) - 1
        futures[number].weight.add(frequency, similarity)
        futures[number].count += 1
        if name < futures[number].name { futures[number].name = name }
        total.add(frequency, similarity)
        return Int32(number)
    }

    private mutating func grow() {
        table = [Int32](repeating: 0, count: table.count * 4)
        let mask = table.count - 1
        for (number, future) in futures.enumerated() {
            var place = Int(truncatingIfNeeded: future.hash) & mask
            while table[place] != 0 { place = (place + 1) & mask }
            table[place] = Int32(number + 1)
        }
    }
}
