import HTTPClient
import JSON
import TestKit
import Testing

/// What sessions predict from what their nodes learned, over HTTP.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct MemoryPredictionTests {
    @Test("What was learned is predicted, the same by every gateway")
    func predictions() async throws {
        try await withPlatform { platform in
            let other = try platform.addService("parley-gateway")
            try await other.start()
            let clients = [platform.memory, MemoryClient(platform.client.onPort(other.port))]
            let node = unique("node")
            let session = try await clients[0].begin(node)
            for word in ["wake", "coffee", "work"] { try await clients[0].observe(session, [word]) }
            let name = try await clients[0].learn(session)
            for round in 0..<6 {
                // Learned at one gateway, predicted at the other: each must have seen the newest frequency.
                let teacher = clients[round % 2]
                let pupil = clients[(round + 1) % 2]
                try await teacher.observe(session, ["wake"])
                try await teacher.observe(session, ["coffee"])
                let prediction = try #require(try await pupil.predictions(session).first)
                #expect(prediction["future"] == [["work"]])
                #expect(prediction["name"]?.stringValue == String(name.dropFirst(5)))
                #expect(prediction["frequency"]?.intValue == round + 1)
                #expect(try await teacher.predictions(session) == pupil.predictions(session))
                try await teacher.observe(session, ["work"])
                #expect(try await teacher.learn(session) == name)
            }
            #expect(try await clients[1].post("/sessions/\(session)/clear-all").json["scope"]?.stringValue == "all")
            try await clients[0].observe(session, ["wake"])
            for memory in clients { #expect(try await memory.predictions(session).isEmpty) }
            #expect(try await clients[0].pattern(name, node) == nil)
            _ = try await other.terminate()
        }
    }

    @Test("A state over its limit, an answer over its limit and a prediction over its time say so; the rest goes on")
    func limits() async throws {
        var options = PlatformOptions()
        options.startsWorker = false
        options.startsExecutor = false
        options.gateway["PARLEY_MEMORY_STATE_SYMBOLS_MAX"] = "4"
        options.gateway["PARLEY_MEMORY_ANSWER_SYMBOLS_MAX"] = "1000"
        options.gateway["PARLEY_MEMORY_ANSWER_MAX"] = "8KiB"
        try await withOwnPlatform(options) { platform in
            let memory = platform.memory
            let session = try await memory.begin("node")
            for word in ["a", "b", "c", "d"] { try await memory.observe(session, [word]) }
            _ = try await memory.learn(session)
            for word in ["a", "b", "c", "x"] { #expect(try await memory.observe(session, [word]).status == 200) }
            #expect(try await memory.predictions(session).count == 1, "at the limit")
            #expect(try await memory.observe(session, ["y"]).status == 200, "an observation is taken all the same")
            for path in ["predictions", "cognition-data"] {
                let large = try await memory.http.get("/sessions/\(session)/\(path)")
                #expect(large.status == 422 && large.code == "prediction_too_large")
                #expect(large.json["detail"]?.stringValue?.contains("up to 4 symbols") == true)
            }
            #expect(try await memory.memory(session).count == 5)
            #expect(try await memory.post("/sessions/\(session)/clear-stm").status == 200)
            // Many long symbols: few of them for the limit of symbols, too many bytes for an answer.
            let long = (0..<4).map { String(repeating: "l\($0)", count: 1500) }
            try await memory.observe(session, long)
            _ = try await memory.learn(session)
            try await memory.observe(session, long)
            let answer = try await memory.http.get("/sessions/\(session)/predictions")
            #expect(answer.status == 422 && answer.code == "prediction_too_large")
            #expect(try await memory.post("/sessions/\(session)/clear-stm").status == 200)
            try await memory.observe(session, ["a"])
            #expect(try await memory.predictions(session).count == 1)
            let metrics = String(decoding: try await platform.client.get("/metrics").body, as: UTF8.self)
            for name in [
                "parley_memory_observations_total 12", "parley_memory_patterns_learned_total 2",
                #"parley_memory_predictions_total{result="computed"}"#, "parley_memory_prediction_seconds_count",
                "parley_memory_prediction_candidates_total", "parley_memory_batch_size_count",
                "parley_memory_index_bytes", "parley_memory_index_nodes 1", "parley_memory_index_evictions_total 0",
                #"parley_memory_predictions_total{result="refused"}"#,
            ] {
                #expect(metrics.contains(name), "\(name)")
            }
            #expect(!metrics.contains("node\""), "nothing that a client named is in there")
        }
    }

    @Test("A prediction that takes too long is a 503 that may be repeated, and observing goes on")
    func time() async throws {
        var options = PlatformOptions()
        options.startsWorker = false
        options.startsExecutor = false
        options.gateway["PARLEY_MEMORY_PREDICTION_TIME_MAX"] = "1ms"
        options.gateway["PARLEY_MEMORY_OBSERVE_PREDICTION_TIME_MAX"] = "1ms"
        try await withOwnPlatform(options) { platform in
            let memory = platform.memory
            let session = try await memory.begin("node")
            // Fifty patterns of 2,000 symbols that are much alike: far more than a millisecond's work.
            var random = SeededRandom(seed: 5)
            for _ in 0..<50 {
                let observations = (0..<20).map { _ -> JSONValue in
                    let strings = (0..<100).map { _ in JSONValue.string("s\(random.next() % 30)") }
                    return ["strings": .array(strings)]
                }
                let body: JSONValue = ["observations": .array(observations), "learn_at_end": true]
                #expect(try await memory.post("/sessions/\(session)/observe-sequence", body).status == 200)
            }
            for _ in 0..<20 {
                let strings = (0..<100).map { _ in "s\(random.next() % 30)" }
                #expect(try await memory.observe(session, strings).status == 200)
            }
            let slow = try await memory.http.get("/sessions/\(session)/predictions")
            #expect(slow.status == 503 && slow.code == "prediction_timeout")
            #expect(slow.headers["retry-after"] == "1")
            #expect(try await memory.memory(session).count == 20)
        }
    }

    @Test("Vectors: the nearest that the node has learned join an event as symbols")
    func vectors() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let session = try await memory.begin(unique("node"))
            for x in 0..<4 { try await memory.observe(session, ["vectors": [[.double(Double(x)), 0.0]]]) }
            let events = try await memory.memory(session)
            #expect(events.map(\.count) == [1, 2, 3, 4])
            #expect(events.joined().allSatisfy { $0.hasPrefix("VCTR|") })
            #expect(events.allSatisfy { $0 == $0.sorted() })
            try await memory.observe(session, ["strings": ["near"], "vectors": [[1.0, 0.0], [1.9, 0.0]]])
            let last = try #require(try await memory.memory(session).last)
            #expect(last.count == 5 && last.last == "near")
            let name = try await memory.learn(session)
            let other = try await memory.begin(unique("node"))
            try await memory.observe(other, ["vectors": [[0.0, 0.0]]])
            #expect(try await memory.memory(other) == [[events[0][0]]], "the same vector has the same symbol anywhere")
            #expect(name.hasPrefix("PTRN|"))
        }
    }

    @Test("A gateway that runs and knows the node sees what an operator imports into it")
    func imported() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let (source, node) = (unique("node"), unique("node"))
            let teacher = try await memory.begin(source)
            for word in ["wake", "coffee"] { try await memory.observe(teacher, [word]) }
            let name = try await memory.learn(teacher)
            let path = TemporaryFolder.shared.uniquePath("memory", suffix: ".jsonl")
            #expect(try await platform.parleyctl(["memory", "export", source, "--file", path]).exit == .exited(0))

            let pupil = try await memory.begin(node)
            for word in ["wake", "tea"] { try await memory.observe(pupil, [word]) }
            let own = try await memory.learn(pupil)
            try await memory.observe(pupil, ["wake"])
            func predicted() async throws -> Set<String> {
                Set(try await memory.predictions(pupil).compactMap { $0["name"]?.stringValue })
            }
            // The index of the node is there, and behind from now on.
            #expect(try await predicted() == [String(own.dropFirst(5))])
            #expect(try await platform.parleyctl(["memory", "import", node, "--file", path]).exit == .exited(0))
            #expect(try await predicted() == [String(own.dropFirst(5)), String(name.dropFirst(5))])
            // What is imported once more is the same pattern, seen more often.
            let again = try await platform.parleyctl(["memory", "import", node, "--file", path, "--add"])
            #expect(again.exit == .exited(0), "\(again.standardError)")
            let frequencies = try await memory.predictions(pupil).compactMap { $0["frequency"]?.intValue }
            #expect(frequencies.sorted() == [1, 2])
        }
    }
}
