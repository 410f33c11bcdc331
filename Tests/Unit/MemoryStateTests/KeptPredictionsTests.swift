import JSON
import Memory
import Testing

@testable import MemoryStore

/// What is kept of predictions, and for how long it counts.
struct KeptPredictionsTests {
    private func state(version: Int64) -> MemorySessionState {
        MemorySessionState(
            NewMemorySession(
                key: MemorySessionKey(tenantID: "t", sessionID: "s"),
                nodeID: "n",
                settings: SessionConfiguration(),
                metadata: JSONObject(),
                ttlSeconds: 60
            ),
            version: version,
            time: 0,
            lastSeq: 0
        )
    }

    private func ensemble(_ text: String) throws -> PredictionEnsemble {
        var index = PatternIndex()
        try index.upsert(Pattern(events: [["a"], [text]]))
        return index.predict(state: [["a"]], SessionConfiguration())
    }

    @Test func onlyTheSameVersionOfSessionAndNodeIsFound() throws {
        let kept = KeptPredictions(bytesMax: 1 << 20)
        let first = try ensemble("b")
        kept.keep(first, of: state(version: 5), nodeSeq: 3)
        #expect(kept.find(state(version: 5), nodeSeq: 3) == first)
        #expect(kept.find(state(version: 6), nodeSeq: 3) == nil)
        #expect(kept.find(state(version: 5), nodeSeq: 4) == nil)
        #expect(kept.find(state(version: 5), nodeSeq: 2) == nil)
        // One that comes late does not take the place of a newer one.
        kept.keep(try ensemble("old"), of: state(version: 4), nodeSeq: 3)
        #expect(kept.find(state(version: 5), nodeSeq: 3) == first)
        let second = try ensemble("c")
        kept.keep(second, of: state(version: 5), nodeSeq: 4)
        #expect(kept.find(state(version: 5), nodeSeq: 4) == second)
    }

    @Test func whatIsKeptIsBounded() throws {
        let kept = KeptPredictions(bytesMax: 2000)
        let one = try ensemble("b")
        #expect((600..<1500).contains(one.memoryBytes), "\(one.memoryBytes)")
        var states: [MemorySessionState] = []
        for number in 0..<5 {
            let state = MemorySessionState(
                NewMemorySession(
                    key: MemorySessionKey(tenantID: "t", sessionID: "s\(number)"),
                    nodeID: "n",
                    settings: SessionConfiguration(),
                    metadata: JSONObject(),
                    ttlSeconds: 60
                ),
                version: 1,
                time: 0,
                lastSeq: 0
            )
            kept.keep(one, of: state, nodeSeq: 1)
            states.append(state)
        }
        #expect(kept.find(states[0], nodeSeq: 1) == nil)
        #expect(kept.find(states[4], nodeSeq: 1) == one)
    }
}
