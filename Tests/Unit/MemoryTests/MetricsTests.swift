import Glibc
import Memory
import Testing

private let bitsOf3Halves: Double = log2(1.5)
private let bitsOf3: Double = log2(3)
private let bitsOf6: Double = log2(6)
private let third: Double = 1.0 / 3
private let twoThirds: Double = 2.0 / 3

/// Every number of a prediction, worked out by hand; the arithmetic stands in the table.
struct MetricsTests {
    /// The nodes of the table.
    enum Fixture: Sendable {
        /// Patterns a|b|c once, a|b|d three times, x|y once; state a|b.
        ///
        /// N = 3, 6 symbols, P(a) = P(b) = 2/3, the others 1/3. Kept are the first two, both with 2 · 2 / 5 = 0.8; Σf =
        /// 4.
        case twoFutures
        /// Patterns ab|c twice, a|d once, e|f once; state a|x|c, x unknown.
        ///
        /// N = 3, 6 symbols, P(a) = 2/3, the others 1/3. Kept are ab|c with 2 · 2 / 6 and a|d with 2 · 1 / 5; Σf = 3.
        case fragments
        /// Pattern a|a|b once; state a|b|b.
        ///
        /// N = 1, 2 symbols, P = 1. The block is the second a and b, the event before has an a too: all is present.
        case repeats
        /// Pattern a|a once; state a.
        case oneSymbol

        func node() throws -> (node: Node, state: String) {
            switch self {
            case .twoFutures: (try Node(["a|b|c": 1, "a|b|d": 3, "x|y": 1]), "a|b")
            case .fragments: (try Node(["ab|c": 2, "a|d": 1, "e|f": 1]), "a|x|c")
            case .repeats: (try Node(["a|a|b": 1]), "a|b|b")
            case .oneSymbol: (try Node(["a|a": 1]), "a")
            }
        }

        func check(
            _ pattern: String,
            _ field: RankingField,
            _ expected: Double,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let (node, state) = try node()
            let value = try node.predict(state, pattern).value(of: field)
            #expect(isClose(value, expected), "\(pattern) \(field)", sourceLocation: sourceLocation)
        }
    }

    /// Shares of one are 1, and no rounding makes them more.
    @Test(arguments: 1...60)
    func whatIsAloneHasEverything(_ length: Int) throws {
        let events = [["a"]] + (0..<length).map { ["\($0)"] }
        var index = PatternIndex()
        try index.upsert(Pattern(events: events, frequency: length))
        var configuration = SessionConfiguration()
        configuration.recallThreshold = 0.01
        let ensemble = index.predict(state: [["a"]], configuration)
        let prediction = try #require(ensemble.predictions.first)
        let similarity = 2.0 / Double(length + 2)
        #expect(prediction.metrics.similarity == similarity)
        #expect(prediction.metrics.bayesianPosterior == 1)
        #expect(ensemble.futurePotentials.map(\.aggregatePotential) == [1])
        #expect(ensemble.futurePotentials.map(\.totalWeightedFrequency) == [similarity * Double(length)])
    }

    @Test func twoFutures() throws {
        let fixture = Fixture.twoFutures
        // m = 2 of 3 symbols; all of the present a|b; no other state symbol; one block; state and present are the same.
        try fixture.check("a|b|c", .similarity, 2.0 * 2 / (3 + 2))
        try fixture.check("a|b|c", .evidence, 2.0 / 3)
        try fixture.check("a|b|c", .confidence, 2.0 / 2)
        try fixture.check("a|b|c", .snr, (2.0 * 2 - 0) / (2 * 2 + 0))
        try fixture.check("a|b|c", .fragmentation, 1.0 - 1)
        try fixture.check("a|b|c", .itfdfSimilarity, 1.0 - 0.0 * 1 / 4)
        try fixture.check("a|b|c", .potential, (2.0 / 3 + 1) * 1 + 1 + 1.0 / (0 + 1))
        try fixture.check("a|b|c", .confluence, third * (1 - twoThirds * 2 / 3))
        try fixture.check("a|b|c", .entropy, 2 * (0.5 * 1.0))
        try fixture.check("a|b|c", .normalizedEntropy, 1 / bitsOf6)
        try fixture.check("a|b|c", .globalNormalizedEntropy, 2 * (twoThirds * bitsOf3Halves) / bitsOf6)
        try fixture.check("a|b|c", .tfidfScore, (0.5 * (bitsOf3Halves + 1) + 0.5 * (bitsOf3Halves + 1)) / 2)
        try fixture.check("a|b|c", .patternProbability, 1.0 / 4)
        try fixture.check("a|b|c", .weightedStrength, 0.8 * 1 / 4)
        try fixture.check("a|b|c", .bayesianPrior, 1.0 / 4)
        try fixture.check("a|b|c", .bayesianLikelihood, 0.8)
        try fixture.check("a|b|c", .bayesianPosterior, 0.25 * 0.8 / (0.25 * 0.8 + 0.75 * 0.8))
        // Its future c has 1 · 0.8 of 1 · 0.8 + 3 · 0.8.
        try fixture.check("a|b|c", .predictiveInformation, 0.2 / (0.8 / 3.2))
        try fixture.check("a|b|c", .frequency, 1.0)
        try fixture.check("a|b|d", .frequency, 3.0)
        try fixture.check("a|b|d", .confluence, 3.0 / 3 * (1 - 4.0 / 9))
        try fixture.check("a|b|d", .patternProbability, 3.0 / 4)
        try fixture.check("a|b|d", .weightedStrength, 0.8 * 3 / 4)
        try fixture.check("a|b|d", .bayesianPosterior, 0.6 / 0.8)
        try fixture.check("a|b|d", .predictiveInformation, 0.6 / (2.4 / 3.2))
    }

