/// How long a common subsequence has to be for a pattern to be kept.
///
/// The similarity 2 · l / (|p| + |s|) never falls as l grows, in rounded arithmetic neither, so that what is below the
/// least l with a similarity at or over the threshold cannot be kept, and an upper bound of l that is below it rules a
/// pattern out.
struct RecallBound {
    private let threshold: Double
    private let stateLength: Int
    /// The least lengths for patterns of up to 255 symbols.
    private var known: [Int32]

    /// Makes the bounds of a state.
    init(threshold: Double, stateLength: Int) {
        self.threshold = threshold
        self.stateLength = stateLength
        known = Array(repeating: 0, count: 256)
        for length in known.indices { known[length] = Int32(compute(length)) }
    }

    /// The similarity of a pattern.
    @inline(__always)
    func similarity(common: Int, patternLength: Int) -> Double {
        Double(2 * common) / Double(patternLength + stateLength)
    }

    /// The least common length of a pattern that is kept; 0 at threshold 0, at least 1 above it.
    @inline(__always)
    func least(patternLength: Int) -> Int {
        patternLength < known.count ? Int(known[patternLength]) : compute(patternLength)
    }

    private func compute(_ length: Int) -> Int {
        guard threshold > 0 else { return 0 }
        var least = max(1, Int(threshold * Double(length + stateLength) / 2))
        while least > 1, similarity(common: least - 1, patternLength: length) >= threshold { least -= 1 }
        while similarity(common: least, patternLength: length) < threshold { least += 1 }
        return least
    }
}
