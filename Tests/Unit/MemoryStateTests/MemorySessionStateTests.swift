import JSON
import Memory
import Testing

@testable import MemoryStore

/// How operations change a session, and what follows for the database.
struct MemorySessionStateTests {
    private func session(_ config: JSONObject = JSONObject()) throws -> MemorySessionState {
        MemorySessionState(
            NewMemorySession(
                key: MemorySessionKey(tenantID: "t", sessionID: "s"),
                nodeID: "n",
                settings: try SessionConfiguration().merging(config),
                metadata: JSONObject(),
                ttlSeconds: 60
            ),
            version: 7,
            time: 0,
            lastSeq: 0
        )
    }

    private func incoming(
        _ strings: [String],
        emotives: [String: Double] = [:],
        metadata: JSONObject = JSONObject()
    ) throws -> IncomingObservation {
        IncomingObservation(
            try Observation(strings: strings, emotives: emotives, metadata: metadata),
            uniqueID: "u"
        )
    }

    @discardableResult
    private func observe(
        _ state: inout MemorySessionState,
        _ observations: [IncomingObservation],
        _ options: SequenceOptions = SequenceOptions()
    ) throws -> (answer: MemoryAnswer, change: MemoryChange) {
        var change = MemoryChange()
        let answer = try state.perform(.observe(observations, options), into: &change)
        return (answer, change)
    }

    @Test func observationsAreNumberedAndHeldUntilTheyAreLearned() throws {
        var state = try session()
        let first = try observe(&state, [incoming(["b", "a"]), incoming([]), incoming(["c"])])
        #expect(first.answer.steps.map(\.length) == [1, 1, 2])
        #expect(first.answer.steps.map(\.time) == [1, 2, 3])
        #expect(first.change.observations.map(\.seq) == [1, 2, 3])
        #expect(first.change.observations.map(\.event) == [["a", "b"], [], ["c"]])
        #expect(state.lastSeq == 3 && state.eventsFrom == 1 && state.heldFrom == 1)
        #expect(state.emotivesFrom == 4 && state.metadataFrom == 4, "there are none: the next could be the first")
        var change = MemoryChange()
        let learned = try state.perform(.learn, into: &change)
        #expect(learned.initialLength == 2 && learned.length == 0)
        #expect(change.patterns.map(\.events) == [[["a", "b"], ["c"]]])
        #expect(learned.finallyLearned == PatternName(of: [["a", "b"], ["c"]]).qualified)
        #expect(state.heldFrom == 4, "nothing is held any more")
        #expect(state.memory.time == 3)
    }

    @Test func learningNothingIsRefusedAndChangesNothing() throws {
        var state = try session()
        var change = MemoryChange()
        let error = #expect(throws: MemoryError.self) { try state.perform(.learn, into: &change) }
        #expect(error == .emptyShortTermMemory)
        #expect(state.version == 7 && state.lastSeq == 0 && change.patterns.isEmpty)
        try observe(&state, [incoming(["a"])])
        let one = try state.perform(.learn, into: &change)
        #expect(one.finallyLearned == "" && change.patterns.isEmpty && state.memory.length == 0)
    }

    @Test func rollingLetsGoOfTheOldestEvent() throws {
        var state = try session(["max_pattern_length": 3, "stm_mode": "ROLLING"])
        let observed = try observe(&state, ["a", "b", "c", "d"].map { try incoming([$0]) })
        #expect(observed.answer.steps.map(\.length) == [1, 2, 2, 2])
        #expect(observed.answer.learned.count == 2)
        #expect(observed.change.patterns.map(\.events) == [[["a"], ["b"], ["c"]], [["b"], ["c"], ["d"]]])
        #expect(state.eventsFrom == 3 && state.memory.events == [["c"], ["d"]])
    }

    @Test func anAutomaticPatternTakesItsFeelingsAndMetadata() throws {
        var state = try session(["max_pattern_length": 2])
        let observed = try observe(
            &state,
            [incoming(["a"], emotives: ["joy": 1], metadata: ["k": "x"]), incoming(["b"], emotives: ["joy": 3])]
        )
        let gain = try #require(observed.change.patterns.first)
        #expect(gain.emotives == [["joy": 1], ["joy": 3]])
        #expect(gain.metadata == ["k": ["x"]])
        #expect(gain.affinity == ["joy": 2])
        #expect(state.emotivesFrom == 3 && state.metadataFrom == 3 && state.memory.emotives.isEmpty)
    }

