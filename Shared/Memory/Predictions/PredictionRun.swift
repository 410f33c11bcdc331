import JSON

/// One run of a query: finds the patterns to keep, then ranks them and makes texts of the best.
///
/// It owns tables that are written for each pattern; one thread uses it.
struct PredictionRun: ~Copyable {
    let query: PredictionQuery
    var matcher: StateMatcher
    let bound: RecallBound
    /// E: the patterns that reached the recall threshold.
    private(set) var kept: [KeptPattern] = []
    /// Their futures.
    private(set) var futures = FutureTable()
    /// Σ_E f.
    private(set) var frequencySum = 0
    /// Σ_E f · similarity.
    private(set) var strengthSum = WeightedSum()
    /// What numbers are divided by; set when all patterns are collected.
    var sums = EnsembleSums()
    /// How often each symbol was seen in the present at hand; all 0 between patterns.
    private let seen: UnsafeMutablePointer<UInt32>
    private var text: IndelSimilarity
    private let distinctState: Int
    private let patternCounts: [UInt32]
    private let usesTokens: Bool
    private let needsMatch: Bool
    private let hasFilters: Bool

    /// Whether it is too late, so that what was found does not count.
    var isOutOfTime: Bool { matcher.meter.isOver }

    /// Makes the tables of a query.
    init(_ query: PredictionQuery, deadline: ContinuousClock.Instant?) {
        self.query = query
        let configuration = query.configuration
        patternCounts = query.snapshot.patternCounts
        usesTokens = configuration.useTokenMatching
        needsMatch = configuration.recallThreshold > 0
        hasFilters = !configuration.filterPipeline.isEmpty
        let alphabet = patternCounts.count
        matcher = StateMatcher(state: query.numbers, alphabet: alphabet, meter: WorkMeter(deadline: deadline))
        bound = RecallBound(threshold: configuration.recallThreshold, stateLength: query.numbers.count)
        seen = .allocate(capacity: alphabet + 1)
        seen.initialize(repeating: 0, count: alphabet + 1)
        text = IndelSimilarity(joining: configuration.useTokenMatching ? [] : query.state.flatMap(\.self))
        distinctState = Set(query.state.joined().map(ExactText.init)).count
    }

    deinit { seen.deallocate() }

    /// Matches all patterns that can be kept.
    mutating func collect() {
        // Address space, not memory: pages that are not needed are never touched, and nothing is moved while it grows.
        kept.reserveCapacity(min(query.snapshot.patternTotal, 1 << 20))
        let overlaps = UnsafeMutableBufferPointer<UInt32>.allocate(capacity: PatternSegment.capacity)
        defer { overlaps.deallocate() }
        for (number, segment) in query.snapshot.segments.enumerated() where !isOutOfTime {
            // The words' postings, or the places at least.
            matcher.meter.spend(segment.count + 16 * matcher.symbols.count)
            segment.words.withUnsafeBufferPointer { words in
                if needsMatch, let postings = segment.postings {
                    overlaps.update(repeating: 0)
                    for row in 1..<matcher.symbols.count {
                        postings.addOverlap(with: matcher.symbols[row], limit: matcher.counts[row], to: overlaps)
                    }
                    for local in 0..<segment.count where overlaps[local] != 0 {
                        consider(number, segment, local, words, mayShare: Int(overlaps[local]))
                    }
                } else {
                    for local in 0..<segment.count { consider(number, segment, local, words, mayShare: .max) }
                }
            }
        }
    }

    /// Keeps a pattern if it reaches the threshold; `mayShare` is an upper bound of the symbols that it has in common
    /// with the state.
    @inline(__always)
    private mutating func consider(
        _ number: Int,
        _ segment: PatternSegment,
        _ local: Int,
        _ words: UnsafeBufferPointer<UInt32>,
        mayShare: Int
    ) {
        let range = segment.range(of: local)
        let least =
            usesTokens ? bound.least(patternLength: range.count) : needsMatch ? 1 : 0
        guard mayShare >= least, !matcher.meter.isOver else { return }
        matcher.meter.spend(4 * range.count + 64)
        let pattern = UnsafeBufferPointer(rebasing: words[range])
        matcher.load(pattern)
        let common = matcher.commonSubsequence()
        guard common >= least else { return }
        guard !hasFilters || passesFilters(pattern) else { return }
        let similarity: Double
        if usesTokens {
            similarity = bound.similarity(common: common, patternLength: range.count)
        } else {
            similarity = text.ratio(joining: texts(of: pattern), &matcher.meter)
            guard similarity >= query.configuration.recallThreshold else { return }
        }
        keep(number, segment, local, words, pattern, similarity)
    }