    @Test func fragments() throws {
        let fixture = Fixture.fragments
        // m = 2 (a, c) of 3 in two blocks; x is outside; the cosine of (2/3, 1/3, 1/3) and (2/3, 0, 1/3) is
        // (5/9) / √(6/9 · 5/9) = √(5/6).
        try fixture.check("ab|c", .similarity, 2.0 * 2 / (3 + 3))
        try fixture.check("ab|c", .evidence, 2.0 / 3)
        try fixture.check("ab|c", .confidence, 2.0 / 3)
        try fixture.check("ab|c", .snr, (2.0 * 2 - 1) / (2 * 2 + 1))
        try fixture.check("ab|c", .fragmentation, 2.0 - 1)
        try fixture.check("ab|c", .itfdfSimilarity, 1 - (1 - (5.0 / 6).squareRoot()) * 2 / 3)
        try fixture.check(
            "ab|c",
            .potential,
            (2.0 / 3 + 2.0 / 3) * 3 / 5 + (1 - (1 - (5.0 / 6).squareRoot()) * 2 / 3) + 1.0 / 2
        )
        try fixture.check("ab|c", .confluence, twoThirds * (1 - twoThirds * 1 / 3 * 1 / 3))
        try fixture.check("ab|c", .entropy, 3 * (third * bitsOf3))
        try fixture.check("ab|c", .normalizedEntropy, bitsOf3 / bitsOf6)
        try fixture.check("ab|c", .globalNormalizedEntropy, (twoThirds * bitsOf3Halves + twoThirds * bitsOf3) / bitsOf6)
        try fixture.check("ab|c", .tfidfScore, (third * (bitsOf3Halves + 1) + twoThirds * (bitsOf3 + 1)) / 3)
        try fixture.check("ab|c", .bayesianPosterior, (twoThirds * 2 / 3) / (twoThirds * 2 / 3 + third * 2 / 5))
        try fixture.check("ab|c", .predictiveInformation, 0.0)
        // m = 1 (a) of 2; x and c are outside; c is not in the present, so that both vectors are (2/3).
        try fixture.check("a|d", .evidence, 1.0 / 2)
        try fixture.check("a|d", .confidence, 1.0 / 1)
        try fixture.check("a|d", .snr, (2.0 * 1 - 2) / (2 * 1 + 2))
        try fixture.check("a|d", .itfdfSimilarity, 1.0 - 0 * 1.0 / 3)
        try fixture.check("a|d", .potential, (0.5 + 1) * 0 + 1 + 1)
        try fixture.check("a|d", .predictiveInformation, (0.4 * 1 / 3) / 1)
    }

    @Test func repeats() throws {
        let fixture = Fixture.repeats
        // m = 2; the second b is outside; the cosine of (2, 1) and (1, 2) is 4 / 5.
        try fixture.check("a|a|b", .similarity, 2.0 * 2 / (3 + 3))
        try fixture.check("a|a|b", .confidence, 2.0 / 3)
        try fixture.check("a|a|b", .snr, (2.0 * 2 - 1) / (2 * 2 + 1))
        try fixture.check("a|a|b", .itfdfSimilarity, 1 - (1 - 4.0 / 5) * 1)
        try fixture.check("a|a|b", .potential, (2.0 / 3 + 2.0 / 3) * 3 / 5 + 0.8 + 1)
        try fixture.check("a|a|b", .confluence, 1.0 / 1 * (1 - 1.0 * 1 * 1))
        try fixture.check("a|a|b", .entropy, twoThirds * bitsOf3Halves + third * bitsOf3)
        try fixture.check("a|a|b", .normalizedEntropy, (twoThirds * bitsOf3Halves + third * bitsOf3) / 1.0)
        try fixture.check("a|a|b", .globalNormalizedEntropy, 0.0)
        try fixture.check("a|a|b", .tfidfScore, (twoThirds * (0 + 1) + third * (0 + 1)) / 2)
        try fixture.check("a|a|b", .bayesianPosterior, 1.0)
    }

