import TestKit

/// Sessions that remember, over HTTP, durable before each answer.
enum MemoryServiceBenchmark {
    private static let rounds = 3

    /// Measures with the gateway alone: no worker and no executor runs.
    static func run(_ report: inout Report) async throws {
        var options = PlatformOptions()
        options.startsWorker = false
        options.startsExecutor = false
        options.environment = BenchmarkSettings.environment
        options.ownsPostgres = true
        options.postgresSettings = BenchmarkSettings.postgres
        try await withOwnPlatform(options) { platform in
            guard let key = platform.client.key else { throw BenchmarkError("the platform has no key") }
            let load = Requests(key: key)
            try await create(platform, load, &report)
            try await observe(platform, load, &report)
            try await share(platform, load, &report)
            try await burst(platform, load, &report)
        }
    }

    private static func create(_ platform: Platform, _ load: Requests, _ report: inout Report) async throws {
        var quantiles: [Double] = []
        for round in 0..<rounds {
            let clients = (0..<100).map { client in
                (0..<10).map { load.create("c\(round)-\(client)-\($0)", node: "n\(client)") }
            }
            let outcome = try await run(platform, clients)
            quantiles.append(outcome.quantile(0.99, "create"))
        }
        report.add(
            "memory: session begun, p99 with 100 at once",
            "\(median(quantiles).rounded(to: 1)) ms",
            bar: "≤ 20 ms",
            isMet: median(quantiles) <= 20
        )
    }

    private static func observe(_ platform: Platform, _ load: Requests, _ report: inout Report) async throws {
        var rates: [Double] = []
        for round in 0..<rounds {
            let sessions = (0..<100).map { "o\(round)-\($0)" }
            // Each node has ten patterns of what is observed, so that each observation has predictions to compute.
            _ = try await run(
                platform,
                sessions.map { node in [load.create(node, node: node)] + (0..<10).map { load.teachSteps(node, $0) } }
            )
            let before = try await computed(platform)
            let outcome = try await run(
                platform,
                sessions.map { session in (0..<20).map { load.observe(session, ["s\($0)", "t"]) } }
            )
            let predictions = try await computed(platform) - before
            guard predictions > 1900 else { throw BenchmarkError("only \(predictions) of 2,000 predictions computed") }
            rates.append(Double(outcome.count) / outcome.elapsed.seconds)
            let whole = try await platform.sql(
                """
                SELECT count(*) FROM (SELECT FROM memory_observations WHERE session_id LIKE 'o\(round)-%'
                GROUP BY session_id HAVING count(*) = 20) AS whole
                """
            )
            guard whole.contains("100") else { throw BenchmarkError("sessions with 20 events: \(whole) of 100") }
        }
        report.add(
            "memory: observes/s with predictions, 100 sessions × 20 at once, each on its node of 10 patterns",
            "\(median(rates).rounded(to: 0))",
            bar: "≥ 3,000",
            isMet: median(rates) >= 3000
        )
    }

