import JSON
import Memory
import TestKit
import Testing

/// Sequences, predictions and news of the memory, word for word.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct MemorySequenceTests {
    /// What came of an observation of a sequence that nobody named.
    private static func step(
        _ position: Int,
        length: Int,
        time: Int,
        learned: String? = nil
    ) -> JSONValue {
        [
            "status": "okay", "sequence_position": .int(position), "stm_length": .int(length), "time": .int(time),
            "unique_id": .string("u\(position)"), "auto_learned_pattern": learned.map(JSONValue.string) ?? .null,
        ]
    }

    /// Observes events in a sequence, each named by its place.
    private static func observe(
        _ caller: MemoryCaller,
        _ events: [[String]],
        joy: Double? = nil,
        _ options: JSONObject
    ) async throws -> JSONValue {
        var body = options
        let observations = events.enumerated().map { position, event in
            var observation: JSONObject = [
                "strings": .array(event.map(JSONValue.string)), "unique_id": .string("u\(position)"),
            ]
            if let joy { observation.set("emotives", ["joy": .double(joy + Double(position))]) }
            return JSONValue.object(observation)
        }
        body.set("observations", .array(observations))
        return try await caller.call("POST /sessions/{id}/observe-sequence", .object(body))
    }

    private static func answer(
        _ caller: MemoryCaller,
        _ steps: [JSONValue],
        lengths: (Int, Int),
        learned: [String] = [],
        finally: String? = nil,
        isolated: Bool = false
    ) -> JSONValue {
        [
            "status": "completed", "processor_id": .string(caller.node), "observations_processed": .int(steps.count),
            "initial_stm_length": .int(lengths.0), "final_stm_length": .int(lengths.1), "results": .array(steps),
            "auto_learned_patterns": .array(learned.map(JSONValue.string)),
            "final_learned_pattern": finally.map(JSONValue.string) ?? .null, "isolated": .bool(isolated),
        ]
    }

    @Test("A sequence is taken as one, each observation alone, learned after each, or learned at its end")
    func sequences() async throws {
        try await withPlatform { platform in
            var caller = try await MemoryCaller(platform)
            caller.session = try await caller.memory.begin(caller.node)
            func name(_ events: [[String]]) -> String { PatternName(of: events).qualified }
            let plain = try await Self.observe(caller, [["b", "a"], ["c"]], [:])
            let first = [Self.step(0, length: 1, time: 1), Self.step(1, length: 2, time: 2)]
            #expect(plain == Self.answer(caller, first, lengths: (0, 2)))
            let none = try await Self.observe(caller, [], ["learn_at_end": false, "learn_after_each": nil])
            #expect(none == Self.answer(caller, [], lengths: (2, 2)))
            let whole = name([["a", "b"], ["c"], ["d"]])
            let atEnd = try await Self.observe(caller, [["d"]], ["learn_at_end": true])
            let last = [Self.step(0, length: 3, time: 3)]
            #expect(atEnd == Self.answer(caller, last, lengths: (2, 0), learned: [whole], finally: whole))

            // Each alone: what was before it is gone, but for how it felt.
            let isolated = try await Self.observe(
                caller,
                [["a"], ["b"], ["c", "d"]],
                joy: 1,
                ["clear_stm_between": true]
            )
            let alone = (0..<3).map { Self.step($0, length: 1, time: 4 + $0) }
            #expect(isolated == Self.answer(caller, alone, lengths: (0, 1), isolated: true))
            #expect(try await caller.memory.memory(caller.session) == [["c", "d"]])
            let learned = try await caller.memory.learn(caller.session)
            #expect(learned == name([["c", "d"]]))
            let emotives = try await caller.memory.pattern(learned, caller.node)?["emotives"]
            #expect(emotives == [["joy": 1.0], ["joy": 2.0], ["joy": 3.0]])

            // Learned after each; a single symbol makes no pattern, and has an empty name.
            let each = try await Self.observe(
                caller,
                [["a", "b"], ["c"], ["d", "e"]],
                ["learn_after_each": true, "clear_stm_between": true, "learn_at_end": true]
            )
            let steps = (0..<3).map { Self.step($0, length: 0, time: 7 + $0) }
            let names = [name([["a", "b"]]), "", name([["d", "e"]])]
            #expect(each == Self.answer(caller, steps, lengths: (0, 0), learned: names, isolated: true))
        }
    }

    @Test("A sequence that reaches the length at which a session learns by itself says which observation did")
    func autoLearning() async throws {
        try await withPlatform { platform in
            var caller = try await MemoryCaller(platform)
            caller.session = try await caller.memory.begin(caller.node, ["config": ["max_pattern_length": 2]])
            let (first, second) = (
                PatternName(of: [["a"], ["b"]]).qualified, PatternName(of: [["c"], ["d"]]).qualified
            )
            let answer = try await Self.observe(caller, [["a"], ["b"], ["c"], ["d"], ["e"]], [:])
            let steps = [
                Self.step(0, length: 1, time: 1), Self.step(1, length: 0, time: 2, learned: first),
                Self.step(2, length: 1, time: 3), Self.step(3, length: 0, time: 4, learned: second),
                Self.step(4, length: 1, time: 5),
            ]
            #expect(answer == Self.answer(caller, steps, lengths: (0, 1), learned: [first, second]))
            let observed = try await caller.call("POST /sessions/{id}/observe", ["strings": ["f"]])
            #expect(observed["auto_learned_pattern"]?.stringValue == PatternName(of: [["e"], ["f"]]).qualified)
            #expect(observed["stm_length"] == 0)
            #expect(observed["unique_id"]?.stringValue?.hasPrefix("obs-") == true)
            let unnamed = try await caller.call(
                "POST /sessions/{id}/observe-sequence",
                ["observations": [["strings": ["g"]]]]
            )
            #expect(unnamed["results"]?[0]?["unique_id"]?.stringValue?.hasPrefix("seq-obs-") == true)
        }
    }

    @Test("A prediction with every number, and the futures")
    func predictions() async throws {
        try await withPlatform { platform in
            var caller = try await MemoryCaller(platform)
            caller.session = try await caller.memory.begin(caller.node)
            _ = try await Self.observe(caller, [["a"], ["b", "c"], ["d"]], joy: 1, ["learn_at_end": true])
            _ = try await caller.call("POST /sessions/{id}/observe", ["strings": ["b"]])
            // One pattern, so that each symbol is in all of them: 2 · 1 of 4 + 1 symbols.
            let similarity = 2 * 1 / 5.0
            let itfdf = 1 - (1 - 1 / 2.0.squareRoot())
            let prediction: JSONValue = [
                "type": "prototypical", "name": .string(PatternName(of: [["a"], ["b", "c"], ["d"]]).hex),
                "frequency": 1, "emotives": ["joy": 2.0], "matches": ["b"], "past": [["a"]], "present": [["b", "c"]],
                "missing": [["c"]], "extras": [[]], "anomalies": [], "similarity": .double(similarity),
                "evidence": 0.25, "confidence": 0.5, "snr": 1, "fragmentation": 0,
                "potential": .double((0.25 + 0.5) * 1 + itfdf + 1), "itfdf_similarity": .double(itfdf),
                "confluence": 0, "entropy": 1, "normalized_entropy": 0.5, "global_normalized_entropy": 0,
                "tfidf_score": 0.5, "pattern_probability": 1, "weighted_strength": .double(similarity),
                "bayesian_prior": 1, "bayesian_likelihood": .double(similarity), "bayesian_posterior": 1,
                "predictive_information": .double(similarity), "weighted_similarity": nil, "weighted_evidence": nil,
                "weighted_confidence": nil, "weighted_snr": nil, "sequence": [["a"], ["b", "c"], ["d"]],
                "future": [["d"]],
            ]
            let future: JSONValue = [
                "future": [["d"]], "aggregate_potential": 1, "supporting_patterns": 1,
                "total_weighted_frequency": .double(similarity),
            ]
            var answer = try #require(try await caller.call("GET /sessions/{id}/predictions").objectValue)
            #expect(answer["unique_id"]?.stringValue?.hasPrefix("pred-") == true)
            answer.set("unique_id", "")
            let expected: JSONValue = [
                "predictions": [prediction], "future_potentials": [future], "session_id": .string(caller.session),
                "processor_id": .string(caller.node), "count": 1, "time": 4, "unique_id": "",
            ]
            #expect(.object(answer) == expected, "\(JSONValue.object(answer).string)")
            let cognition = try await caller.call("GET /sessions/{id}/cognition-data")["cognition_data"]
            #expect(cognition?["predictions"] == [prediction] && cognition?["future_potentials"] == [future])
            // A session that does not want predictions has none in its cognition.
            _ = try await caller.call("POST /sessions/{id}/config", ["process_predictions": false])
            let without = try await caller.call("GET /sessions/{id}/cognition-data")["cognition_data"]
            #expect(without?["predictions"] == [] && without?["short_term_memory"] == [["b"]])
        }
    }

    @Test("Who listens is told what there is, then what begins and ends, and why; a ping is answered")
    func news() async throws {
        try await withPlatform { platform in
            let caller = try await MemoryCaller(platform)
            _ = try await caller.memory.begin(caller.node)
            let socket = try await caller.memory.http.webSocket(path: "/ws/events")
            func next() async throws -> (moment: JSONValue?, event: JSONValue) {
                guard case .message(let json) = try await socket.next(), var event = json.objectValue else {
                    throw MemoryRefusal("no event")
                }
                let moment = event["timestamp"]
                event.set("timestamp", nil)
                return (moment, .object(event))
            }
            let (moment, snapshot) = try await next()
            #expect(moment?.isMoment == true)
            #expect(
                snapshot == [
                    "event_type": "state.snapshot", "timestamp": nil,
                    "data": ["active_sessions": 1, "system_status": "healthy"],
                ]
            )
            try await socket.send("ping")
            #expect(try await socket.next() == .message("pong"))
            let session = try await caller.memory.begin(caller.node, ["ttl_seconds": 77])
            let (began, created) = try await next()
            #expect(began?.isMoment == true)
            let (id, node) = (JSONValue.string(session), JSONValue.string(caller.node))
            #expect(
                created == [
                    "event_type": "session.created", "timestamp": nil,
                    "data": ["session_id": id, "node_id": node, "ttl_seconds": 77],
                ]
            )
            // Another word is none of ours, and is not answered.
            try await socket.send("hello")
            try await socket.send("ping")
            #expect(try await socket.next() == .message("pong"))
            #expect(try await caller.memory.http.request("DELETE", "/sessions/\(session)").status == 200)
            let (ended, destroyed) = try await next()
            #expect(ended?.isMoment == true)
            #expect(
                destroyed == [
                    "event_type": "session.destroyed", "timestamp": nil,
                    "data": ["session_id": id, "node_id": node, "reason": "explicit_delete"],
                ]
            )
            try await socket.close()
        }
    }
}
