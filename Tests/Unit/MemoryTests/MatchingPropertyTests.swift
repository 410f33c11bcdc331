import TestKit
import Testing

@testable import Memory

/// The fast matching against the plain one; seeded: `SEED=n swift test --filter MatchingPropertyTests` repeats a run.
struct MatchingPropertyTests {
    private static func symbols(_ random: inout SeededRandom, _ count: Int, of alphabet: UInt32) -> [UInt32] {
        (0..<count).map { _ in UInt32(truncatingIfNeeded: random.next() % UInt64(alphabet)) }
    }

    /// 100,000 pairs: every state is matched with many patterns, as a query does it.
    @Test func commonSubsequenceAndBlocksAreThoseOfTheReference() {
        var random = SeededRandom(seed: SeededRandom.seed)
        var wrong: [String] = []
        for round in 0..<5_000 {
            let alphabet = [2, 3, 5, 12][round % 4] as UInt32
            let state = Self.symbols(&random, Int(random.next() % 9), of: alphabet)
            var matcher = StateMatcher(state: state, alphabet: Int(alphabet))
            for _ in 0..<20 {
                let pattern = Self.symbols(&random, Int(random.next() % 9), of: alphabet)
                pattern.withUnsafeBufferPointer { matcher.load($0) }
                if matcher.commonSubsequence() != MatchingReference.commonLength(pattern, state)
                    || matcher.blocks() != MatchingReference.blocks(pattern, state)
                {
                    wrong.append("\(pattern) \(state)")
                }
            }
        }
        #expect(wrong.prefix(3) == [], "seed \(SeededRandom.seed), \(wrong.count) wrong")
    }

    /// States of up to three words, around the words' borders.
    @Test(arguments: [1, 31, 62, 63, 64, 65, 66, 100, 127, 128, 129, 150])
    func longStates(_ length: Int) {
        var random = SeededRandom(seed: SeededRandom.seed &+ UInt64(length))
        for alphabet in [2, 4, 30] as [UInt32] {
            let state = Self.symbols(&random, length, of: alphabet)
            var matcher = StateMatcher(state: state, alphabet: Int(alphabet))
            for patternLength in [0, 1, 7, 40] {
                let pattern = Self.symbols(&random, patternLength, of: alphabet)
                pattern.withUnsafeBufferPointer { matcher.load($0) }
                #expect(matcher.commonSubsequence() == MatchingReference.commonLength(pattern, state))
                #expect(matcher.blocks() == MatchingReference.blocks(pattern, state))
            }
        }
    }

    /// The way for long states gives the same for short ones.
    @Test func bothWaysFindTheSameRuns() {
        var random = SeededRandom(seed: SeededRandom.seed)
        for _ in 0..<2_000 {
            let state = Self.symbols(&random, 1 + Int(random.next() % 12), of: 3)
            let pattern = Self.symbols(&random, Int(random.next() % 12), of: 3)
            var matcher = StateMatcher(state: state, alphabet: 3)
            pattern.withUnsafeBufferPointer { matcher.load($0) }
            for (position, symbol) in pattern.enumerated() {
                matcher.patternSlots[position] = matcher.slots[Int(symbol)]
            }
            var blocks: [MatchingBlock] = []
            matcher.wideBlocks { blocks.append(MatchingBlock(pattern: $0, state: $1, length: $2)) }
            #expect(blocks.sorted { $0.pattern < $1.pattern } == matcher.blocks())
        }
    }

    /// 100,000 pairs, each matched both ways by symbols.
    @Test func similarityOfSymbolsIsSymmetricAndBetweenZeroAndOne() {
        var random = SeededRandom(seed: SeededRandom.seed)
        let bounds = (0...8).map { RecallBound(threshold: 0, stateLength: $0) }
        var wrong: [String] = []
        for round in 0..<100_000 {
            let alphabet = [2, 3, 5, 12][round % 4] as UInt32
            let left = Self.symbols(&random, 1 + Int(random.next() % 8), of: alphabet)
            let right = Self.symbols(&random, 1 + Int(random.next() % 8), of: alphabet)
            let there = bounds[right.count].similarity(
                common: Self.common(left, right, alphabet),
                patternLength: left.count
            )
            let back = bounds[left.count].similarity(
                common: Self.common(right, left, alphabet),
                patternLength: right.count
            )
            if there != back || !(0...1).contains(there) || (there == 1) != (left == right) {
                wrong.append("\(left) \(right)")
            }
        }
        #expect(wrong.prefix(3) == [], "seed \(SeededRandom.seed), \(wrong.count) wrong")
    }

    /// 100,000 pairs, each matched both ways by characters.
    @Test func similarityOfCharactersIsSymmetricAndBetweenZeroAndOne() {
        var random = SeededRandom(seed: SeededRandom.seed)
        var wrong: [String] = []
        let letters = Array("ab c\u{301}\u{1F642}")
        func text() -> String {
            String((0..<1 + random.next() % 8).map { _ in letters[Int(random.next() % UInt64(letters.count))] })
        }
        for _ in 0..<100_000 {
            let left = text()
            let right = text()
            let there = IndelSimilarity.ratio(left, right)
            let isSame = left.unicodeScalars.elementsEqual(right.unicodeScalars)
            if there != IndelSimilarity.ratio(right, left) || !(0...1).contains(there) || (there == 1) != isSame {
                wrong.append("\(left) \(right)")
            }
        }
        #expect(wrong.prefix(3) == [], "seed \(SeededRandom.seed), \(wrong.count) wrong")
    }

    /// The same through whole predictions, also of states of more than one word.
    @Test func aPredictionsSimilarityIsSymmetricAndBetweenZeroAndOne() throws {
        var random = SeededRandom(seed: SeededRandom.seed)
        for round in 0..<500 {
            let most = round % 10 == 0 ? 150 : 12 as UInt64
            let left = Self.symbols(&random, 1 + Int(random.next() % most), of: 6).map { "\($0)" }
            let right = Self.symbols(&random, 1 + Int(random.next() % most), of: 6).map { "\($0)" }
            for usesTokens in [true, false] {
                let there = try similarity(of: left, right, usesTokens)
                let back = try similarity(of: right, left, usesTokens)
                #expect(there == back, "seed \(SeededRandom.seed): \(left) \(right)")
                #expect((0...1).contains(there))
            }
        }
    }

    private static func common(_ pattern: [UInt32], _ state: [UInt32], _ alphabet: UInt32) -> Int {
        var matcher = StateMatcher(state: state, alphabet: Int(alphabet))
        pattern.withUnsafeBufferPointer { matcher.load($0) }
        return matcher.commonSubsequence()
    }

    private func similarity(of pattern: [String], _ state: [String], _ usesTokens: Bool) throws -> Double {
        var node = try Node([:], threshold: 0)
        node.configuration.useTokenMatching = usesTokens
        try node.index.upsert(Pattern(events: pattern.map { [$0] }))
        let prediction = node.index.predict(state: [state], node.configuration).predictions.first
        return try #require(prediction).metrics.similarity
    }
}
