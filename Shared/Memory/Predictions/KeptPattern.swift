/// What is noted of a pattern that reached the recall threshold, before any text is made of it.
struct KeptPattern {
    /// The number of its segment.
    let segment: Int32
    /// Its number in the segment.
    let local: Int32
    /// Its name.
    let name: PatternName
    /// How often it was learned.
    let frequency: Int
    /// How like the state it is.
    let similarity: Double
    /// The symbols of all matching blocks.
    let matches: Int32
    /// How many matching blocks there are.
    let blocks: Int32
    /// How many symbols it has.
    let length: Int32
    /// Where its present starts, in symbols, at the start of an event.
    let presentStart: Int32
    /// Where its present ends, in symbols, at the end of an event.
    let presentEnd: Int32
    /// The number of its future among the ensemble's; −1 without a future.
    let future: Int32
    /// The cosine distance of state and present.
    let distance: Double
}

/// Sums over an ensemble.
///
/// Frequency times similarity is summed in integers of 128 bits (units of 2^−60, of which every similarity from 2^−8 on
/// is a whole number), so that the sum does not depend on the order of the patterns: nodes that loaded the same
/// patterns in different orders answer the same to the last bit.
struct WeightedSum {
    private static let unit = 0x1p60

    private var high: UInt64 = 0
    private var low: UInt64 = 0

    /// The sum.
    var value: Double { (Double(high) * 0x1p64 + Double(low)) / Self.unit }

    /// Adds frequency · similarity.
    @inline(__always)
    mutating func add(_ frequency: Int, _ similarity: Double) {
        let product = UInt64(frequency).multipliedFullWidth(by: UInt64(similarity * Self.unit))
        let (sum, overflow) = low.addingReportingOverflow(product.low)
        low = sum
        high &+= product.high &+ (overflow ? 1 : 0)
    }
}
