import TestKit

/// An executor that is lost while tools run.
enum ExecutorScenarios {
    /// All of the family.
    static let all: [Scenario] = [
        Scenario(
            name: "executor_kill.one_of_two",
            summary: "one of two executors is killed while tools run, some idempotent and some not",
            needs: [.secondExecutor],
            bars: .init(recovery: .seconds(20)),
            faults: { run in
                try await run.reach(0.3)
                run.parts.effects.hold(true)
                try await eventually("tools that run", timeout: .seconds(30)) { run.parts.effects.inside >= 4 }
                run.markFault()
                try await run.platform.executor.kill9()
                run.parts.effects.hold(false)
            }
        ),
        Scenario(
            name: "executor_kill.only_one",
            summary: "the only executor is killed while tools run, and started again",
            bars: .init(recovery: .seconds(20)),
            faults: { run in
                try await run.reach(0.3)
                run.parts.effects.hold(true)
                try await eventually("tools that run", timeout: .seconds(30)) { run.parts.effects.inside >= 4 }
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
            bars: .init(recovery: .seconds(5)),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                try await run.platform.gateway.kill9()
            }
        ),
        Scenario(
            name: "gateway_kill.only_one",
            summary: "the only gateway is killed with streams connected, and started again",
            bars: .init(recovery: .seconds(5)),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                try await run.platform.gateway.kill9()
                try await run.platform.gateway.start()
                run.markReturn()
            }
        ),
        Scenario(
            name: "rolling_restart",
            summary: "two of each service behind a balancer are ended and started one after another, three rounds",
            needs: [.secondGateway, .secondWorker, .secondExecutor, .proxy(.gateway)],
            bars: .init(clientErrors: 0),
            faults: { run in
                try await run.reach(0.1)
                run.markFault()
                let pairs = [
                    (run.platform.gateway, run.secondGateway), (run.platform.worker, run.secondWorker),
                    (run.platform.executor, run.secondExecutor),
                ]
                for _ in 0..<3 {
                    for (first, second) in pairs {
                        try await first.restart()
                        try await second?.restart()
                    }
                }
                run.markReturn()
            }
        ),
    ]
}
