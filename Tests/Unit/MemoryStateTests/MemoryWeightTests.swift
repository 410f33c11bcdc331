import JSON
import Memory
import Testing

@testable import MemoryStore

/// How much sessions and nodes weigh, and how much a session may take.
@Suite(.timeLimit(.minutes(1)))
struct MemoryWeightTests {
    private func session(
        _ config: JSONObject = JSONObject(),
        _ metadata: JSONObject = JSONObject(),
        id: String = "s"
    ) throws -> MemorySessionState {
        MemorySessionState(
            NewMemorySession(
                key: MemorySessionKey(tenantID: "t", sessionID: id),
                nodeID: "n",
                settings: try SessionConfiguration().merging(config),
                metadata: metadata,
                ttlSeconds: 60
            ),
            version: 7,
            time: 0,
            lastSeq: 0
        )
    }

    private func observe(_ observations: [Observation]) -> MemoryOperation {
        .observe(observations.map { IncomingObservation($0, uniqueID: "u") }, SequenceOptions())
    }

    @Test func aSessionWeighsWhatItHolds() throws {
        let text = String(repeating: "x", count: 1000)
        let observations = [
            try Observation(metadata: ["key": .string(text)]), try Observation(metadata: ["key": [[.string(text)]]]),
            try Observation(metadata: [text: 1]), try Observation(strings: [text]),
            try Observation(emotives: [text: 1]),
        ]
        for observation in observations {
            var state = try session()
            let empty = state.weight
            var change = MemoryChange()
            for _ in 0..<100 { _ = try state.perform(observe([observation]), into: &change) }
            #expect((100_000..<130_000).contains(state.weight - empty), "\(state.weight)")
        }
        #expect(try session([:], ["note": .string(text)]).weight > session().weight + 1000)
    }

