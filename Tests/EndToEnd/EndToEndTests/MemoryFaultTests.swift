import HTTPClient
import JSON
import Synchronization
import TestKit
import Testing

/// A gateway that is killed while it remembers: what was answered is there, once.
@Suite(.timeLimit(.minutes(5)), .serviceLogs)
struct MemoryFaultTests {
    private static let clients = 50
    private static let observesPerClient = 20

    @Test("1,000 observes of 50 clients who repeat with a key, over kills of the gateway: each is there exactly once")
    func killed() async throws {
        var options = PlatformOptions()
        options.startsWorker = false
        options.startsExecutor = false
        try await withOwnPlatform(options) { platform in
            let memory = platform.memory
            let node = unique("node")
            var sessions: [String] = []
            for _ in 0..<Self.clients / 2 { sessions.append(try await memory.begin(node)) }
            let answered = Counter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<Self.clients {
                    // Two clients each share a session.
                    let session = sessions[client / 2]
                    group.addTask {
                        for number in 0..<Self.observesPerClient {
                            let name = "c\(client)n\(number)"
                            try await Self.observe(memory, session, name)
                            answered.value.add(1, ordering: .relaxed)
                        }
                    }
                }
                group.addTask {
                    for kill in 1...3 {
                        try await eventually("some answers", timeout: .seconds(120)) {
                            answered.value.load(ordering: .relaxed) >= kill * 200
                        }
                        try await platform.gateway.kill9()
                        try await platform.gateway.start()
                    }
                }
                try await group.waitForAll()
            }
            for (index, session) in sessions.enumerated() {
                let stm = try await memory.memory(session).flatMap(\.self)
                for client in [2 * index, 2 * index + 1] {
                    let own = stm.filter { $0.hasPrefix("c\(client)n") }
                    #expect(own == (0..<Self.observesPerClient).map { "c\(client)n\($0)" })
                }
                #expect(stm.count == 2 * Self.observesPerClient)
                #expect(
                    try await memory.http.get("/sessions/\(session)/cognition-data").json["cognition_data"]?["time"]
                        == .int(2 * Self.observesPerClient)
                )
            }
        }
    }

    /// Observes until it is answered, always under the same key.
    private static func observe(_ memory: MemoryClient, _ session: String, _ name: String) async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < deadline {
            if let response = try? await memory.observe(session, [name], key: name) {
                if response.status == 200 { return }
                guard [409, 503].contains(response.status) else {
                    throw MemoryRefusal("\(response.status) \(response.json.string)")
                }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw MemoryRefusal("\(name) was not answered in time")
    }

    @Test("A learning that is repeated under its key counts once")
    func repeatedLearning() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let node = unique("node")
            let session = try await memory.begin(node)
            try await memory.observe(session, ["a", "b"])
            let key = unique("key")
            let first = try await memory.post("/sessions/\(session)/learn", key: key)
            let again = try await memory.post("/sessions/\(session)/learn", key: key)
            #expect(first.status == 200)
            #expect(again.json == first.json)
            #expect(again.headers["idempotency-replayed"] == "true")
            let name = first.json["pattern_name"]?.stringValue ?? ""
            #expect(try await memory.pattern(name, node)?["frequency"]?.intValue == 1)
            try await memory.observe(session, ["c"], key: key + "-o")
            try await memory.observe(session, ["c"], key: key + "-o")
            #expect(try await memory.memory(session) == [["c"]])
        }
    }

    @Test("A session begun under a key is begun once, its answer kept with it; a name that is taken stays a 409")
    func repeatedBeginning() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let key = unique("key")
            let own = unique("session")
            let body: JSONValue = [
                "node_id": .string(unique("node")), "session_id": .string(own), "metadata": ["é": 1],
            ]
            let first = try await memory.post("/sessions", body, key: key)
            #expect(first.status == 200)
            // The row of the answer and that of the session are of one transaction.
            let isOne = try await platform.sql(
                """
                SELECT i.xmin = s.xmin FROM idempotency_keys i, memory_sessions s
                WHERE i.idempotency_key = '\(key)' AND s.session_id = '\(own)'
                """
            )
            #expect(isOne.contains("t"), "\(isOne)")
            for _ in 0..<3 {
                let again = try await memory.post("/sessions", body, key: key)
                #expect(again.body == first.body)
                #expect(again.headers["idempotency-replayed"] == "true")
            }
            #expect(try await memory.post("/sessions", body, key: key + "-2").status == 409)
            #expect(try await memory.post("/sessions", ["node_id": "other"], key: key).status == 422)
            // Without a name of its own, too: however many at once, one session.
            let nameless: JSONValue = ["node_id": .string(unique("node"))]
            let many = unique("key")
            let names = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await memory.post("/sessions", nameless, key: many).json["session_id"]?.stringValue
                    }
                }
                return try await group.reduce(into: Set<String>()) { names, name in
                    if let name { names.insert(name) }
                }
            }
            #expect(names.count == 1)
            let begun = try await platform.sql(
                "SELECT count(*) FROM memory_sessions WHERE node_id = '\(nameless["node_id"]?.stringValue ?? "")'"
            )
            #expect(begun.contains("1"))
        }
    }

    @Test("The port for programs of this machine needs no credential, serves tenant default, and no web pages")
    func compatibility() async throws {
        let port = try freePort()
        var options = PlatformOptions()
        options.startsWorker = false
        options.startsExecutor = false
        options.gateway["PARLEY_MEMORY_COMPAT_PORT"] = "\(port)"
        try await withOwnPlatform(options) { platform in
            let local = MemoryClient(platform.client.with(key: nil).onPort(port))
            let session = try await local.begin("node")
            try await local.observe(session, ["a"])
            #expect(try await platform.memory.memory(session) == [["a"]])
            #expect(try await local.http.get("/v1/tools").status == 404)
            for path in ["/health", "/v2/health"] {
                let health = try await local.http.get(path)
                #expect(health.status == 200)
                #expect(health.json["status"]?.stringValue == "healthy")
                #expect(health.json["active_sessions"] == 1)
            }
            let page: HTTPClientHeaders = ["Origin": "http://evil.example"]
            #expect(try await local.http.request("GET", "/sessions/\(session)", headers: page).status == 403)
            let rebound: HTTPClientHeaders = ["Host": "evil.example"]
            #expect(try await local.http.request("GET", "/sessions/\(session)", headers: rebound).status == 403)
        }
    }
}

/// A number that several tasks count up.
private final class Counter: Sendable {
    let value = Atomic(0)
}
