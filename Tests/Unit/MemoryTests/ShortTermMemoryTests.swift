import JSON
import Memory
import Testing

/// Observing, learning and forgetting.
struct ShortTermMemoryTests {
    private func configuration(_ length: Int, _ mode: SessionConfiguration.ShortTermMode) -> SessionConfiguration {
        var configuration = SessionConfiguration()
        configuration.maxPatternLength = length
        configuration.stmMode = mode
        return configuration
    }

    /// Observes one string after the other and gives the first symbols of what was learned each time.
    private func learned(
        _ memory: inout ShortTermMemory,
        _ count: Int,
        _ settings: SessionConfiguration
    ) throws -> [String] {
        try (0..<count).compactMap { number in
            memory.observe(try Observation(strings: ["\(number)"]), settings)
                .map { $0.events.joined().joined(separator: ",") }
        }
    }

    @Test func withoutALengthNothingIsLearned() throws {
        var memory = ShortTermMemory()
        let sequences = try learned(&memory, 5, SessionConfiguration())
        #expect(sequences == [])
        #expect(memory.length == 5)
        #expect(memory.state == ["0", "1", "2", "3", "4"])
        #expect(memory.time == 5)
    }

    @Test func clearEmptiesTheMemory() throws {
        var memory = ShortTermMemory()
        let sequences = try learned(&memory, 7, configuration(3, .clear))
        #expect(sequences == ["0,1,2", "3,4,5"])
        #expect(memory.events == [["6"]])
        #expect(memory.time == 7)
    }

    @Test func rollingKeepsAllButOne() throws {
        var memory = ShortTermMemory()
        let sequences = try learned(&memory, 5, configuration(3, .rolling))
        #expect(sequences == ["0,1,2", "1,2,3", "2,3,4"])
        #expect(memory.events == [["3"], ["4"]])
    }

    @Test func oneSymbolAloneIsNoPattern() throws {
        var memory = ShortTermMemory()
        let sequences = try learned(&memory, 3, configuration(1, .clear))
        #expect(sequences == [])
        #expect(memory.length == 0)
        memory.append(event: ["a"])
        let one = try memory.learn()
        #expect(one == nil)
        #expect(memory.length == 0)
        memory.append(event: ["a", "b"])
        let two = try memory.learn()
        #expect(two?.name == PatternName(of: [["a", "b"]]))
    }

    @Test func anEmptyMemoryCannotLearn() {
        var memory = ShortTermMemory()
        let error = #expect(throws: MemoryError.self) { try memory.learn() }
        #expect(error?.code == .emptyShortTermMemory)
        #expect(error?.message == "Cannot learn from empty STM")
    }

    @Test func anEmptyObservationCountsAndLeavesTheEvents() throws {
        var memory = ShortTermMemory()
        let feeling = try Observation(emotives: ["joy": 1])
        let learned = memory.observe(feeling, SessionConfiguration())
        #expect(learned == nil)
        #expect(memory.events == [])
        #expect(memory.emotives == [["joy": 1]])
        #expect(memory.metadata == [])
        #expect(memory.time == 1)
    }

    @Test func learningTakesFeelingsAndMetadataAlong() throws {
        var memory = ShortTermMemory()
        for (joy, book) in [(1.0, "b"), (2, "a"), (6, "b")] {
            let observation = try Observation(
                strings: ["x"],
                emotives: ["joy": joy],
                metadata: ["book": .string(book), "page": .double(joy)]
            )
            let automatic = memory.observe(observation, SessionConfiguration())
            #expect(automatic == nil)
        }
        let sequence = try memory.learn()
        let learned = try #require(sequence)
        #expect(learned.emotives == [["joy": 1], ["joy": 2], ["joy": 6]])
        #expect(learned.affinityGain == ["joy": 3])
        #expect(learned.metadata == ["book": ["a", "b"], "page": ["1.0", "2.0", "6.0"]])
        #expect(memory == ShortTermMemory(time: 3))
        var pattern = try learned.newPattern(persistence: 2)
        #expect(pattern.emotives == [["joy": 2], ["joy": 6]])
        #expect(pattern.frequency == 1)
        pattern.merge(learned, persistence: 4)
        #expect(pattern.emotives == [["joy": 6], ["joy": 1], ["joy": 2], ["joy": 6]])
        #expect(pattern.frequency == 2)
        #expect(pattern.metadata == learned.metadata)
        #expect(Metadata.merged(["k": ["b"]], ["k": ["a", "b"], "l": ["c"]]) == ["k": ["a", "b"], "l": ["c"]])
    }

    @Test func patternsLearnedAutomaticallyTakeThemAlongToo() throws {
        var memory = ShortTermMemory()
        let observation = try Observation(strings: ["x"], emotives: ["joy": 1], metadata: ["k": "v"])
        let first = memory.observe(observation, configuration(2, .rolling))
        let second = memory.observe(observation, configuration(2, .rolling))
        #expect(first == nil)
        let learned = try #require(second)
        #expect(learned.emotives.count == 2)
        #expect(learned.metadata == ["k": ["v"]])
        #expect(memory == ShortTermMemory(events: [["x"]], time: 2))
    }

    @Test func theLastThousandAreKept() throws {
        var memory = ShortTermMemory()
        for number in 0...1000 {
            memory.append(event: ["\(number)"], emotives: ["joy": Double(number)], metadata: ["k": .int(number)])
            if number == 999 { #expect(memory.events.first == ["0"]) }
        }
        #expect(memory.length == 1000)
        #expect(memory.events.first == ["1"])
        #expect(memory.emotives.first == ["joy": 1])
        #expect(memory.metadata.first == ["k": 1])
        #expect(memory.metadata.count == 1000)
        memory.clear()
        #expect(memory == ShortTermMemory())
    }

    /// What is counted along is what counting all of it again would find.
    @Test func itsSizeIsThatOfWhatItHolds() throws {
        func check(_ memory: ShortTermMemory) {
            let again = ShortTermMemory(
                events: memory.events,
                emotives: memory.emotives,
                metadata: memory.metadata,
                time: memory.time
            )
            #expect(memory.bytes == again.bytes && memory == again)
        }
        var memory = ShortTermMemory()
        for number in 0..<1200 {
            let text = String(repeating: "x", count: number % 50)
            _ = memory.observe(
                try Observation(
                    strings: number % 3 == 0 ? [] : [text, "\(number)"],
                    emotives: number % 2 == 0 ? [:] : [text: 1],
                    metadata: [text: [.string(text), 1, ["inner": .string(text)]]]
                ),
                SessionConfiguration()
            )
            if number % 100 == 0 || number > 1190 { check(memory) }
        }
        #expect(memory.bytes > 1000 * 60)
        _ = try memory.learn()
        #expect(memory.bytes == 0)
        let rolling = try SessionConfiguration().merging(["max_pattern_length": 3, "stm_mode": "ROLLING"])
        for number in 0..<5 {
            _ = memory.observe(try Observation(strings: [String(repeating: "y", count: number * 20)]), rolling)
            check(memory)
        }
        #expect(memory.length == 2)
    }
}
