import TestKit

/// Messages that are accepted, durable before their 200, against plain inserts of such rows by pgbench.
enum AcceptBenchmark {
    private static let connections = 64
    private static let sessions = 4000
    private static let seconds = 8
    private static let rounds = 3

    /// Measures in turns, because a machine's speed drifts, and reports the median of the ratios.
    static func run(_ report: inout Report) async throws {
        var options = PlatformOptions()
        options.startsWorker = false
        options.startsExecutor = false
        options.environment = BenchmarkSettings.environment
        options.ownsPostgres = true
        options.postgresSettings = BenchmarkSettings.postgres
        // Nobody works here: what counts is how fast messages become durable.
        options.environment["PARLEY_SESSION_OPEN_TURNS_MAX"] = "1000000"
        options.environment["PARLEY_TENANT_OPEN_TURNS_MAX"] = "1000000000"
        // And nobody marks them as processed: with the local deadline each would be published again every 5 s.
        options.environment["PARLEY_REPUBLISH_AFTER"] = "60s"
        options.environment["PARLEY_PUBLISH_AFTER"] = "60s"
        try await withOwnPlatform(options) { platform in
            // The row of a message as it is stored, with its constraints and indexes.
            try await platform.sql("CREATE TABLE bench_messages (LIKE session_events INCLUDING ALL)")
            // How often statistics are made is a setting of the partitions, which LIKE does not copy.
            try await platform.sql("ALTER TABLE bench_messages SET (autovacuum_analyze_scale_factor = 1)")
            guard let key = platform.client.key else { throw BenchmarkError("the platform has no key") }
            var ratios: [Double] = []
            var ours: [Double] = []
            var theirs: [Double] = []
            for _ in 0..<rounds {
                let inserts = try await pgbench(platform)
                let load = try await AcceptLoad.run(
                    port: platform.gateway.port,
                    key: key,
                    connections: connections,
                    sessions: sessions,
                    duration: .seconds(seconds)
                )
                guard load.refused == 0 else { throw BenchmarkError("\(load.refused) messages were not accepted") }
                ours.append(load.perSecond)
                theirs.append(inserts)
                ratios.append(load.perSecond / inserts)
            }
            let ratio = median(ratios)
            report.add(
                "accepted messages/s at 64 connections",
                "\(median(ours).rounded(to: 0)), \(ratio.rounded(to: 2)) × pgbench's \(median(theirs).rounded(to: 0))",
                bar: "≥ 1.0 × pgbench",
                isMet: ratio >= 1
            )
        }
    }

    private static func pgbench(_ platform: Platform) async throws -> Double {
        let script = try TemporaryFile.write(
            """
            \\set session random(1, \(sessions))
            \\set seq random(1, 1000000000000000)
            INSERT INTO bench_messages (tenant_id, session_id, seq, turn_seq, event_id, role, type, message)
            VALUES ('default', 'accept-' || :session, :seq, :seq, gen_random_uuid()::text, 'user', 'message',
                '\(Workload.message)');
            """
        )
        let database = platform.database
        // Over TCP on the loopback device, as the gateway's clients come.
        let result = try await ChildProcess.run(
            try Programs.find("pgbench"),
            [
                "-n", "-M", "prepared", "-c", "\(connections)", "-j", "2", "-T", "\(seconds)", "-f", script,
                "-h", "127.0.0.1", "-p", "\(database.port)", "-U", database.user, database.database,
            ]
        )
        let line = result.standardOutput.split(separator: "\n").first { $0.hasPrefix("tps = ") }
        guard let number = line?.dropFirst(6).prefix(while: { $0.isNumber || $0 == "." }), let tps = Double(number)
        else {
            throw BenchmarkError("pgbench did not say how fast it was: \(result.standardError)")
        }
        return tps
    }
}

/// The middle one of some numbers.
func median(_ numbers: [Double]) -> Double {
    let sorted = numbers.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
}

/// Settings of the platform that is measured: those of the local stack, without the tests' short deadlines.
enum BenchmarkSettings {
    static let environment = [
        "PARLEY_LOG_LEVEL": "warning",
        "PARLEY_LEASE_DURATION": "2500ms",
        "PARLEY_REPUBLISH_AFTER": "5s",
        "PARLEY_DATABASE_POOL_SIZE": "16",
        "PARLEY_TOPIC_PARTITIONS": "8",
    ]

    /// Settings of the local stack's Postgres.
    static let postgres = ["shared_buffers": "256MB", "autovacuum_naptime": "5s"]
}