    @Test func oneSymbol() throws {
        let fixture = Fixture.oneSymbol
        // One symbol in the node: there is no logarithm to the base 1.
        try fixture.check("a|a", .entropy, 0.0)
        try fixture.check("a|a", .normalizedEntropy, 0.0)
        try fixture.check("a|a", .globalNormalizedEntropy, 0.0)
        try fixture.check("a|a", .evidence, 1.0 / 2)
    }

    @Test func futurePotentials() throws {
        let (node, state) = try Fixture.twoFutures.node()
        let futures = node.predict(state).futurePotentials
        #expect(futures.map(\.future) == [[["d"]], [["c"]]])
        // 3 · 0.8 and 1 · 0.8 of 3.2.
        #expect(isClose(futures[0].aggregatePotential, 2.4 / 3.2))
        #expect(isClose(futures[1].aggregatePotential, 0.8 / 3.2))
        #expect(isClose(futures[0].totalWeightedFrequency, 2.4))
        #expect(futures.map(\.supportingPatterns) == [1, 1])
    }

    @Test func patternsWithTheSameFutureAreCountedTogether() throws {
        let node = try Node(["a|b|z": 1, "b|z": 2, "b|yz": 1, "a|b": 5])
        let futures = node.predict("b").futurePotentials
        // z: 1 · 2/4 + 2 · 2/3 = 11/6; yz: 1 · 2/4; a|b has no future.
        #expect(futures.map(\.future) == [[["z"]], [["y", "z"]]])
        #expect(futures.map(\.supportingPatterns) == [2, 1])
        #expect(isClose(futures[0].totalWeightedFrequency, 11.0 / 6))
        #expect(isClose(futures[0].aggregatePotential, 11.0 / 14))
        #expect(isClose(futures[1].aggregatePotential, 3.0 / 14))
    }

    /// Weights: a = |4| / 2 + 0.01, b = |−1| / 2 + 0.01, x, which no pattern holds, 0.01.
    @Test func affinityWeighsSymbols() throws {
        var (node, state) = (try Node(["a|b": 2, "c|d": 1]), "a|x")
        node.index.setAffinity(of: "a", ["energy": 4, "other": 100])
        node.index.setAffinity(of: "b", ["energy": -1])
        #expect(try node.predict(state, "a|b").metrics.weighted == nil)
        #expect(try node.predict(state, "a|b").value(of: .weightedSimilarity) == 2.0 * 1 / 4)
        node.configuration.affinityEmotive = "energy"
        let weighted = try #require(try node.predict(state, "a|b").metrics.weighted)
        #expect(isClose(weighted.similarity, 2 * 2.01 / (2.02 + 2.52)))
        #expect(isClose(weighted.evidence, 2.01 / 2.52))
        #expect(isClose(weighted.confidence, 2.01 / 2.01))
        #expect(isClose(weighted.snr, (2 * 2.01 - 0.01) / (2 * 2.01 + 0.01)))
        node.configuration.affinityEmotive = "unknown"
        // All weigh 0.01: the same as unweighted.
        let even = try #require(try node.predict(state, "a|b").metrics.weighted)
        #expect(isClose(even.similarity, 2.0 * 1 / 4))
    }

    @Test func emotivesAreMeans() throws {
        var node = try Node([:])
        let emotives = [["joy": 4.0, "sad": 2], ["joy": 6]]
        try node.index.upsert(Pattern(events: [["a"], ["b"]], emotives: emotives))
        // (4 + 6) / 2 and 2 / 1.
        #expect(try node.predict("a", "a|b").emotives == ["joy": 5, "sad": 2])
        #expect(Emotives.mean([]) == [:])
    }

    @Test func frequencyRunsToItsLimit() throws {
        let node = try Node(["a|b": Pattern.frequencyLimit, "a|c": 1])
        #expect(try node.predict("a", "a|b").metrics.patternProbability < 1)
        #expect(throws: MemoryError.self) { try Node(["a|b": Pattern.frequencyLimit + 1]) }
        #expect(throws: MemoryError.self) { try Node(["a|b": 0]) }
    }
}