    @Test func aSessionAtItsLimitAndOverIt() throws {
        let observation = try Observation(
            strings: ["a"],
            metadata: ["key": .string(String(repeating: "x", count: 500))]
        )
        var state = try session()
        var change = MemoryChange()
        for _ in 0..<10 { _ = try state.perform(observe([observation]), into: &change) }
        let limit = state.memory.bytes
        var other = try session()
        var otherChange = MemoryChange()
        for _ in 0..<10 {
            _ = try other.perform(observe([observation]), into: &otherChange, bytesMax: limit)
        }
        #expect(other.memory == state.memory, "at the limit")
        let operations = [
            observe([observation]), observe([try Observation(strings: ["b"])]),
            observe([try Observation(emotives: ["joy": 1])]), observe([try Observation(), observation]),
            .observeTurn(seq: 3, IncomingObservation(observation, uniqueID: "u")),
        ]
        for (operation, field) in zip(
            operations,
            ["observation", "observation", "observation", "observations", "observation"]
        ) {
            let error = #expect(throws: MemoryError.self) {
                try other.perform(operation, into: &otherChange, bytesMax: limit)
            }
            #expect(error?.code == .shortTermMemoryFull && error?.isRetriable == false)
            #expect(error?.problems.map(\.field) == [field])
            #expect(error?.message.contains("at most \(limit)") == true)
            #expect(other.memory == state.memory && other.lastSeq == 10 && other.turnSeq == 0)
            #expect(otherChange.observations.count == 10 && other.weight == state.weight)
        }
        // What takes nothing more may come, also into a session from before the limit was lowered.
        let answer = try other.perform(observe([try Observation()]), into: &otherChange, bytesMax: 10)
        #expect(answer.steps.map(\.time) == [11])
        _ = try other.perform(.learn, into: &otherChange, bytesMax: 10)
        #expect(other.memory.bytes == 0)
        _ = try other.perform(observe([observation]), into: &otherChange, bytesMax: limit)
        #expect(other.memory.length == 1)
    }

    @Test func whatASequenceLearnsOnItsWayTakesNoRoom() throws {
        let list = try (0..<10).map { try Observation(strings: ["a", "a rather long symbol \($0)"]) }
        var options = SequenceOptions()
        var state = try session()
        var change = MemoryChange()
        _ = try state.perform(observe([list[0]]), into: &change)
        let limit = state.memory.bytes
        let incoming = list.map { IncomingObservation($0, uniqueID: "u") }
        let sequence = MemoryOperation.observe(incoming, options)
        #expect(throws: MemoryError.self) { try state.perform(sequence, into: &change, bytesMax: limit) }
        options.learnsAfterEach = true
        let answer = try state.perform(.observe(incoming, options), into: &change, bytesMax: limit)
        #expect(answer.learned.count == 10 && state.memory.bytes == 0)
    }

    @Test func sessionsAtHandTakeNoMoreThanTheyMay() throws {
        var states: [MemorySessionState] = []
        for number in 0..<5 {
            var state = try session(id: "s\(number)")
            var change = MemoryChange()
            let metadata = JSONValue.string(String(repeating: "x", count: 10_000))
            _ = try state.perform(observe([Observation(metadata: ["key": metadata])]), into: &change)
            states.append(state)
        }
        let atHand = SessionsAtHand(bytesMax: 2 * states[0].weight)
        for (number, state) in states.enumerated() {
            atHand.keep(state)
            #expect(atHand.size.count == min(number + 1, 2) && atHand.size.bytes <= 2 * states[0].weight)
        }
        #expect(atHand[states[2].key] == nil && atHand[states[3].key] != nil && atHand[states[4].key] != nil)
    }

    @Test func keptPredictionsHoldTheSymbolsOfTheSession() throws {
        var index = PatternIndex()
        try index.upsert(Pattern(events: [["a"], ["b"]]))
        var state = try session()
        var change = MemoryChange()
        let long = String(repeating: "x", count: 4000)
        _ = try state.perform(observe([Observation(strings: ["a", long])]), into: &change)
        let ensemble = index.predict(state: state.memory.events, state.settings)
        #expect(ensemble.predictions.first?.extras == [[long]])
        let kept = KeptPredictions(bytesMax: 10_000)
        for id in ["1", "2", "3"] {
            var other = try session(id: id)
            _ = try other.perform(observe([Observation(strings: ["a", long])]), into: &change)
            kept.keep(ensemble, of: other, nodeSeq: 1)
        }
        #expect(kept.find(try session(id: "1"), nodeSeq: 1) == nil, "two of them have room, not three")
        #expect(kept.find(try session(id: "3"), nodeSeq: 1) == ensemble)
    }

    private func pattern(_ number: Int) throws -> Pattern {
        try Pattern(events: [["a", "own \(number)"], ["a"]])
    }

    @Test func affinityIsSummedInTheOrderOfNamesHoweverItWasRead() throws {
        // Sums of these depend on their order.
        let patterns = try (0..<200).map { number in
            (pattern: try pattern(number), affinity: ["joy": Double(number) * 0.1 + 1e15, "n\(number % 3)": 0.1])
        }
        var expected: [String: Double] = [:]
        for entry in patterns.sorted(by: { $0.pattern.name < $1.pattern.name }) {
            expected.merge(entry.affinity, uniquingKeysWith: +)
        }
        for pieces in [1, 7, 200] {
            for isReversed in [false, true] {
                var node = MemoryNode()
                let order = isReversed ? patterns.reversed() : patterns
                for start in stride(from: 0, to: order.count, by: pieces) {
                    var piece = MemoryNode.Piece(lastSeq: Int64(start), clearedSeq: 0)
                    for entry in order[start..<min(order.count, start + pieces)] {
                        // Of some the first reading is not the last one.
                        piece.patterns.append((Int64(start), entry.pattern, ["joy": 7]))
                    }
                    try node.take(piece, piecesMax: 1000)
                    for (index, entry) in order[start..<min(order.count, start + pieces)].enumerated() {
                        piece.patterns[index].affinity = entry.affinity
                    }
                    try node.take(piece, piecesMax: 1000)
                }
                #expect(node.patterns.statistics(of: "a")?.affinity == expected)
                #expect(node.patterns.statistics(of: "own 5")?.affinity == ["joy": 0.5 + 1e15, "n2": 0.1])
            }
        }
    }

    @Test func aSymbolIsSummedOnceForAllPatternsOfAPiece() throws {
        var shares = AffinityShares()
        // Summed for each, as many as these would take minutes.
        for number in 0..<20_000 { shares.set(["joy": 1], by: try pattern(number)) }
        let changes = shares.takeChanges()
        #expect(changes.count == 20_001)
        #expect(changes.first { $0.symbol == "a" }?.affinity == ["joy": 20_000])
        #expect(shares.takeChanges().isEmpty)
        shares.set(["joy": 1], by: try pattern(3))
        #expect(shares.takeChanges().isEmpty, "nothing is new")
        shares.set([:], by: try pattern(3))
        #expect(shares.takeChanges().first { $0.symbol == "a" }?.affinity == ["joy": 19_999])
        shares.set([:], by: try Pattern(events: [["a", "b"]]))
        #expect(shares.takeChanges().isEmpty, "who never had a share changes nothing")
    }

    @Test func aNodeWeighsTheFeelingsOfItsPatterns() throws {
        var plain = MemoryNode()
        var feeling = MemoryNode()
        let names = (0..<20).map { "\($0) " + String(repeating: "n", count: 100) }
        var piece = MemoryNode.Piece(lastSeq: 1, clearedSeq: 0)
        var other = piece
        for number in 0..<100 {
            piece.patterns.append((1, try pattern(number), [:]))
            let affinity = Dictionary(uniqueKeysWithValues: names.map { ($0, 1.0) })
            other.patterns.append((1, try pattern(number), affinity))
        }
        try plain.take(piece, piecesMax: 1000)
        try feeling.take(other, piecesMax: 1000)
        // 100 shares and, of 101 symbols, the sums: each of 20 names of more than 100 bytes.
        #expect(feeling.weight - plain.weight > 201 * 20 * 100)
        #expect(feeling.weight - plain.weight < 201 * 20 * 250)
    }
}
