import TestKit

/// An executor that is lost while tools run.
enum ExecutorScenarios {
    /// All of the family.
    static let all: [Scenario] = [
        Scenario(
            name: "executor_kill.one_of_two",
            summary: "one of two executors is killed while tools run, some idempotent and some not",
            needs: [.secondExecutor],
            bars: .init(recovery: .seconds(10)),
            faults: { run in
                try await run.reach(0.3)
                run.parts.effects.hold(true)
                try await eventually("tools that run", timeout: .seconds(60)) { run.parts.effects.inside >= 4 }
                run.markFault()
                try await run.platform.executor.kill9()
                run.parts.effects.hold(false)
            }
        ),
        Scenario(
            name: "executor_kill.only_one",
            summary: "the only executor is killed while tools run, and started again",
            bars: .init(recovery: .seconds(10)),
            faults: { run in
                try await run.reach(0.3)
                run.parts.effects.hold(true)
                try await eventually("tools that run", timeout: .seconds(60)) { run.parts.effects.inside >= 4 }
                run.markFault()
                try await run.platform.executor.kill9()
                run.parts.effects.hold(false)
                try await run.platform.executor.start()
                run.markReturn()
            }
        ),
    ]
}

/// A gateway that is lost with clients connected.
enum GatewayScenarios {
    /// All of the family.
    static let all: [Scenario] = [
        Scenario(
            name: "gateway_kill.one_of_two",
            summary: "one of two gateways is killed with streams connected; clients go to the other one",
            needs: [.secondGateway],
            // What was committed and not yet published is published by others after PARLEY_PUBLISH_AFTER, 3 s.
            bars: .init(recovery: .seconds(5), clientErrors: nil),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                try await run.platform.gateway.kill9()
            }
        ),
        Scenario(
            name: "gateway_kill.only_one",
            summary: "the only gateway is killed with streams connected, and started again",
            // What was committed and not yet published is published by others after PARLEY_PUBLISH_AFTER, 3 s.
            bars: .init(recovery: .seconds(5), clientErrors: nil),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                try await run.platform.gateway.kill9()
                try await run.platform.gateway.start()
                run.markReturn()
            }
        ),
        rollingRestart(
            "paced",
            "two of each service behind a balancer are ended and started in turn, three rounds; each gets its share of "
                + "the work before the next one ends",
            isPaced: true
        ),
        rollingRestart("hasty", "the same, one right after the other", isPaced: false),
    ]

    private static func rollingRestart(_ moment: String, _ summary: String, isPaced: Bool) -> Scenario {
        Scenario(
            name: "rolling_restart.\(moment)",
            summary: summary,
            needs: [.secondGateway, .secondWorker, .secondExecutor, .proxy(.gateway)],
            faults: { run in
                try await run.reach(0.05)
                run.markFault()
                let pairs = [
                    (run.platform.gateway, run.secondGateway), (run.platform.worker, run.secondWorker),
                    (run.platform.executor, run.secondExecutor),
                ]
                for _ in 0..<3 {
                    for service in pairs.flatMap({ [$0, $1].compactMap(\.self) }) {
                        let shares = shareCount(service)
                        try await service.restart()
                        // One for each topic that the service takes work from.
                        let topics = ["parley-worker": 2, "parley-executor": 1][service.program] ?? 0
                        if isPaced { try await settled(service, shares + topics) }
                    }
                }
                run.markReturn()
            }
        )
    }

    private static func settled(_ service: PlatformService, _ count: Int) async throws {
        try await eventually(
            "the share of \(service.program)",
            timeout: .seconds(60),
            interval: .milliseconds(50)
        ) { shareCount(service) >= count }
    }

    /// How often a service was given partitions to work on.
    private static func shareCount(_ service: PlatformService) -> Int {
        service.log.split(separator: "\n").count { $0.contains("partitions are assigned") }
    }
}
