import JSON
import Memory
import TestKit
import Testing

/// What a prediction may take: at the limit it is made, over it it is refused, and time is kept.
struct PredictionLimitsTests {
    private static func events(_ count: Int, of alphabet: Int, _ random: inout SeededRandom) -> [[String]] {
        (0..<count).map { _ in ["s\(random.next() % UInt64(alphabet))"] }
    }

    @Test func theStateAtAndOverItsLimit() throws {
        var index = PatternIndex()
        try index.upsert(Pattern(events: [["a"], ["b"], ["c"]]))
        var limits = PredictionLimits()
        limits.stateSymbolsMax = 2
        let two = try index.query(state: [["a"], ["b"]], SessionConfiguration()).run(within: limits)
        #expect(two.predictions.count == 1)
        let error = #expect(throws: MemoryError.self) {
            try index.query(state: [["a"], ["b", "c"]], SessionConfiguration()).run(within: limits)
        }
        #expect(error?.code == .predictionTooLarge)
        #expect(error?.message.contains("up to 2 symbols") == true && error?.isRetriable == false)
    }

    @Test func theAnswerAtAndOverItsLimit() throws {
        var index = PatternIndex()
        for last in ["x", "y"] { try index.upsert(Pattern(events: [["a"], ["b"], [last]])) }
        let query = index.query(state: [["a"], ["b"]], SessionConfiguration())
        var limits = PredictionLimits()
        // Each of two predictions: three times the pattern's three symbols, and the state's two.
        limits.answerSymbolsMax = 22
        #expect(try query.run(within: limits).predictions.count == 2)
        #expect(try query.run(within: limits) == query.run())
        limits.answerSymbolsMax = 21
        let error = #expect(throws: MemoryError.self) { try query.run(within: limits) }
        #expect(error?.code == .predictionTooLarge)
        var bytes = JSONWriter()
        bytes.beginObject()
        try query.run().writeMembers(to: &bytes)
        let length = bytes.bytes.count
        var writer = JSONWriter()
        writer.beginObject()
        try query.run().writeMembers(to: &writer, bytesMax: length)
        var short = JSONWriter()
        short.beginObject()
        #expect(throws: MemoryError.self) { try query.run().writeMembers(to: &short, bytesMax: 100) }
    }

    /// Without the meter each of these takes far longer than the test may: the tables of wide states, the blocks of
    /// patterns that repeat one symbol, and texts that are compared by characters.
    @Test(.timeLimit(.minutes(1)), arguments: ["wide", "repeating", "characters"])
    func timeIsKept(kind: String) throws {
        var random = SeededRandom(seed: 3)
        var index = PatternIndex()
        var settings = SessionConfiguration()
        let state: [[String]]
        switch kind {
        case "wide":
            state = Self.events(20_000, of: 40, &random)
            for _ in 0..<12 { try index.upsert(Pattern(events: Self.events(20_000, of: 40, &random))) }
        case "repeating":
            state = Array(repeating: ["a"], count: 20_000)
            for number in 0..<3 {
                try index.upsert(Pattern(events: Array(repeating: ["a"], count: 20_000 - number)))
            }
        default:
            settings = try settings.merging(["use_token_matching": false, "recall_threshold": 0])
            state = Array(repeating: [String(repeating: "ab", count: 1000)], count: 500)
            for number in 0..<3 {
                let text = String(repeating: "ba", count: 1900) + "\(number)"
                try index.upsert(Pattern(events: Array(repeating: [text], count: 400)))
            }
        }
        var limits = PredictionLimits()
        let started = ContinuousClock.now
        limits.deadline = started.advanced(by: .milliseconds(300))
        let query = index.query(state: state, settings)
        let error = #expect(throws: MemoryError.self) { try query.run(within: limits) }
        #expect(error?.code == .predictionTooSlow && error?.isRetriable == true)
        #expect(started.duration(to: .now) < .seconds(20), "it was given up soon after its time")
    }

    @Test func whoWaitedTooLongDoesNotBegin() throws {
        var index = PatternIndex()
        try index.upsert(Pattern(events: [["a"], ["b"]]))
        var limits = PredictionLimits()
        limits.deadline = .now
        let error = #expect(throws: MemoryError.self) {
            try index.query(state: [["a"]], SessionConfiguration()).run(within: limits)
        }
        #expect(error?.code == .predictionTooSlow)
    }

    @Test func tooManyCharactersToCompareBy() throws {
        var index = PatternIndex()
        try index.upsert(Pattern(events: [["a"], ["b"]]))
        let settings = try SessionConfiguration().merging(["use_token_matching": false])
        var limits = PredictionLimits()
        limits.deadline = .now.advanced(by: .seconds(60))
        let distinct = String(String.UnicodeScalarView((0x4E00..<0x5E00).compactMap { Unicode.Scalar(UInt32($0)) }))
        let state = Array(repeating: [distinct], count: 20)
        let error = #expect(throws: MemoryError.self) { try index.query(state: state, settings).run(within: limits) }
        #expect(error?.code == .predictionTooLarge)
    }

    /// The sizes that are counted along are those that counting all again would find.
    @Test func memoryGrowsWithWhatIsLearned() throws {
        var index = PatternIndex()
        var last = index.memoryBytes
        for number in 0..<5 {
            for inner in 0..<2000 {
                try index.upsert(Pattern(events: [["a long symbol, number \(number * 2000 + inner)"], ["x"]]))
            }
            // A symbol of 29 bytes and more outside of its string, its entry, its pattern's name and words.
            #expect(index.memoryBytes - last > 2000 * (29 + 32 + 20 + 8))
            last = index.memoryBytes
        }
        index.setAffinity(of: "x", ["joy": 1, "fear": 2])
        #expect(index.memoryBytes > last)
        index.setAffinity(of: "x", [:])
        #expect(index.memoryBytes == last)
        // Feelings of a pattern in a full segment, with a name that takes more than its place.
        let first = [["a long symbol, number 0"], ["x"]]
        let name = String(repeating: "n", count: 1000)
        try index.upsert(Pattern(events: first, emotives: [[name: 1]]))
        #expect(index.memoryBytes > last + 1000)
        try index.upsert(Pattern(events: first))
        #expect(index.memoryBytes == last)
    }
}
