import TestKit

/// A broker that is killed, and with it everything that it held.
enum BrokerScenarios {
    /// All of the family.
    static let all: [Scenario] = [
        Scenario(
            name: "broker_kill",
            summary: "the broker, which keeps everything in memory, is killed and started again empty, three times",
            bars: .init(recovery: .seconds(10)),
            faults: { run in
                for part in [0.2, 0.45, 0.7] {
                    try await run.reach(part)
                    run.markFault()
                    try await run.platform.broker.kill9()
                    try await run.platform.broker.server.start()
                    run.markReturn()
                }
            }
        ),
        Scenario(
            name: "broker_stall",
            summary: "the broker stands still for 20 s (SIGSTOP), longer than records are tried to be delivered",
            bars: .init(recovery: .seconds(10)),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                run.platform.broker.server.pause()
                try await Task.sleep(for: .seconds(20))
                run.platform.broker.server.resume()
                run.markReturn()
            }
        ),
        Scenario(
            name: "broker_outage",
            summary: "the broker is away for 30 s and comes back empty",
            bars: .init(recovery: .seconds(10)),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                try await run.platform.broker.kill9()
                try await Task.sleep(for: .seconds(30))
                try await run.platform.broker.server.start()
                run.markReturn()
            }
        ),
    ]
}

/// A database that crashes, or is away.
enum DatabaseScenarios {
    /// All of the family.
    static let all: [Scenario] = [
        Scenario(
            name: "db_restart",
            summary: "Postgres ends in immediate mode, as in a crash, and is started again, three times",
            bars: .init(recovery: .seconds(10)),
            faults: { run in
                for part in [0.2, 0.45, 0.7] {
                    try await run.reach(part)
                    run.markFault()
                    try await run.platform.postgres.stopImmediately()
                    try await run.platform.postgres.startAgain()
                    run.markReturn()
                }
            }
        ),
        Scenario(
            name: "random_failures.database",
            summary:
                "30 % of all transactions that write fail at their first write: conflicts, deadlocks, shutdowns, locks",
            prepare: { try await $0.sql(FailingTransactions.prepare) },
            faults: { run in
                try await run.reach(0.1)
                run.markFault()
                try await run.platform.sql(FailingTransactions.begin)
                try await run.reach(0.9)
                try await run.platform.sql(FailingTransactions.end)
                run.markReturn()
            }
        ),
        Scenario(
            name: "db_outage",
            summary: "Postgres is away for 20 s",
            bars: .init(recovery: .seconds(10)),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                try await run.platform.postgres.stopImmediately()
                try await Task.sleep(for: .seconds(20))
                try await run.platform.postgres.startAgain()
                run.markReturn()
            }
        ),
    ]
}

/// A cache that is away.
enum CacheScenarios {
    /// All of the family.
    static let all: [Scenario] = [
        Scenario(
            name: "cache_outage",
            summary: "Redis is killed, away for 10 s, and comes back empty",
            bars: .init(recovery: .seconds(10)),
            pauseMax: .milliseconds(800),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                try await run.platform.redis.kill9()
                try await Task.sleep(for: .seconds(10))
                try await run.platform.redis.server.start()
                run.markReturn()
            }
        ),
        Scenario(
            name: "cache_stall",
            summary: "Redis stands still for 10 s: connections stay open and nothing answers",
            bars: .init(recovery: .seconds(10)),
            pauseMax: .milliseconds(800),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                run.platform.redis.server.pause()
                try await Task.sleep(for: .seconds(10))
                run.platform.redis.server.resume()
                run.markReturn()
            }
        ),
    ]
}

/// A policy engine that cannot be asked: what it would decide is denied meanwhile.
enum PolicyScenarios {
    /// All of the family.
    static let all: [Scenario] = [
        scenario(
            "policy_outage.failing",
            "the policy engine answers 503 for 5 s: turns are refused honestly",
            .failing
        ),
        scenario("policy_outage.hanging", "the policy engine answers nothing for 5 s", .hanging),
    ]

    private static func scenario(_ name: String, _ summary: String, _ mood: PolicyServer.Mood) -> Scenario {
        Scenario(
            name: name,
            summary: summary,
            needs: [.policyServer],
            bars: .init(recovery: .seconds(10), mayFail: true),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                run.parts.policy?.setMood(mood)
                try await Task.sleep(for: .seconds(5))
                run.parts.policy?.setMood(.fair)
                run.markReturn()
            }
        )
    }
}
