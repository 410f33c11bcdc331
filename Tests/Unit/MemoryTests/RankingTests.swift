import TestKit
import Testing

@testable import Memory

/// Which predictions are answered, and in which order.
struct RankingTests {
    private static func manyPatterns() throws -> Node {
        var node = try Node([:])
        var random = SeededRandom(seed: 7)
        for _ in 0..<300 {
            let events = (0..<Int.random(in: 2...6, using: &random)).map { _ in ["\(random.next() % 9)"] }
            try node.index.upsert(Pattern(events: events, frequency: Int.random(in: 1...4, using: &random)))
        }
        node.configuration.affinityEmotive = "joy"
        for symbol in 0..<9 { node.index.setAffinity(of: "\(symbol)", ["joy": Double(symbol)]) }
        return node
    }

    @Test(arguments: RankingField.allCases)
    func theGreatestValueIsFirstAndOfEqualOnesTheSmallerName(_ field: RankingField) throws {
        var node = try Self.manyPatterns()
        node.configuration.rankSortAlgorithm = field
        node.configuration.maxPredictions = 10_000
        let all = node.predict("1|2|3").predictions
        #expect(all.count > 100)
        let keys = all.map { ($0.value(of: field), $0.name) }
        for (left, right) in zip(keys, keys.dropFirst()) {
            #expect(left.0 > right.0 || (left.0 == right.0 && left.1 < right.1))
        }
        node.configuration.maxPredictions = 7
        #expect(node.predict("1|2|3").predictions == Array(all.prefix(7)))
    }

    /// Numbers are those of the whole ensemble, however many are answered.
    @Test func theCutChangesNoNumber() throws {
        var node = try Self.manyPatterns()
        node.configuration.maxPredictions = 10_000
        let all = node.predict("1|2|3")
        #expect(all.predictions.count == all.keptCount)
        #expect(isClose(all.predictions.reduce(0) { $0 + $1.metrics.bayesianPosterior }, 1))
        #expect(isClose(all.predictions.reduce(0) { $0 + $1.metrics.patternProbability }, 1))
        #expect(isClose(all.futurePotentials.reduce(0) { $0 + $1.aggregatePotential }, 1))
        node.configuration.maxPredictions = 1
        let one = node.predict("1|2|3")
        #expect(one.predictions == Array(all.predictions.prefix(1)))
        #expect(one.futurePotentials == Array(all.futurePotentials.prefix(1)))
        #expect(one.keptCount == all.keptCount)
    }

    @Test func theOrderOfLearningChangesNothing() throws {
        let patterns = try (0..<200).map { number in
            try Pattern(events: [["\(number % 7)"], ["\(number % 11)"], ["\(number % 13)"]], frequency: number % 5 + 1)
        }
        let there = try Self.node(patterns)
        let back = try Self.node(patterns.reversed())
        #expect(there.predict("1|2|3") == back.predict("1|2|3"))
        #expect(there.predict("1|2|3").keptCount > 20)
    }

    private static func node(_ patterns: [Pattern]) throws -> Node {
        var node = try Node([:])
        for pattern in patterns { try node.index.upsert(pattern) }
        return node
    }

    /// Each future has two patterns, x|a|future and y|a|future, with the same similarity.
    @Test func ofEquallyLikelyFuturesThatOfTheSmallestNameIsFirst() throws {
        var node = try Node([:])
        var smallest: [String: PatternName] = [:]
        for future in "cdefghijkl".map(String.init) {
            let patterns = [["x", "a", future], ["y", "a", future]].map { $0.map { [$0] } }
            for pattern in patterns { try node.index.upsert(Pattern(events: pattern)) }
            smallest[future] = patterns.map { PatternName(of: $0) }.min()
        }
        let futures = node.predict("a").futurePotentials
        #expect(futures.allSatisfy { $0.supportingPatterns == 2 })
        #expect(futures.map { $0.future[0][0] } == smallest.sorted { $0.value < $1.value }.map(\.key))
    }

    /// Distinct symbols: state {a, b, c}; abc 3/3, abd 2/4, axyz 1/6, abcdefg 3/7.
    @Test(
        arguments: [
            ([], ["a|b|c", "a|b|d", "a|x|y|z", "a|b|c|d|e|f|g"]),
            ([.bloom, .rapidfuzz], ["a|b|c", "a|b|d", "a|x|y|z", "a|b|c|d|e|f|g"]),
            ([.jaccard], ["a|b|c", "a|b|d", "a|b|c|d|e|f|g"]),
            ([.minhash], ["a|b|c"]),
            ([.length], ["a|b|c", "a|b|d", "a|x|y|z"]),
            ([.length, .jaccard], ["a|b|c", "a|b|d"]),
        ] as [([SessionConfiguration.Filter], [String])]
    )
    func filtersLeaveOutCandidates(_ filters: [SessionConfiguration.Filter], _ expected: [String]) throws {
        var node = try Node(["a|b|c": 1, "a|b|d": 1, "a|x|y|z": 1, "a|b|c|d|e|f|g": 1, "q|r": 1])
        node.configuration.filterPipeline = filters
        let names = node.predict("a|b|c").predictions.map(\.name)
        #expect(Set(names) == Set(expected.map { PatternName(of: Node.events($0)) }))
    }

    @Test func thresholdsOfFiltersAreReached() throws {
        var node = try Node(["a|b|d": 1])
        node.configuration.filterPipeline = [.jaccard, .minhash, .length]
        node.configuration.jaccardThreshold = 0.5
        node.configuration.minhashThreshold = 0.5
        node.configuration.lengthMinRatio = 1
        node.configuration.lengthMaxRatio = 1
        #expect(node.predict("a|b|c").keptCount == 1)
        for change in [
            { $0.jaccardThreshold = 0.5.nextUp }, { $0.minhashThreshold = 0.5.nextUp },
            { $0.jaccardMinOverlap = 3 }, { $0.lengthMinRatio = 1.0.nextUp },
        ] as [(inout SessionConfiguration) -> Void] {
            var other = node
            change(&other.configuration)
            #expect(other.predict("a|b|c").keptCount == 0)
        }
    }
}
