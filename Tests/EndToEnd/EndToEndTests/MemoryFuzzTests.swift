import HTTPClient
import JSON
import TestKit
import Testing

/// Random requests to every path of the memory: whatever comes, the gateway answers, and says whose fault it is.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct MemoryFuzzTests {
    /// Every path with every method that it knows; `{s}` stands for a session, `{t}` for a text.
    private static let calls: [(method: String, path: String)] = [
        ("POST", "/sessions"), ("GET", "/sessions/count"), ("GET", "/sessions/{s}"), ("DELETE", "/sessions/{s}"),
        ("GET", "/sessions/{s}/exists"), ("GET", "/sessions/{s}/config"), ("POST", "/sessions/{s}/config"),
        ("POST", "/sessions/{s}/extend?ttl_seconds={t}"), ("POST", "/sessions/{s}/observe"),
        ("POST", "/sessions/{s}/observe-sequence"), ("GET", "/sessions/{s}/stm"), ("POST", "/sessions/{s}/learn"),
        ("GET", "/sessions/{s}/predictions"), ("POST", "/sessions/{s}/clear-stm"),
        ("POST", "/sessions/{s}/clear-all"), ("POST", "/sessions/{s}/finalize-training"),
        ("GET", "/sessions/{s}/percept-data"), ("GET", "/sessions/{s}/cognition-data"),
        ("GET", "/pattern/{t}?node_id={t}"), ("GET", "/symbols/stats?node_id={t}"),
        ("GET", "/symbols/affinity?node_id={t}"), ("GET", "/symbols/{t}/affinity?node_id={t}"),
        ("POST", "/observe"), ("GET", "/stm"), ("POST", "/learn"), ("GET", "/predictions"), ("POST", "/clear-stm"),
        ("GET", "/ws/events"),
    ]

    @Test("Whatever comes to whichever path, the answer is no failure of the gateway, and sessions stay as they were")
    func everyPath() async throws {
        try await withPlatform { platform in
            let memory = platform.memory
            let seed = SeededRandom.seed
            print("memory fuzz: seed \(seed)")
            var random = SeededRandom(seed: seed)
            let victim = try await memory.begin(unique("node"))
            let kept = try await memory.begin(unique("node"))
            try await memory.observe(kept, ["here", "to stay"])
            var statuses: [Int: Int] = [:]
            for round in 0..<900 {
                let call = Self.calls[round % Self.calls.count]
                // DELETE would end what the other calls need.
                let named = call.method == "DELETE" || Int.random(in: 0..<4, using: &random) == 0
                let path = Self.prefix(&random) + Self.filled(call.path, named ? Self.text(&random) : victim, &random)
                let body = call.method == "POST" ? Self.randomBody(&random) : []
                var headers: HTTPClientHeaders = [:]
                if call.method == "POST" { headers.append("Content-Type", "application/json") }
                let sender = Int.random(in: 0..<3, using: &random)
                if sender == 0 { headers.append("x-user-id", "fuzz-\(seed)") }
                if sender == 1 { headers.append("X-Session-ID", victim) }
                let response = try await memory.http.request(call.method, path, body: body, headers: headers)
                statuses[response.status, default: 0] += 1
                let sent = "seed \(seed), round \(round): \(call.method) \(path) "
                #expect(response.status < 500, "\(sent + String(decoding: body, as: UTF8.self))")
                if response.status == 422 {
                    #expect(!response.fields.isEmpty || response.code != "invalid_request", "\(sent): no field named")
                }
            }
            #expect(statuses[200, default: 0] > 100 && statuses[422, default: 0] > 50, "\(statuses)")
            #expect(platform.gateway.isRunning)
            #expect(try await memory.memory(kept) == [["here", "to stay"]])
        }
    }

    private static func prefix(_ random: inout SeededRandom) -> String {
        Bool.random(using: &random) ? "" : "/v2"
    }

    private static func filled(_ path: String, _ session: String, _ random: inout SeededRandom) -> String {
        var path = path.replacing("{s}", with: session)
        while path.contains("{t}") { path = path.replacing("{t}", with: text(&random), maxReplacements: 1) }
        return path
    }

    /// A part of a path: escaped text, as any client would send it, or what is no escaped text at all.
    private static func text(_ random: inout SeededRandom) -> String {
        [
            "x", "%00", "%FF%FE", "%C3%A9", "-1", "0", "1e9", "99999999999999999999", "PTRN%7Cx", "%7C", "..", "a%2Fb",
            "PTRN%7C0123456789012345678901234567890123456789", "%", "%zz", String(repeating: "n", count: 300), "null",
        ].randomElement(using: &random) ?? "x"
    }

    private static let names = [
        "strings", "vectors", "emotives", "metadata", "observations", "node_id", "ttl_seconds", "config", "unique_id",
        "learn_at_end", "recall_threshold", "max_pattern_length", "stm_mode", "x",
    ]

    private static func randomBody(_ random: inout SeededRandom) -> [UInt8] {
        var bytes = randomValue(&random, depth: 0).serialized()
        if Int.random(in: 0..<5, using: &random) == 0, !bytes.isEmpty {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        return bytes
    }

    private static func randomValue(_ random: inout SeededRandom, depth: Int) -> JSONValue {
        switch Int.random(in: depth == 0 ? 6..<10 : 0..<(depth > 4 ? 6 : 10), using: &random) {
        case 0: return nil
        case 1: return .bool(Bool.random(using: &random))
        case 2: return .int(Int.random(in: -5...5, using: &random))
        case 3: return .double(Double.random(in: -1e300...1e300, using: &random))
        case 4: return .string(["", "a", "\u{0}", "é", "'\"\\", "👩‍👩‍👧", "PTRN|x"].randomElement(using: &random) ?? "")
        case 5: return .number(.literal("1e999"))
        case 6:
            return .array(
                (0..<Int.random(in: 0...4, using: &random)).map { _ in randomValue(&random, depth: depth + 1) }
            )
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                object.set(names.randomElement(using: &random) ?? "x", randomValue(&random, depth: depth + 1))
            }
            return .object(object)
        }
    }
}
