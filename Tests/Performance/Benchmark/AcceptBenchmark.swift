import TestKit

/// Messages that are accepted, durable before their 200, against inserts of such rows by pgbench.
///
/// A row of a message is one in a table that is split by tenant and session and guarded by row-level security, so
/// pgbench inserts into one like it, as the role of the services. How fast it is without both is noted beside that.
enum AcceptBenchmark {
    private static let connections = 64
    private static let sessions = 4000
    private static let seconds = 6
    private static let rounds = 5

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
            try await platform.sql(tables)
            guard let key = platform.client.key else { throw BenchmarkError("the platform has no key") }
            var (ours, theirs, plain) = ([Double](), [Double](), [Double]())
            for _ in 0..<rounds {
                plain.append(try await pgbench(platform, table: "bench_plain", as: platform.database.user))
                theirs.append(try await pgbench(platform, table: "bench_messages", as: "parley_service"))
                let load = try await AcceptLoad.run(
                    port: platform.gateway.port,
                    key: key,
                    connections: connections,
                    sessions: sessions,
                    duration: .seconds(seconds)
                )
                guard load.refused == 0 else { throw BenchmarkError("\(load.refused) messages were not accepted") }
                ours.append(load.perSecond)
            }
            let ratio = median(zip(ours, theirs).map { $0 / $1 })
            report.add(
                "accepted messages/s at 64 connections",
                "\(median(ours).rounded(to: 0)), \(ratio.rounded(to: 2)) × pgbench's \(median(theirs).rounded(to: 0))",
                bar: "≥ 1.0 × pgbench",
                isMet: ratio >= 1
            )
            let plainRatio = median(zip(ours, plain).map { $0 / $1 })
            report.note(
                "\(plainRatio.rounded(to: 2)) × pgbench's \(median(plain).rounded(to: 0)) into a table without "
                    + "partitions and row-level security, as its owner"
            )
        }
    }

    /// The row of a message as stored, with its constraints and indexes: once in a table that is split and guarded
    /// like that of messages, once in one that is neither.
    private static let tables = """
        CREATE TABLE bench_plain (LIKE session_events INCLUDING ALL);
        ALTER TABLE bench_plain SET (autovacuum_analyze_scale_factor = 1);
        CREATE TABLE bench_messages (LIKE session_events INCLUDING ALL) PARTITION BY HASH (tenant_id, session_id);
        DO $$ BEGIN FOR n IN 0..7 LOOP
            EXECUTE format('CREATE TABLE bench_messages_%s PARTITION OF bench_messages
                FOR VALUES WITH (MODULUS 8, REMAINDER %s) WITH (autovacuum_analyze_scale_factor = 1)', n, n);
        END LOOP; END $$;
        ALTER TABLE bench_messages ENABLE ROW LEVEL SECURITY;
        ALTER TABLE bench_messages FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON bench_messages
            USING (tenant_id = ANY ((SELECT string_to_array(current_setting('parley.tenants', true), ','))::text[]));
        GRANT INSERT ON bench_messages TO parley_service;
        """

    private static func pgbench(_ platform: Platform, table: String, as role: String) async throws -> Double {
        let script = try TemporaryFile.write(
            """
            \\set session random(1, \(sessions))
            \\set seq random(1, 1000000000000000)
            INSERT INTO \(table) (tenant_id, session_id, seq, turn_seq, event_id, role, type, message)
            VALUES ('default', 'accept-' || :session, :seq, :seq, gen_random_uuid()::text, 'user', 'message',
                '\(Workload.message)');
            """
        )
        let database = platform.database
        var configuration = ChildProcess.Configuration()
        // Named once for all transactions of a connection: the gateway has to name the tenant in each of its own.
        var environment = ChildProcess.inheritedEnvironment()
        environment["PGOPTIONS"] = "-c role=\(role) -c parley.tenants=default"
        configuration.environment = environment
        // Over TCP on the loopback device, as the gateway's clients come.
        let result = try await ChildProcess.run(
            try Programs.find("pgbench"),
            [
                "-n", "-M", "prepared", "-c", "\(connections)", "-j", "2", "-T", "\(seconds)", "-f", script,
                "-h", "127.0.0.1", "-p", "\(database.port)", "-U", database.user, database.database,
            ],
            configuration
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
