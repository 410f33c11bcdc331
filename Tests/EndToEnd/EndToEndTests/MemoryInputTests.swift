import HTTPClient
import JSON
import TestKit
import Testing

/// What the memory refuses, how it says why, and that nothing is changed then.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct MemoryInputTests {
    @Test("A session that may not be is refused with the field and the reason")
    func badSessions() async throws {
        try await withPlatform { platform in
            // A tenant of its own, so that nobody else begins sessions in it.
            let memory = MemoryClient(try await platform.makeTenant(unique("tenant")))
            let cases: [(JSONValue, String)] = [
                ([:], "node_id"), (["node_id": 7], "node_id"), (["node_id": ""], "node_id"),
                (["node_id": .string(String(repeating: "n", count: 257))], "node_id"),
                (["node_id": "a", "ttl_seconds": -1], "ttl_seconds"),
                (["node_id": "a", "ttl_seconds": 1.5], "ttl_seconds"),
                (["node_id": "a", "ttl_seconds": 315_360_001], "ttl_seconds"),
                (["node_id": "a", "metadata": [1]], "metadata"), (["node_id": "a", "config": 1], "config"),
                (["node_id": "a", "session_id": "not an id"], "session_id"), (["node_id": "a\u{0}b"], "body"),
                ([1], "body"),
            ]
            for (body, field) in cases {
                let response = try await memory.post("/sessions", body)
                #expect(response.status == 422, "\(body.string)")
                #expect(response.fields == [field], "\(body.string): \(response.json.string)")
                #expect(response.headers["x-trace-id"] != nil)
            }
            for config: JSONValue in [
                ["recall_threshold": 1.1], ["persistence": 0], ["max_predictions": 10_001], ["sort_symbols": "yes"],
                ["unknown_key": 1], ["rank_sort_algo": "luck"], ["max_pattern_length": -1],
            ] {
                let response = try await memory.post("/sessions", ["node_id": "a", "config": config])
                #expect(response.status == 400, "\(config.string)")
                let name = try #require(config.objectValue?.keys.first)
                #expect(response.json["validation_errors"]?[name]?.stringValue != nil, "\(response.json.string)")
            }
            #expect(try await memory.http.get("/sessions/count").json["active_session_count"]?.intValue == 0)
            let longest = String(repeating: "n", count: 256)
            let response = try await memory.post("/sessions", ["node_id": .string(longest), "ttl_seconds": 0])
            #expect(response.status == 200)
            #expect(response.json["ttl_seconds"]?.intValue == 3600)
            let longLived = try await memory.begin("n", ["ttl_seconds": 315_360_000])
            #expect(try await memory.http.get("/sessions/count").json["active_session_count"]?.intValue == 2)
            let path = "/sessions/\(longLived)/extend?ttl_seconds="
            #expect(try await memory.post(path + "315360000").json["ttl_seconds"]?.intValue == 315_360_000)
            #expect(try await memory.post(path + "315360001").status == 422)
        }
    }

    @Test("Emotives are finite numbers within a limit, so that no sum of them is beyond what a double holds")
    func emotives() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let node = unique("node")
            let session = try await memory.begin(node)
            for value in ["1e308", "-1e308", "1.0000001e100", "1e999", "-1e999"] {
                let observation = #"{"strings":["a","b"],"emotives":{"joy":\#(value)}}"#
                let alone = try await memory.http.request(
                    "POST",
                    "/sessions/\(session)/observe",
                    body: Array(observation.utf8)
                )
                #expect(alone.status == 422)
                #expect(alone.fields == ["emotives"], "\(value): \(alone.json.string)")
                let inSequence = try await memory.http.request(
                    "POST",
                    "/sessions/\(session)/observe-sequence",
                    body: Array(#"{"observations":[{"strings":["c"]},\#(observation)]}"#.utf8)
                )
                #expect(inSequence.status == 422)
                #expect(inSequence.fields == ["observations[1].emotives"], "\(value): \(inSequence.json.string)")
            }
            #expect(try await memory.memory(session).isEmpty)
            // At the limit, over and over: learned, answered and predicted.
            var name = ""
            for _ in 0..<3 {
                for word in ["a", "b"] {
                    try await memory.observe(session, ["strings": [.string(word)], "emotives": ["joy": 1e100]])
                }
                name = try await memory.learn(session)
            }
            #expect(try await memory.pattern(name, node)?["frequency"]?.intValue == 3)
            try await memory.observe(session, ["a"])
            #expect(try await memory.predictions(session).first?["emotives"]?["joy"]?.doubleValue == 1e100)
            let affinity = try await memory.http.get("/symbols/a/affinity?node_id=\(node)")
            let joy = try #require(affinity.json["affinity"]?["joy"]?.doubleValue)
            #expect((joy / 3e100 - 1).magnitude < 1e-12, "the sum of three means")
        }
    }

    @Test("A sequence of as many observations as may be, and names as long as may be, are taken; one more is refused")
    func limits() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let session = try await memory.begin(unique("node"), ["config": ["process_predictions": false]])
            for (count, status) in [(10_001, 422), (10_000, 200)] {
                let list = JSONValue.array(Array(repeating: ["strings": ["a"]], count: count))
                let response = try await memory.post("/sessions/\(session)/observe-sequence", ["observations": list])
                #expect(response.status == status, "\(count) observations")
                #expect(try await memory.memory(session).count == (status == 200 ? 1000 : 0))
            }
            for (bytes, status) in [(257, 422), (256, 200)] {
                let name = String(repeating: "é", count: bytes / 2) + (bytes % 2 == 0 ? "" : "x")
                let response = try await memory.observe(session, ["strings": ["b"], "unique_id": .string(name)])
                #expect(response.status == status, "\(bytes) bytes")
                if status == 200 { #expect(response.json["unique_id"]?.stringValue == name) }
            }
            let config = try await memory.http.get("/sessions/\(session)/stm")
            #expect(config.json["stm"]?[999] == ["b"] && config.json["stm"]?[998] == ["a"], "observed once")
        }
    }

    @Test("An observation that may not be is refused, and the session is as it was")
    func badObservations() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let session = try await memory.begin(unique("node"))
            let long = JSONValue.string(String(repeating: "x", count: 4097))
            let many = JSONValue.array(Array(repeating: "s", count: 1001))
            let vectors = JSONValue.array(Array(repeating: [1.0], count: 101))
            let cases: [JSONValue] = [
                ["strings": "a"], ["strings": [1]], ["strings": [nil]], ["strings": [long]], ["strings": many],
                ["strings": ["a\u{0}"]], ["vectors": [1]], ["vectors": [["a"]]], ["vectors": [[1.0], [1.0, 2.0]]],
                ["vectors": [[]]], ["vectors": vectors], ["emotives": ["joy": "high"]], ["emotives": [1]],
                ["emotives": ["joy": nil]], ["metadata": "m"], ["unique_id": 7], [1], "text", nil,
            ]
            for body in cases {
                let response = try await memory.observe(session, body)
                #expect(response.status == 422, "\(body.string.prefix(80))")
                #expect(!response.fields.isEmpty)
                let inSequence = try await memory.post(
                    "/sessions/\(session)/observe-sequence",
                    ["observations": [["strings": ["good"]], body]]
                )
                #expect(inSequence.status == 422, "\(body.string.prefix(80))")
            }
            let lengths = try await memory.observe(session, ["vectors": [[1.0], [1.0, 2.0]]])
            let reason = lengths.json["errors"]?[0]?["reason"]?.stringValue ?? ""
            #expect(reason.contains("2 numbers") && reason.contains("has 1"), "both lengths are named: \(reason)")
            let infinite = try await memory.http.request(
                "POST",
                "/sessions/\(session)/observe",
                body: Array(#"{"vectors":[[1e999]]}"#.utf8)
            )
            #expect(infinite.status == 422)
            let list = JSONValue.array(Array(repeating: ["strings": ["a"]], count: 10_001))
            let sequence = try await memory.post("/sessions/\(session)/observe-sequence", ["observations": list])
            #expect(sequence.fields == ["observations"])
            let large = JSONValue.array((0..<300).map { _ in .string(String(repeating: "y", count: 4000)) })
            #expect(try await memory.observe(session, ["strings": large]).status == 413)
            #expect(try await memory.memory(session).isEmpty)
            #expect(try await memory.http.get("/sessions/\(session)/percept-data").json["percept_data"] == [:])
            // At the limits.
            let full = JSONValue.array(Array(repeating: .string(String(repeating: "x", count: 900)), count: 1000))
            #expect(try await memory.observe(session, ["strings": full]).status == 200)
            let wide = JSONValue.array(Array(repeating: [1.0], count: 100))
            let longest = JSONValue.string(String(repeating: "x", count: 4096))
            #expect(try await memory.observe(session, ["vectors": wide, "strings": [longest]]).status == 200)
            #expect(try await memory.memory(session).map(\.count) == [1000, 2])
        }
    }

    @Test("Settings that may not be change nothing; those that may are honoured")
    func settings() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let session = try await memory.begin(unique("node"), ["config": ["max_pattern_length": 3]])
            let bad = try await memory.post(
                "/sessions/\(session)/config",
                ["config": ["max_pattern_length": 5, "persistence": 101]]
            )
            #expect(bad.status == 400)
            #expect(bad.json["validation_errors"]?.objectValue?.keys == ["persistence"])
            let config = try await memory.http.get("/sessions/\(session)/config").json["config"]
            #expect(config?["max_pattern_length"]?.intValue == 3)
            #expect(try await memory.post("/sessions/\(session)/learn").status == 400)
            let empty = try await memory.post("/sessions/\(session)/learn").json
            #expect(empty["detail"]?.stringValue == "Cannot learn from empty STM")

            var learned: [String?] = []
            for word in ["a", "b", "c", "d"] {
                learned.append(try await memory.observe(session, [word]).json["auto_learned_pattern"]?.stringValue)
            }
            #expect(learned[2]?.hasPrefix("PTRN|") ?? false)
            #expect(learned[0] == nil && learned[1] == nil && learned[3] == nil)
            #expect(try await memory.memory(session) == [["d"]])

            // Who compares by characters wants them in the order in which they came, unless he says otherwise.
            for (change, sorts) in [
                (["use_token_matching": false], false), (["use_token_matching": true, "sort_symbols": false], false),
                (["persistence": 5], false), (["use_token_matching": true], true),
            ] as [(JSONValue, Bool)] {
                let changed = try await memory.post("/sessions/\(session)/config", change)
                #expect(changed.status == 200)
                let config = try await memory.http.get("/sessions/\(session)/config").json["config"]
                #expect(config?["sort_symbols"]?.boolValue == sorts, "\(change.string)")
            }
            let rolling = try await memory.post("/sessions/\(session)/config", ["stm_mode": "ROLLING"])
            #expect(rolling.json["status"]?.stringValue == "okay")
            for word in ["e", "f"] { try await memory.observe(session, [word]) }
            #expect(try await memory.memory(session) == [["e"], ["f"]])
            let asked = ContinuousClock.now
            let extended = try await memory.post("/sessions/\(session)/extend?ttl_seconds=7200")
            #expect(extended.json["ttl_seconds"]?.intValue == 7200)
            let left = try await memory.http.get("/sessions/\(session)").json["ttl_seconds"]?.intValue ?? 0
            // Not more than has passed is gone, however long the machine was busy meanwhile.
            let passed = Int(asked.duration(to: .now).components.seconds) + 1
            #expect((7200 - passed...7200).contains(left), "\(left) s left after \(passed) s")
            #expect(try await memory.post("/sessions/\(session)/extend?ttl_seconds=0").status == 422)
        }
    }

    @Test("The earlier form of the API works, with and without a session in the path")
    func earlierForm() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let begun = try await memory.post("/v2/sessions", ["user_id": "alice"])
            let session = try #require(begun.json["session_id"]?.stringValue)
            #expect(begun.json["node_id"]?.stringValue == "alice")
            let observed = try await memory.post("/v2/sessions/\(session)/observe", ["strings": ["b", "a"]])
            #expect(observed.status == 200)
            let named: HTTPClientHeaders = ["X-Session-ID": session, "X-Trace-ID": "trace-7"]
            let stm = try await platform.client.request("GET", "/stm", headers: named)
            #expect(stm.json["stm"] == [["a", "b"]])
            #expect(stm.headers["x-trace-id"] == "trace-7")
            let user: HTTPClientHeaders = ["x-user-id": unique("user")]
            let body = Array(#"{"strings":["x"]}"#.utf8)
            for path in ["/observe", "/v2/observe"] {
                #expect(try await platform.client.request("POST", path, body: body, headers: user).status == 200)
            }
            let own = try await platform.client.request("GET", "/v2/stm", headers: user)
            #expect(own.json["stm"] == [["x"], ["x"]])
            #expect(try await platform.client.request("POST", "/clear-stm", headers: user).status == 200)
            #expect(try await platform.client.request("GET", "/predictions", headers: user).json["count"] == 0)
            #expect(try await platform.client.request("POST", "/learn", headers: user).status == 400)
            #expect(try await platform.client.get("/stm").status == 422)
            #expect(try await platform.client.request("GET", "/stm", headers: ["X-Session-ID": "none"]).status == 404)
        }
    }

    @Test("An idempotency key holds for the session that a header names, and for no other")
    func keyOfASessionlessCall() async throws {
        try await withPlatform { platform in
            let sessions = [try await platform.memory.begin(unique("n")), try await platform.memory.begin(unique("n"))]
            let names = [("x-user-id", [unique("first"), unique("second")]), ("X-Session-ID", sessions)]
            for (name, values) in names {
                let key = unique("key")
                var answers: [Int] = []
                for value in values {
                    let headers: HTTPClientHeaders = [name: value, "Idempotency-Key": key]
                    for _ in 1...2 {
                        let body = Array(#"{"strings":["x"]}"#.utf8)
                        answers.append(
                            try await platform.client.request("POST", "/observe", body: body, headers: headers).status
                        )
                    }
                }
                #expect(answers == [200, 200, 422, 422], "\(name)")
            }
        }
    }

    @Test("What a session observes and does not learn may take so much memory, and what is more is refused whole")
    func shortTermMemoryLimit() async throws {
        var options = PlatformOptions()
        options.startsWorker = false
        options.startsExecutor = false
        options.gateway["PARLEY_MEMORY_STM_MAX"] = "64KiB"
        try await withOwnPlatform(options) { platform in
            let memory = platform.memory
            let session = try await memory.begin("node")
            // Seven of 9,000 bytes and a little have room, eight have not.
            let text = JSONValue.string(String(repeating: "x", count: 9000))
            let body: JSONValue = ["strings": ["a"], "metadata": ["note": text]]
            for _ in 0..<7 { #expect(try await memory.observe(session, body).status == 200) }
            let sequence: JSONValue = ["observations": [["strings": ["b"]], body]]
            for _ in 0..<2 {
                let large = try await memory.observe(session, body, key: "the-same")
                #expect(large.status == 422 && large.fields == ["observation"], "\(large.json.string)")
                let reason = large.json["errors"]?[0]?["reason"]?.stringValue ?? ""
                #expect(reason.contains("at most 65536") && reason.contains("learn or clear it"), "\(reason)")
                let several = try await memory.post("/sessions/\(session)/observe-sequence", sequence)
                #expect(several.status == 422 && several.fields == ["observations"])
            }
            #expect(try await memory.memory(session) == Array(repeating: ["a"], count: 7), "nothing is changed")
            let small = try await memory.observe(session, ["b"])
            #expect(small.json["time"]?.intValue == 8 && small.json["stm_length"]?.intValue == 8)
            _ = try await memory.learn(session)
            #expect(try await memory.observe(session, body).status == 200, "there is room again")
        }
    }
}
