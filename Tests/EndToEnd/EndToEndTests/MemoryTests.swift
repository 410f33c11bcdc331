import HTTPClient
import JSON
import TestKit
import Testing

/// Sessions that remember, over HTTP, with everything real.
@Suite(.timeLimit(.minutes(2)), .serviceLogs)
struct MemoryTests {
    @Test("A newcomer's three calls: observe, learn, predict")
    func whole() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let node = unique("node")
            let session = try await memory.begin(node)
            for word in ["wake", "coffee", "work"] {
                let response = try await memory.observe(session, [word])
                #expect(response.status == 200)
                #expect(response.json["processor_id"]?.stringValue == node)
            }
            #expect(try await memory.memory(session) == [["wake"], ["coffee"], ["work"]])
            let name = try await memory.learn(session)
            // SHA-1 of [['wake'], ['coffee'], ['work']], as Python writes it.
            #expect(name == "PTRN|65bf1bfa749ae1304ed820783118132e56e69f5c")
            #expect(try await memory.memory(session).isEmpty)
            #expect(try await memory.pattern(name, node)?["frequency"]?.intValue == 1)
        }
    }

    @Test("Sessions of one node share patterns and never short-term memory", arguments: [10, 100])
    func isolation(count: Int) async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let node = unique("node")
            let stms = try await withThrowingTaskGroup(of: (Int, [[String]]).self) { group in
                for number in 0..<count {
                    group.addTask {
                        let session = try await memory.begin(node)
                        for step in 0..<5 {
                            let response = try await memory.observe(session, ["s\(number)", "step\(step)"])
                            #expect(response.json["stm_length"]?.intValue == step + 1)
                        }
                        return (number, try await memory.memory(session))
                    }
                }
                var stms: [Int: [[String]]] = [:]
                for try await (number, stm) in group { stms[number] = stm }
                return stms
            }
            #expect(stms.count == count)
            for (number, stm) in stms {
                #expect(stm == (0..<5).map { ["s\(number)", "step\($0)"] })
            }
        }
    }

    @Test("Two devices on one session see one memory")
    func twoDevices() async throws {
        try await withPlatform { platform in
            let other = try platform.addService("parley-gateway")
            try await other.start()
            let phone = platform.memory
            let laptop = MemoryClient(platform.client.onPort(other.port))
            let session = try await phone.begin(unique("node"))
            for step in 0..<10 {
                try await (step % 2 == 0 ? phone : laptop).observe(session, ["e\(step)"])
                #expect(try await phone.memory(session).count == step + 1)
                #expect(try await laptop.memory(session) == (0...step).map { ["e\($0)"] })
            }
            let name = try await laptop.learn(session)
            #expect(name.hasPrefix("PTRN|"))
            #expect(try await phone.memory(session).isEmpty)
            _ = try await other.terminate()
        }
    }

    @Test("Ten observations at once on one session through two gateways are all there, once")
    func concurrentObserves() async throws {
        try await withPlatform { platform in
            let other = try platform.addService("parley-gateway")
            try await other.start()
            let clients = [platform.memory, MemoryClient(platform.client.onPort(other.port))]
            let node = unique("node")
            for round in 0..<5 {
                let session = try await clients[0].begin(node)
                try await withThrowingTaskGroup(of: PlatformResponse.self) { group in
                    for number in 0..<10 {
                        group.addTask { try await clients[number % 2].observe(session, ["r\(round)n\(number)"]) }
                    }
                    var lengths: [Int] = []
                    for try await response in group {
                        #expect(response.status == 200)
                        lengths.append(response.json["stm_length"]?.intValue ?? 0)
                    }
                    #expect(lengths.sorted() == Array(1...10), "each has a place of its own")
                }
                let stm = try await clients[1].memory(session).flatMap(\.self)
                #expect(stm.sorted() == (0..<10).map { "r\(round)n\($0)" }.sorted())
            }
            _ = try await other.terminate()
        }
    }

    @Test("Many sessions learn the same pattern at once: no learning is lost")
    func frequency() async throws {
        try await withPlatform { platform in
            let other = try platform.addService("parley-gateway")
            try await other.start()
            let clients = [platform.memory, MemoryClient(platform.client.onPort(other.port))]
            let node = unique("node")
            let names = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<40 {
                    group.addTask {
                        let memory = clients[number % 2]
                        let session = try await memory.begin(node)
                        try await memory.observe(
                            session,
                            ["strings": ["a", "b"], "emotives": ["joy": 1], "metadata": ["by": .int(number % 4)]]
                        )
                        return try await memory.learn(session)
                    }
                }
                var names: Set<String> = []
                for try await name in group { names.insert(name) }
                return names
            }
            let name = try #require(names.first)
            #expect(names.count == 1)
            for memory in clients {
                let pattern = try #require(try await memory.pattern(name, node))
                #expect(pattern["frequency"]?.intValue == 40)
                #expect(pattern["emotives"]?.arrayValue?.count == 5)
                #expect(pattern["metadata"] == ["by": ["0", "1", "2", "3"]])
            }
            _ = try await other.terminate()
        }
    }

    @Test("Tenants never see each other's nodes and sessions")
    func tenants() async throws {
        try await withPlatform { platform in
            let tenant = MemoryClient(try await platform.makeTenant(unique("tenant")))
            let memory = platform.memory
            let node = unique("node")
            let session = try await memory.begin(node)
            try await memory.observe(session, ["a"])
            try await memory.observe(session, ["b"])
            let name = try await memory.learn(session)
            for path in ["", "/stm", "/predictions", "/config", "/percept-data", "/cognition-data"] {
                #expect(try await tenant.http.get("/sessions/\(session)\(path)").status == 404)
            }
            for path in ["observe", "learn", "clear-stm", "clear-all", "config", "extend", "finalize-training"] {
                let response = try await tenant.post("/sessions/\(session)/\(path)", ["strings": ["x"]])
                #expect(response.status == 404, "\(path)")
                #expect(
                    response.json == [
                        "error": [
                            "code": "SESSION_NOT_FOUND",
                            "message": .string("Session \(session) not found or expired"),
                            "session_id": .string(session),
                        ]
                    ],
                    "\(path): \(response.json.string)"
                )
            }
            #expect(try await tenant.http.get("/sessions/\(session)/exists").json["exists"] == false)
            #expect(try await tenant.http.request("DELETE", "/sessions/\(session)").status == 404)
            #expect(try await tenant.pattern(name, node) == nil)
            let own = try await tenant.begin(node)
            try await tenant.observe(own, ["a"])
            #expect(try await tenant.predictions(own).isEmpty)
            #expect(try await tenant.http.get("/symbols/stats?node_id=\(node)").json["symbols"] == [:])
            #expect(try await tenant.post("/sessions/\(own)/clear-all").status == 200)
            #expect(try await memory.pattern(name, node)?["frequency"]?.intValue == 1)
            #expect(try await memory.http.with(key: nil).get("/sessions/\(session)").status == 401)
        }
    }

    @Test("A session of 2 s that was used after 1.5 s is there after 2.5 s")
    func use() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            for _ in 0..<10 {
                let asked = ContinuousClock.now
                let session = try await memory.begin(unique("node"), ["ttl_seconds": 2])
                let begun = ContinuousClock.now
                try await Task.sleep(until: begun + .milliseconds(1500))
                let used = try await memory.http.get("/sessions/\(session)/stm")
                // A machine that is too busy to use it in time proves nothing.
                guard asked.duration(to: .now) < .milliseconds(1900) else { continue }
                #expect(used.status == 200)
                try await Task.sleep(until: begun + .milliseconds(2500))
                let later = try await memory.http.get("/sessions/\(session)/exists")
                guard asked.duration(to: .now) < .milliseconds(3400) else { continue }
                #expect(later.json["exists"] == true, "use moves the end")
                return
            }
            Issue.record("the machine was too busy ten times")
        }
    }

    @Test("A session of 2 s that nobody uses is gone after 3 s")
    func noUse() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let session = try await memory.begin(unique("node"), ["ttl_seconds": 2])
            try await Task.sleep(for: .seconds(3))
            #expect(try await memory.http.get("/sessions/\(session)/exists").json["exists"] == false)
            #expect(try await memory.observe(session, ["late"]).status == 404)
        }
    }

    @Test("A session of 2 s is there until then, and looking does not keep it; its end is told")
    func expiry() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let socket = try await platform.client.webSocket(path: "/ws/events")
            guard case .message(let snapshot) = try await socket.next() else {
                Issue.record("no snapshot")
                return
            }
            #expect(snapshot["event_type"]?.stringValue == "state.snapshot")
            #expect(snapshot["data"]?["active_sessions"]?.intValue != nil)
            let node = unique("node")
            let used = ContinuousClock.now
            let session = try await memory.begin(node, ["ttl_seconds": 2])
            #expect(try await platform.client.get("/sessions/\(session)/exists").json["exists"] == true)
            try await eventually("the end of the session", timeout: .seconds(60), interval: .milliseconds(20)) {
                try await platform.client.get("/sessions/\(session)/exists").json["exists"] == false
            }
            let lived = used.duration(to: .now)
            #expect(lived > .milliseconds(1900), "it lived for \(lived)")
            for path in ["", "/stm", "/predictions"] {
                let response = try await platform.client.get("/sessions/\(session)\(path)")
                #expect(response.status == 404)
                #expect(response.json["error"]?["code"]?.stringValue == "SESSION_NOT_FOUND")
                #expect(response.json["error"]?["session_id"]?.stringValue == session)
            }
            #expect(try await memory.observe(session, ["late"]).status == 404)
            var told: [String] = []
            while told.last != "session.destroyed", case .message(let event) = try await socket.next() {
                guard event["data"]?["session_id"]?.stringValue == session else { continue }
                told.append(event["event_type"]?.stringValue ?? "")
                if told.last == "session.destroyed" {
                    #expect(event["data"]?["reason"]?.stringValue == "expired")
                }
            }
            #expect(told == ["session.created", "session.destroyed"])
            try await socket.close()
        }
    }

    @Test("The short-term memory keeps the last 1,000 events")
    func longMemory() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let session = try await memory.begin(unique("node"))
            for start in stride(from: 0, to: 1100, by: 50) {
                let list = (start..<start + 50).map { JSONValue.object(["strings": [.string("e\($0)")]]) }
                let response = try await memory.post(
                    "/sessions/\(session)/observe-sequence",
                    ["observations": .array(list)]
                )
                #expect(response.json["observations_processed"]?.intValue == 50)
            }
            let stm = try await memory.memory(session)
            #expect(stm == (100..<1100).map { ["e\($0)"] })
            let response = try await memory.observe(session, ["last"])
            #expect(response.json["stm_length"]?.intValue == 1000)
            #expect(response.json["time"]?.intValue == 1101)
            let rows = try await platform.sql(
                "SELECT count(*) FROM memory_observations WHERE session_id = '\(session)'"
            )
            #expect(rows.contains("1000"), "what is not held any more is deleted: \(rows)")
        }
    }

    @Test("Every writing system comes back as it was")
    func scripts() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let node = unique("node")
            let words = [
                "hello", "Привет", "你好", "مرحبا", "नमस्ते", "שלום", "こんにちは", "e\u{301}", "é", "👩‍👩‍👧‍👦", "\"quoted\"", "it's",
                "back\\slash", "tab\tnew\nline", "{json:[1]}",
            ]
            let session = try await memory.begin(node)
            for word in words { try await memory.observe(session, [word]) }
            // Compared byte by byte: Swift's == would take both spellings of é for the same.
            let stm = try await memory.memory(session).flatMap(\.self).map { Array($0.utf8) }
            #expect(stm == words.map { Array($0.utf8) })
            let name = try await memory.learn(session)
            let stored = try #require(try await memory.pattern(name, node)?["pattern_data"]?.arrayValue)
            #expect(stored.map { $0[0]?.stringValue.map { Array($0.utf8) } } == words.map { Array($0.utf8) })
        }
    }
}
