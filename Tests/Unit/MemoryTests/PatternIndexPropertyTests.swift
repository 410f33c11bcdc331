import TestKit
import Testing

@testable import Memory

/// The index of a node against the plainest way to the same, over seeded rounds.
///
/// States of up to three words, by symbols and by characters, with and without filters.
/// `SEED=n swift test --filter PatternIndexPropertyTests` repeats a run.
struct PatternIndexPropertyTests {
    private static func symbols(_ random: inout SeededRandom, _ count: Int, of alphabet: UInt64) -> [UInt32] {
        (0..<count).map { _ in UInt32(truncatingIfNeeded: random.next() % alphabet) }
    }

    private static func events(_ symbols: [UInt32]) -> [[String]] { symbols.map { ["\($0)"] } }

    /// Most states are short; one of four is longer than a machine word, and some longer than two.
    private static func state(_ random: inout SeededRandom, _ round: Int) -> [UInt32] {
        let length = round % 4 == 3 ? 60 + random.next() % 90 : 1 + random.next() % 9
        // One symbol more than the patterns have.
        return symbols(&random, Int(length), of: 8)
    }

    private static func configuration(_ random: inout SeededRandom, _ round: Int) -> SessionConfiguration {
        var configuration = SessionConfiguration()
        configuration.maxPredictions = 10_000
        configuration.recallThreshold = [0, 0.01, 0.1, 0.3, 0.5, 2.0 / 3, 1][Int(random.next() % 7)]
        configuration.useTokenMatching = round % 3 != 2
        configuration.filterPipeline = SessionConfiguration.Filter.allCases.filter { _ in random.next() % 3 == 0 }
        // Patterns without a match are kept at threshold 0 only, and then this filter drops them.
        if round == 1 { (configuration.recallThreshold, configuration.filterPipeline) = (0, [.bloom]) }
        configuration.jaccardThreshold = [0, 0.2, 0.5, 1][Int(random.next() % 4)]
        configuration.jaccardMinOverlap = 1 + Int(random.next() % 3)
        configuration.minhashThreshold = [0, 0.3, 0.7][Int(random.next() % 3)]
        configuration.lengthMinRatio = [0, 0.5, 1][Int(random.next() % 3)]
        configuration.lengthMaxRatio = [1, 2, 10][Int(random.next() % 3)]
        return configuration
    }

    /// The similarity with which a pattern is kept, written down from the contract; nil when it is not.
    private static func kept(_ pattern: [UInt32], _ state: [UInt32], _ configuration: SessionConfiguration) -> Double? {
        let distinct = Set(pattern)
        let shared = distinct.intersection(state).count
        let jaccard = Double(shared) / Double(distinct.union(state).count)
        let ratio = Double(pattern.count) / Double(state.count)
        for filter in configuration.filterPipeline {
            let passes =
                switch filter {
                case .length: ratio >= configuration.lengthMinRatio && ratio <= configuration.lengthMaxRatio
                case .jaccard:
                    shared >= configuration.jaccardMinOverlap && jaccard >= configuration.jaccardThreshold
                case .minhash: jaccard >= configuration.minhashThreshold
                case .bloom: shared > 0
                case .rapidfuzz: true
                }
            if !passes { return nil }
        }
        if configuration.recallThreshold > 0, shared == 0 { return nil }
        let similarity: Double
        if configuration.useTokenMatching {
            let common = MatchingReference.commonLength(pattern, state)
            similarity = Double(2 * common) / Double(pattern.count + state.count)
        } else {
            // Symbols of one character, so that the text is them with spaces between.
            let left = Array(pattern.map { [$0] }.joined(separator: [.max]))
            let right = Array(state.map { [$0] }.joined(separator: [.max]))
            let total = left.count + right.count
            let distance = total - 2 * MatchingReference.commonLength(left, right)
            similarity = (1 - Double(distance) / Double(total)) * 100 / 100
        }
        return similarity >= configuration.recallThreshold ? similarity : nil
    }

