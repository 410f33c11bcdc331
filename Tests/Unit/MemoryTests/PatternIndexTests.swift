import Testing

@testable import Memory

/// The index of a node: what it counts, and that it leaves no prediction out.
struct PatternIndexTests {
    @Test func learningTwiceOnlyRaisesTheFrequency() throws {
        var index = PatternIndex()
        let news = try [[["a", "a"], ["b"]], [["a"], ["c"]]].map { try index.upsert(Pattern(events: $0)) }
        #expect(news == [true, true])
        let before = index
        let isNew = try index.upsert(Pattern(events: [["a", "a"], ["b"]], frequency: 2))
        #expect(!isNew)
        #expect(index.patternCount == 2)
        #expect(index.symbolCount == 3)
        #expect(index.frequency(of: PatternName(of: [["a", "a"], ["b"]])) == 2)
        #expect(before.frequency(of: PatternName(of: [["a", "a"], ["b"]])) == 1)
        #expect(index.frequency(of: PatternName(of: [["x"]])) == nil)
        // a: 2 · 2 + 1 times learned, in 2 patterns.
        #expect(index.statistics().map(\.name) == ["a", "b", "c"])
        #expect(index.statistics().map(\.frequency) == [5, 2, 1])
        #expect(index.statistics().map(\.patternMemberFrequency) == [2, 1, 1])
        #expect(index.statistics(of: "x") == nil)
    }

    @Test func aQuerySeesWhatThereWasWhenItWasMade() throws {
        var index = PatternIndex()
        try index.upsert(Pattern(events: [["a"], ["b"]]))
        let query = index.query(state: [["a"]], SessionConfiguration())
        let before = query.run()
        try index.upsert(Pattern(events: [["a"], ["b"]], frequency: 5))
        try index.upsert(Pattern(events: [["a"], ["new"]]))
        #expect(query.run() == before)
        #expect(index.predict(state: [["a"]], SessionConfiguration()).keptCount == 2)
    }

    @Test func affinityIsTheSumOfMeans() throws {
        var index = PatternIndex()
        var memory = ShortTermMemory()
        for joy in [1.0, 3, 10] {
            memory.append(event: ["a", "a"], emotives: ["joy": joy])
            memory.append(event: ["b"])
            let sequence = try memory.learn()
            let learned = try #require(sequence)
            try index.upsert(learned.newPattern(persistence: 5))
            index.addAffinity(learned)
        }
        #expect(index.statistics(of: "a")?.affinity == ["joy": 14])
        index.setAffinity(of: "b", ["fear": 1])
        #expect(index.statistics(of: "b")?.affinity == ["fear": 1])
        index.setAffinity(of: "unknown", ["fear": 1])
        #expect(index.statistics(of: "unknown") == nil)
    }

    @Test func aPatternHasALimit() throws {
        var index = PatternIndex()
        let half = Array(repeating: "a", count: PatternIndex.patternLength / 2)
        try index.upsert(Pattern(events: [half, half]))
        #expect(index.patternCount == 1)
        #expect(throws: MemoryError.self) { try index.upsert(Pattern(events: [half, half, ["a"]])) }
        #expect(index.patternCount == 1)
        #expect(throws: MemoryError.self) { try Pattern(events: []) }
        #expect(throws: MemoryError.self) { try Pattern(events: [["a"], []]) }
    }

    @Test func memoryIsCounted() throws {
        var index = PatternIndex()
        let empty = index.memoryBytes
        for number in 0..<1000 { try index.upsert(Pattern(events: [["s\(number)"], ["t\(number)"]])) }
        // At least the words, the names and the two tables.
        #expect(index.memoryBytes - empty > 1000 * (2 * 4 + 24 + 28) + 2000 * 32)
        #expect(index.memoryBytes - empty < 1000 * 1000)
    }

    @Test func theLeastCommonLengthIsTheLeast() {
        for threshold in [0.001, 0.1, 0.25, 1.0 / 3, 0.5, 0.7, 0.9, 1] {
            for stateLength in [1, 2, 3, 7, 20, 63] {
                let bound = RecallBound(threshold: threshold, stateLength: stateLength)
                for length in [1, 2, 3, 5, 10, 100, 255, 256, 300] {
                    let least = bound.least(patternLength: length)
                    #expect(least >= 1)
                    #expect(Double(2 * least) / Double(length + stateLength) >= threshold)
                    #expect(least == 1 || Double(2 * (least - 1)) / Double(length + stateLength) < threshold)
                }
            }
        }
    }
}