    @inline(__always)
    private mutating func keep(
        _ number: Int,
        _ segment: PatternSegment,
        _ local: Int,
        _ words: UnsafeBufferPointer<UInt32>,
        _ pattern: UnsafeBufferPointer<UInt32>,
        _ similarity: Double
    ) {
        let summary = matcher.summary()
        let present = PresentRange(of: pattern, summary)
        let frequency = segment.frequencies[local]
        var future: Int32 = -1
        if present.end < pattern.count {
            let start = Int(segment.starts[local])
            let range = (start + present.end)..<(start + pattern.count)
            let segments = query.snapshot.segments
            future = futures.add(
                hash: FutureTable.hash(words, range),
                segment: number,
                range: range,
                name: segment.names[local],
                frequency: frequency,
                similarity: similarity
            ) { other in
                let others = segments[Int(other.segment)].words
                return zip(range, other.range).allSatisfy { words[$0] == others[$1] }
            }
        }
        frequencySum += frequency
        strengthSum.add(frequency, similarity)
        kept.append(
            KeptPattern(
                segment: Int32(number),
                local: Int32(local),
                name: segment.names[local],
                frequency: frequency,
                similarity: similarity,
                matches: Int32(summary.matches),
                blocks: Int32(summary.blocks),
                length: Int32(pattern.count),
                presentStart: Int32(present.start),
                presentEnd: Int32(present.end),
                future: future,
                distance: distance(pattern, present)
            )
        )
    }

    /// The cosine distance of state and present: a symbol of the present weighs the number of patterns that hold it,
    /// times how often it is there; one that is not in the present weighs nothing.
    ///
    /// P(x) and the number of patterns differ by the factor N, which the cosine does not see; with whole numbers it is
    /// exactly 0 where both are the same.
    @inline(__always)
    private func distance(_ pattern: UnsafeBufferPointer<UInt32>, _ present: PresentRange) -> Double {
        var presentSquare = 0.0
        var stateSquare = 0.0
        var product = 0.0
        for position in present.start..<present.end {
            let symbol = Int(pattern[position] & PatternSegment.symbolBits)
            let before = seen[symbol]
            seen[symbol] = before + 1
            let weight = Double(patternCounts[symbol])
            let square = weight * weight
            // (c + 1)² − c² = 2c + 1.
            presentSquare += square * Double(2 * before + 1)
            let row = Int(matcher.slots[symbol])
            guard row != 0 else { continue }
            let inState = Double(matcher.counts[row])
            product += square * inState
            if before == 0 { stateSquare += square * inState * inState }
        }
        for position in present.start..<present.end { seen[Int(pattern[position] & PatternSegment.symbolBits)] = 0 }
        guard product > 0 else { return 1 }
        return max(0, 1 - product / (presentSquare * stateSquare).squareRoot())
    }

    private func texts(of pattern: UnsafeBufferPointer<UInt32>) -> [String] {
        pattern.map { query.snapshot.symbols[Int($0 & PatternSegment.symbolBits)].name }
    }

    private func passesFilters(_ pattern: UnsafeBufferPointer<UInt32>) -> Bool {
        var symbols: Set<UInt32> = []
        for word in pattern { symbols.insert(word & PatternSegment.symbolBits) }
        let shared = symbols.reduce(0) { $0 + (matcher.slots[Int($1)] == 0 ? 0 : 1) }
        let jaccard = Double(shared) / Double(symbols.count + distinctState - shared)
        let configuration = query.configuration
        return configuration.filterPipeline.allSatisfy { filter in
            switch filter {
            case .length:
                let ratio = Double(pattern.count) / Double(query.numbers.count)
                return ratio >= configuration.lengthMinRatio && ratio <= configuration.lengthMaxRatio
            case .jaccard: return shared >= configuration.jaccardMinOverlap && jaccard >= configuration.jaccardThreshold
            case .minhash: return jaccard >= configuration.minhashThreshold
            case .bloom: return shared > 0
            case .rapidfuzz: return true
            }
        }
    }
}