    /// Over the border of a segment, so that both ways of finding candidates are taken.
    @Test func pruningLosesNothing() throws {
        var random = SeededRandom(seed: SeededRandom.seed)
        var index = PatternIndex()
        var patterns: [[UInt32]] = []
        while index.patternCount < PatternSegment.capacity + 150 {
            // Few symbols, so that many patterns and states have one more than once; some patterns as long as states.
            let length = patterns.count % 50 == 0 ? 30 + random.next() % 60 : 2 + random.next() % 5
            let pattern = Self.symbols(&random, Int(length), of: 7)
            if try index.upsert(Pattern(events: Self.events(pattern))) { patterns.append(pattern) }
        }
        #expect(index.snapshot.segments.map(\.isFull) == [true, false])
        var found = 0
        for round in 0..<24 {
            let configuration = Self.configuration(&random, round)
            let state = Self.state(&random, round)
            var expected: [PatternName: Double] = [:]
            for pattern in patterns {
                guard let similarity = Self.kept(pattern, state, configuration) else { continue }
                expected[PatternName(of: Self.events(pattern))] = similarity
            }
            let predictions = index.predict(state: Self.events(state), configuration).predictions
            let similarities = predictions.map { ($0.name, $0.metrics.similarity) }
            #expect(
                Dictionary(uniqueKeysWithValues: similarities) == expected,
                "seed \(SeededRandom.seed), round \(round): \(state), \(configuration)"
            )
            found += predictions.count
        }
        #expect(found > 1000, "the rounds keep enough to say something")
    }

    /// What a node predicts depends on how often each pattern was learned, and not on when.
    @Test func learningAgainRaisesOnlyTheFrequency() throws {
        var random = SeededRandom(seed: SeededRandom.seed)
        for round in 0..<200 {
            let pool = (0..<8).map { _ in Self.symbols(&random, 2 + Int(random.next() % 5), of: 7) }
            var learned = PatternIndex()
            var frequencies: [[UInt32]: Int] = [:]
            var order: [[UInt32]] = []
            for _ in 0..<30 {
                let pattern = pool[Int(random.next() % 8)]
                frequencies[pattern, default: 0] += 1
                let frequency = frequencies[pattern] ?? 0
                let isNew = try learned.upsert(Pattern(events: Self.events(pattern), frequency: frequency))
                #expect(isNew == (frequency == 1))
                if isNew { order.append(pattern) }
            }
            var once = PatternIndex()
            for pattern in order {
                try once.upsert(Pattern(events: Self.events(pattern), frequency: frequencies[pattern] ?? 0))
            }
            #expect(learned.patternCount == order.count && learned.symbolCount == once.symbolCount)
            #expect(learned.statistics() == once.statistics())
            let configuration = Self.configuration(&random, round)
            let state = Self.events(Self.state(&random, round))
            let before = learned.predict(state: state, configuration)
            #expect(before == once.predict(state: state, configuration), "seed \(SeededRandom.seed), round \(round)")
            // Once more: the same patterns match in the same way, and one has one more.
            let again = order[Int(random.next() % UInt64(order.count))]
            let name = PatternName(of: Self.events(again))
            let frequency = (frequencies[again] ?? 0) + 1
            try learned.upsert(Pattern(events: Self.events(again), frequency: frequency))
            #expect(learned.frequency(of: name) == frequency)
            let after = learned.predict(state: state, configuration)
            let matches = Self.matches(after)
            #expect(matches == Self.matches(before))
            for prediction in before.predictions {
                let now = after.predictions.first { $0.name == prediction.name }
                #expect(now?.frequency == prediction.frequency + (prediction.name == name ? 1 : 0))
            }
        }
    }

    /// What does not depend on frequencies, by name.
    private static func matches(_ ensemble: PredictionEnsemble) -> [PatternName: [[[String]]]] {
        let matches = ensemble.predictions.map { prediction in
            let numbers = ["\(prediction.metrics.similarity)", "\(prediction.metrics.fragmentation)"]
            let parts = [prediction.past, prediction.present, prediction.missing, prediction.extras, prediction.future]
            return (prediction.name, parts + [[prediction.matches, numbers]])
        }
        return Dictionary(uniqueKeysWithValues: matches)
    }
}