    /// How many predictions the gateway has computed.
    private static func computed(_ platform: Platform) async throws -> Int {
        let text = String(decoding: try await platform.client.get("/metrics").body, as: UTF8.self)
        let line = text.split(separator: "\n").first {
            $0.hasPrefix(#"parley_memory_predictions_total{result="computed"}"#)
        }
        return line.flatMap { Int($0.split(separator: " ").last ?? "") } ?? 0
    }

    private static func share(_ platform: Platform, _ load: Requests, _ report: inout Report) async throws {
        _ = try await run(platform, (0..<16).map { [load.create("shared-\($0)", node: "shared")] })
        _ = try await run(
            platform,
            (0..<8).map { client in (0..<125).map { load.teach("shared-\(client)", client * 125 + $0) } }
        )
        let outcome = try await run(
            platform,
            (0..<16).map { client in
                (0..<60).flatMap { step in
                    let session = "shared-\(client)"
                    let symbols = ["a\((client * 7 + step) % 40)", "b\((client + step) % 25)"]
                    let pair = [load.observe(session, symbols), load.predict(session)]
                    return step % 5 == 0 ? [load.clear(session)] + pair : pair
                }
            }
        )
        for (kind, name) in [("observe", "observe"), ("predict", "predictions")] {
            report.add(
                "memory: \(name), p99, 16 sessions of one node with 1,000 patterns",
                "\(outcome.quantile(0.99, kind).rounded(to: 1)) ms",
                bar: "≤ 50 ms",
                isMet: outcome.quantile(0.99, kind) <= 50
            )
        }
        report.note("all of it: \(Int(Double(outcome.count) / outcome.elapsed.seconds)) requests/s")
    }

    private static func burst(_ platform: Platform, _ load: Requests, _ report: inout Report) async throws {
        let sessions = (0..<50).map { "burst-\($0)" }
        _ = try await run(platform, sessions.map { [load.create($0, node: $0)] })
        var ratios: [Double] = []
        var latencies: [Double] = []
        for _ in 0..<9 {
            let single = try await run(platform, [sessions.map { load.observe($0, ["x"]) }])
            let burst = try await run(platform, sessions.map { [load.observe($0, ["x"])] })
            ratios.append(burst.elapsed.milliseconds / single.elapsed.milliseconds)
            latencies.append(burst.mean("observe") / single.mean("observe"))
        }
        report.add(
            "memory: burst of 50 at once, time per request ÷ that of 50 one by one",
            "\(median(ratios).rounded(to: 2))",
            bar: "≤ 2",
            isMet: median(ratios) <= 2
        )
        report.note("one answer in the burst takes \(median(latencies).rounded(to: 1)) times as long as alone")
    }

    private static func run(
        _ platform: Platform,
        _ clients: [[MemoryLoad.Request]]
    ) async throws -> MemoryLoad.Outcome {
        let outcome = try await MemoryLoad.run(port: platform.gateway.port, clients)
        guard outcome.errors == 0 else { throw BenchmarkError("\(outcome.errors) requests failed") }
        return outcome
    }

    /// Makes requests.
    private struct Requests: Sendable {
        let key: String

        func create(_ session: String, node: String) -> MemoryLoad.Request {
            post("create", "/sessions", #"{"session_id":"\#(session)","node_id":"\#(node)"}"#)
        }

        func observe(_ session: String, _ strings: [String]) -> MemoryLoad.Request {
            let list = strings.map { "\"\($0)\"" }.joined(separator: ",")
            return post(
                "observe",
                "/sessions/\(session)/observe",
                #"{"strings":[\#(list)],"vectors":[],"emotives":{}}"#
            )
        }

        /// A pattern of four events, another one for each number.
        func teach(_ session: String, _ number: Int) -> MemoryLoad.Request {
            let events = (0..<4).map { step in
                #"{"strings":["a\#((number + step * 11) % 40)","b\#((number / 40 + step) % 25)"]}"#
            }.joined(separator: ",")
            return post(
                "teach",
                "/sessions/\(session)/observe-sequence",
                #"{"observations":[\#(events)],"learn_at_end":true}"#
            )
        }

        /// A pattern of four of the events that sessions of their own nodes observe.
        func teachSteps(_ session: String, _ number: Int) -> MemoryLoad.Request {
            let events = (0..<4).map { #"{"strings":["s\#((number * 2 + $0) % 20)","t"]}"# }.joined(separator: ",")
            return post(
                "teach",
                "/sessions/\(session)/observe-sequence",
                #"{"observations":[\#(events)],"learn_at_end":true}"#
            )
        }

        func clear(_ session: String) -> MemoryLoad.Request { post("clear", "/sessions/\(session)/clear-stm", "{}") }

        func predict(_ session: String) -> MemoryLoad.Request {
            .init(kind: "predict", bytes: LoadProtocols.get("/sessions/\(session)/predictions", key: key))
        }

        private func post(_ kind: String, _ path: String, _ body: String) -> MemoryLoad.Request {
            .init(kind: kind, bytes: LoadProtocols.post(path, key: key, body: body))
        }
    }
}