    @Test func aSequenceLearnsAsItsOptionsSay() throws {
        let list = try ["a", "b", "c"].map { try incoming([$0, "x"]) }
        var options = SequenceOptions()
        options.learnsAfterEach = true
        var state = try session()
        let each = try observe(&state, list, options)
        #expect(each.answer.learned.count == 3 && each.answer.finallyLearned == nil && state.memory.length == 0)
        options = SequenceOptions()
        options.clearsBetween = true
        options.learnsAtEnd = true
        let isolated = try observe(&state, list, options)
        #expect(isolated.answer.finallyLearned == PatternName(of: [["c", "x"]]).qualified)
        #expect(isolated.change.patterns.map(\.events) == [[["c", "x"]]])
        #expect(isolated.answer.steps.map(\.length) == [1, 1, 1])
    }

    @Test func theSamePatternInOneChangeIsOneGain() throws {
        var options = SequenceOptions()
        options.learnsAfterEach = true
        var state = try session(["persistence": 2])
        let list = try (1...4).map { try incoming(["a", "b"], emotives: ["joy": Double($0)]) }
        let change = try observe(&state, list, options).change
        #expect(change.patterns.map(\.frequency) == [4])
        #expect(change.patterns.first?.emotives == [["joy": 3], ["joy": 4]])
        #expect(change.patterns.first?.affinity == ["joy": 10])
    }

    @Test func clearingTheNodeForgetsWhatTheSameChangeWasToLearn() throws {
        var state = try session()
        var change = MemoryChange()
        _ = try state.perform(.observe([incoming(["a", "b"])], SequenceOptions()), into: &change)
        _ = try state.perform(.learn, into: &change)
        _ = try state.perform(.observe([incoming(["c"])], SequenceOptions()), into: &change)
        _ = try state.perform(.clearAll, into: &change)
        #expect(change.clearsNode && change.patterns.isEmpty)
        #expect(state.memory.length == 0 && state.memory.time == 0 && state.heldFrom == state.lastSeq + 1)
    }

    @Test func settingsAreMergedOrRefusedWhole() throws {
        var state = try session()
        var change = MemoryChange()
        #expect(throws: MemoryError.self) {
            try state.perform(.configure(["persistence": 3, "recall_threshold": 2]), into: &change)
        }
        #expect(state.settings.persistence == 5 && !change.setsSettings)
        _ = try state.perform(.configure(["persistence": 3]), into: &change)
        #expect(state.settings.persistence == 3 && change.setsSettings)
        _ = try state.perform(.extend(ttlSeconds: 99), into: &change)
        #expect(state.ttlSeconds == 99)
        state.advance()
        #expect(state.version == 8)
    }

    @Test func aRestoredSessionIsTheOneThatWasStored() throws {
        var state = try session()
        let observed = try observe(
            &state,
            [incoming(["a"], emotives: ["joy": 1]), incoming([], metadata: ["k": "v"]), incoming(["b", "c"])]
        )
        var restored = MemorySessionState(
            NewMemorySession(
                key: state.key,
                nodeID: "n",
                settings: state.settings,
                metadata: JSONObject(),
                ttlSeconds: 60
            ),
            version: 8,
            time: state.memory.time,
            lastSeq: state.lastSeq
        )
        for row in observed.change.observations {
            restored.restore(seq: row.seq, event: row.event, emotives: row.emotives, metadata: row.metadata)
        }
        #expect(restored.memory == state.memory)
        #expect(restored.eventsFrom == state.eventsFrom && restored.metadataFrom == 2)
        #expect(restored.weight == state.weight)
    }

    @Test func theOldestGoBeyondAThousand() throws {
        var state = try session()
        try observe(&state, (0..<1003).map { try incoming(["e\($0)"], emotives: ["joy": 1]) })
        #expect(state.memory.length == 1000 && state.memory.events.first == ["e3"])
        #expect(state.eventsFrom == 4 && state.emotivesFrom == 4 && state.heldFrom == 4)
    }
}
