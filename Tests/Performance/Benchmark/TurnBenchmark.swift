import HTTPClient
import TestKit

/// Whole turns, with a model that answers at once: throughput, CPU, latency, memory.
enum TurnBenchmark {
    private static let sessions = 64
    private static let idleWebSockets = 2000

    /// Measures on one platform with everything running.
    static func run(_ report: inout Report) async throws {
        var options = PlatformOptions()
        options.environment = BenchmarkSettings.environment
        options.ownsPostgres = true
        options.postgresSettings = BenchmarkSettings.postgres
        try await withOwnPlatform(options) { platform in
            guard let key = platform.client.key else { throw BenchmarkError("the platform has no key") }
            try await Task.sleep(for: .seconds(3))
            try memory(platform, &report)
            try await latency(platform, key, &report)
            try await throughput(platform, key, &report)
            try await webSockets(platform, key, &report)
        }
    }

    private static func services(_ platform: Platform) throws -> [(name: String, pid: Int32)] {
        try [platform.gateway, platform.worker, platform.executor].map { service in
            guard let process = service.process else { throw BenchmarkError("\(service.program) does not run") }
            return (service.program, process.pid)
        }
    }

    private static func memory(_ platform: Platform, _ report: inout Report) throws {
        for service in try services(platform) {
            let megabytes = Double(try ProcessUsage(pid: service.pid).residentBytes) / 1_048_576
            report.add(
                "\(service.name), memory when idle",
                "\(megabytes.rounded(to: 1)) MB",
                bar: "≤ 60 MB",
                isMet: megabytes <= 60
            )
        }
    }

    private static func latency(_ platform: Platform, _ key: String, _ report: inout Report) async throws {
        let model = try await modelLatency(platform)
        let load = try await TurnLoad.run(
            port: platform.gateway.port,
            key: key,
            sessions: 1,
            warmUp: .seconds(2),
            duration: .seconds(8),
            label: "latency"
        )
        guard load.failed == 0, load.answered > 0 else { throw BenchmarkError("\(load.failed) turns failed") }
        let (p50, p99) = (load.latency(0.5).milliseconds - model, load.latency(0.99).milliseconds - model)
        report.note("the model's own answer: \(model.rounded(to: 1)) ms; \(load.answered) turns")
        report.add(
            "one session, overhead of a turn over the model",
            "p50 \(p50.rounded(to: 1)) ms, p99 \(p99.rounded(to: 1)) ms",
            bar: "p50 ≤ 20 ms, p99 ≤ 50 ms",
            isMet: p50 <= 20 && p99 <= 50
        )
    }

    /// How long the model takes by itself, in milliseconds, over a connection that is open already.
    private static func modelLatency(_ platform: Platform) async throws -> Double {
        let pool = try HTTPClientPool()
        let body = #"{"model":"scripted","stream":true,"messages":[{"role":"user","content":"\#(Workload.message)"}]}"#
        var samples: [Double] = []
        for _ in 0..<200 {
            let started = ContinuousClock.now
            _ = try await pool.send(
                HTTPClientRequest(
                    method: "POST",
                    url: platform.model.server.baseURL + "/chat/completions",
                    headers: ["content-type": "application/json"],
                    body: Array(body.utf8)
                )
            )
            samples.append(started.duration(to: .now).milliseconds)
        }
        await pool.shutDown()
        return median(samples)
    }

    private static func throughput(_ platform: Platform, _ key: String, _ report: inout Report) async throws {
        let processes = try services(platform)
        let before = try processes.map { try ProcessUsage(pid: $0.pid).cpu }
        let started = ContinuousClock.now
        let load = try await TurnLoad.run(
            port: platform.gateway.port,
            key: key,
            sessions: sessions,
            warmUp: .seconds(3),
            duration: .seconds(12),
            label: "throughput"
        )
        let whole = started.duration(to: .now)
        guard load.failed == 0, load.answered > 0 else { throw BenchmarkError("\(load.failed) turns failed") }
        report.add(
            "whole turns/s at 64 sessions",
            "\(load.perSecond.rounded(to: 0)) (p50 \(load.latency(0.5).milliseconds.rounded(to: 0)) ms, "
                + "p99 \(load.latency(0.99).milliseconds.rounded(to: 0)) ms)",
            bar: "≥ 500",
            isMet: load.perSecond >= 500
        )
        // The CPU of the warm-up is in the number, so the turns of it are too, at the rate that was measured.
        let turns = load.perSecond * whole.seconds
        var total = 0.0
        for (index, process) in processes.enumerated() {
            let used = try ProcessUsage(pid: process.pid).cpu - before[index]
            let perTurn = used.milliseconds / turns
            total += perTurn
            report.note("\(process.name): \(perTurn.rounded(to: 2)) ms of CPU a turn")
        }
        report.add("CPU of our processes a turn", "\(total.rounded(to: 2)) ms", bar: "≤ 2 ms", isMet: total <= 2)
    }

    private static func webSockets(_ platform: Platform, _ key: String, _ report: inout Report) async throws {
        guard let gateway = platform.gateway.process?.pid else { throw BenchmarkError("the gateway does not run") }
        let before = try ProcessUsage(pid: gateway).residentBytes
        let end = try await TurnLoad.idle(port: platform.gateway.port, key: key, count: idleWebSockets)
        try await Task.sleep(for: .seconds(5))
        let added = Double(try ProcessUsage(pid: gateway).residentBytes - before) / 1_048_576
        report.add(
            "2,000 idle WebSockets add to the gateway",
            "\(added.rounded(to: 1)) MB",
            bar: "≤ 20 MB",
            isMet: added <= 20
        )
        end()
    }
}
