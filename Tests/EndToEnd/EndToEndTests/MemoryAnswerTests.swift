import JSON
import TestKit
import Testing

/// Every answer of the memory as a whole, word for word, and as the description of the API has it.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct MemoryAnswerTests {
    private static let defaults: JSONValue = [
        "max_pattern_length": 0, "persistence": 5, "recall_threshold": 0.1, "stm_mode": "CLEAR",
        "max_predictions": 100, "sort_symbols": true, "process_predictions": true, "use_token_matching": true,
        "fuzzy_token_threshold": 0, "rank_sort_algo": "potential", "affinity_emotive": nil, "filter_pipeline": [],
    ]

    @Test("A session: begun, counted, looked up, configured, extended, ended")
    func sessions() async throws {
        try await withPlatform { platform in
            var caller = try await MemoryCaller(platform)
            let node = JSONValue.string(caller.node)
            #expect(try await caller.call("GET /sessions/count") == ["active_session_count": 0])
            let begun = try await caller.call(
                "POST /sessions",
                ["node_id": node, "metadata": ["a": [1, "x"]], "ttl_seconds": 600, "config": ["persistence": 3]]
            )
            let keys = [
                "created_at", "expires_at", "metadata", "node_id", "session_config", "session_id", "ttl_seconds",
            ]
            #expect(begun.objectValue?.keys.sorted() == keys)
            caller.session = try #require(begun["session_id"]?.stringValue)
            let session = JSONValue.string(caller.session)
            #expect(begun["node_id"] == node && begun["metadata"] == ["a": [1, "x"]] && begun["ttl_seconds"] == 600)
            #expect(begun["created_at"]?.isMoment == true && begun["expires_at"]?.isMoment == true)
            let lasts = try await platform.sql(
                "SELECT extract(epoch FROM timestamptz '\(begun["expires_at"]?.stringValue ?? "")'"
                    + " - timestamptz '\(begun["created_at"]?.stringValue ?? "")')::int"
            )
            #expect(lasts == "600")
            for (key, value) in Self.defaults.objectValue?.map({ ($0.key, $0.value) }) ?? [] {
                #expect(begun["session_config"]?[key] == (key == "persistence" ? 3 : value), "\(key)")
            }
            #expect(try await caller.call("GET /sessions/count") == ["active_session_count": 1])
            let found = try await caller.call("GET /sessions/{id}")
            #expect(found.objectValue?.keys.sorted() == keys)
            for key in keys where !["expires_at", "ttl_seconds"].contains(key) { #expect(found[key] == begun[key]) }
            #expect((1...600).contains(found["ttl_seconds"]?.intValue ?? 0))
            let here: JSONValue = ["exists": true, "expired": false, "session_id": session]
            #expect(try await caller.call("GET /sessions/{id}/exists") == here)

            let changed: JSONValue = ["status": "okay", "session_id": session, "message": "Configuration updated"]
            #expect(try await caller.call("POST /sessions/{id}/config", ["recall_threshold": 0.5]) == changed)
            var config = try #require(begun["session_config"]?.objectValue)
            config.set("recall_threshold", 0.5)
            let settings: JSONValue = ["session_id": session, "config": .object(config)]
            #expect(try await caller.call("GET /sessions/{id}/config") == settings)
            let bad = try await caller.call("POST /sessions/{id}/config", ["recall_threshold": 1.5], status: 400)
            #expect(bad["validation_errors"]?.objectValue?.keys == ["recall_threshold"])
            let extended: JSONValue = ["status": "extended", "session_id": session, "ttl_seconds": 7000]
            #expect(try await caller.call("POST /sessions/{id}/extend", query: "?ttl_seconds=7000") == extended)

            let deleted: JSONValue = ["status": "deleted", "session_id": session]
            #expect(try await caller.call("DELETE /sessions/{id}") == deleted)
            let gone: JSONValue = ["exists": false, "expired": false, "session_id": session]
            #expect(try await caller.call("GET /sessions/{id}/exists") == gone)
            #expect(try await caller.call("GET /sessions/count") == ["active_session_count": 0])
            try await expectUnknown(caller)
        }
    }

    /// An unknown session is answered in the same words on every call.
    private func expectUnknown(_ caller: MemoryCaller) async throws {
        let unknown: JSONValue = [
            "error": [
                "code": "SESSION_NOT_FOUND", "message": .string("Session \(caller.session) not found or expired"),
                "session_id": .string(caller.session),
            ]
        ]
        for path in ["", "/config", "/stm", "/predictions", "/percept-data", "/cognition-data"] {
            #expect(try await caller.call("GET /sessions/{id}\(path)", status: 404) == unknown)
        }
        let writes: [(String, JSONValue?)] = [
            ("observe", ["strings": ["a"]]), ("observe-sequence", ["observations": []]), ("learn", nil),
            ("clear-stm", nil), ("clear-all", nil), ("finalize-training", nil), ("extend", nil), ("config", [:]),
        ]
        for (path, body) in writes {
            #expect(try await caller.call("POST /sessions/{id}/\(path)", body, status: 404) == unknown)
        }
        #expect(try await caller.call("DELETE /sessions/{id}", status: 404) == unknown)
    }

    @Test("What is observed and learned: percept, cognition, STM, pattern, symbols, affinity, training, clearing")
    func learning() async throws {
        try await withPlatform { platform in
            var caller = try await MemoryCaller(platform)
            caller.session = try await caller.memory.begin(caller.node)
            let (session, node) = (JSONValue.string(caller.session), JSONValue.string(caller.node))
            let nothing: JSONValue = ["percept_data": [:], "session_id": session, "node_id": node]
            #expect(try await caller.call("GET /sessions/{id}/percept-data") == nothing)
            let percept: JSONValue = [
                "strings": ["b", "a"], "vectors": [], "emotives": ["joy": 2.5], "metadata": ["k": ["v", 1]],
            ]
            var observation = try #require(percept.objectValue)
            observation.set("unique_id", "u1")
            let observed: JSONValue = [
                "status": "okay", "session_id": session, "processor_id": node, "stm_length": 1, "time": 1,
                "unique_id": "u1", "auto_learned_pattern": nil,
            ]
            #expect(try await caller.call("POST /sessions/{id}/observe", .object(observation)) == observed)
            let seen: JSONValue = ["percept_data": percept, "session_id": session, "node_id": node]
            #expect(try await caller.call("GET /sessions/{id}/percept-data") == seen)
            let thought: JSONValue = [
                "cognition_data": [
                    "predictions": [], "future_potentials": [], "emotives": ["joy": 2.5], "symbols": ["a", "b"],
                    "short_term_memory": [["a", "b"]], "metadata": ["k": ["['v', 1]"]], "time": 1,
                ], "session_id": session, "node_id": node,
            ]
            #expect(try await caller.call("GET /sessions/{id}/cognition-data") == thought)
            let held: JSONValue = ["stm": [["a", "b"]], "session_id": session, "length": 1]
            #expect(try await caller.call("GET /sessions/{id}/stm") == held)

            let hex = "395314cc2f2880a00c3e6e11f1e02d8b8c45a0e4"
            let learned: JSONValue = [
                "status": "learned", "pattern_name": .string("PTRN|\(hex)"), "session_id": session,
                "processor_id": node, "message": .string("Learned pattern PTRN|\(hex) from 1 events"),
            ]
            #expect(try await caller.call("POST /sessions/{id}/learn") == learned)
            let empty = try await caller.call("POST /sessions/{id}/learn", status: 400)
            #expect(empty["detail"] == "Cannot learn from empty STM")
            try await expectNode(caller, hex: hex)
            try await expectCleared(caller, hex: hex)
        }
    }

    /// The node knows one pattern, `[["a", "b"]]`.
    private func expectNode(_ caller: MemoryCaller, hex: String) async throws {
        let (query, node) = ("?node_id=\(caller.node)", JSONValue.string(caller.node))
        let pattern: JSONValue = [
            "pattern": [
                "status": "okay",
                "pattern": [
                    "name": .string(hex), "pattern_data": [["a", "b"]], "length": 2, "frequency": 1,
                    "emotives": [["joy": 2.5]], "metadata": ["k": ["['v', 1]"]],
                ],
            ], "node_id": node,
        ]
        for name in [hex, "PTRN%7C\(hex)"] {
            #expect(try await caller.call("GET /pattern/{name}", query: query, names: ["name": name]) == pattern)
        }
        let unknown: JSONValue = ["pattern": ["status": "error", "message": "Pattern no not found"], "node_id": node]
        #expect(try await caller.call("GET /pattern/{name}", query: query, names: ["name": "no"]) == unknown)
        let symbols: JSONValue = [
            "symbols": [
                "a": ["name": "a", "frequency": 1, "pattern_member_frequency": 1],
                "b": ["name": "b", "frequency": 1, "pattern_member_frequency": 1],
            ], "node_id": node,
        ]
        #expect(try await caller.call("GET /symbols/stats", query: query) == symbols)
        let affinities: JSONValue = ["symbols": ["a": ["joy": 2.5], "b": ["joy": 2.5]], "node_id": node]
        #expect(try await caller.call("GET /symbols/affinity", query: query) == affinities)
        for (symbol, joy) in [("a", ["joy": 2.5]), ("none", [:])] as [(String, JSONValue)] {
            let affinity: JSONValue = ["symbol": .string(symbol), "affinity": joy, "node_id": node]
            let answer = try await caller.call(
                "GET /symbols/{symbol}/affinity",
                query: query,
                names: ["symbol": symbol]
            )
            #expect(answer == affinity)
        }
        var trained = try #require(try await caller.call("POST /sessions/{id}/finalize-training").objectValue)
        #expect((0...60_000).contains(trained["time_ms"]?.intValue ?? -1))
        trained.set("time_ms", 0)
        let message = JSONValue.string("The statistics of 1 patterns are up to date")
        let expected: JSONValue = [
            "status": "completed", "patterns_processed": 1, "time_ms": 0, "session_id": .string(caller.session),
            "node_id": node, "message": message,
        ]
        #expect(.object(trained) == expected)
    }

    /// Clearing short-term memory takes the time with it, and clearing all the node's patterns and vectors.
    private func expectCleared(_ caller: MemoryCaller, hex: String) async throws {
        let query = "?node_id=\(caller.node)"
        let observation: JSONValue = ["vectors": [[1, 2]], "strings": ["x"], "emotives": ["joy": 1]]
        _ = try await caller.call("POST /sessions/{id}/observe", observation)
        let session = JSONValue.string(caller.session)
        let cleared: JSONValue = ["status": "cleared", "session_id": session]
        #expect(try await caller.call("POST /sessions/{id}/clear-stm") == cleared)
        let cognition = try await caller.call("GET /sessions/{id}/cognition-data")["cognition_data"]
        #expect(
            cognition == [
                "predictions": [], "future_potentials": [], "emotives": [:], "symbols": [], "short_term_memory": [],
                "metadata": [:], "time": 0,
            ]
        )
        let known = try await caller.call("GET /pattern/{name}", query: query, names: ["name": hex])
        #expect(known["pattern"]?["status"] == "okay", "the node keeps what it has learned")
        _ = try await caller.call("POST /sessions/{id}/observe", ["strings": ["a"]])
        let all: JSONValue = ["status": "cleared", "session_id": session, "scope": "all"]
        #expect(try await caller.call("POST /sessions/{id}/clear-all") == all)
        let forgotten = try await caller.call("GET /pattern/{name}", query: query, names: ["name": hex])
        #expect(forgotten["pattern"]?["status"] == "error")
        #expect(try await caller.call("GET /symbols/stats", query: query)["symbols"] == [:])
        #expect(try await caller.call("GET /sessions/{id}/stm")["length"] == 0)
        // The vector is forgotten too: the one near it stays alone.
        _ = try await caller.call("POST /sessions/{id}/observe", ["vectors": [[1, 3]]])
        #expect(try await caller.memory.memory(caller.session).map(\.count) == [1])
    }
}
