import TestKit

/// What befalls a whole machine.
enum MachineScenarios {
    /// All of the family.
    static let all: [Scenario] =
        ["gateway", "worker", "executor"].map(clockJump) + [diskFull, everything]

    private static func clockJump(_ service: String) -> Scenario {
        Scenario(
            name: "clock_jump.\(service)",
            summary: "the wall clock of the \(service) jumps an hour ahead, two hours back, and is right again",
            needs: [.jumpingClock(service), .secondWorker],
            bars: .init(recovery: .seconds(5)),
            faults: { run in
                try await run.reach(0.2)
                run.markFault()
                for jump in [Duration.seconds(3600), .seconds(-3600), .zero] {
                    try run.parts.clock?.set(jump)
                    try await Task.sleep(for: .seconds(2))
                }
            }
        )
    }

    private static let diskFull = Scenario(
        name: "disk_full",
        summary: "the disk of Postgres is full for 8 s (needs root, for a file system of its own)",
        needs: [.smallDisk],
        bars: .init(recovery: .seconds(15)),
        faults: { run in
            try await run.reach(0.3)
            run.markFault()
            try run.parts.disk?.fill()
            try await Task.sleep(for: .seconds(8))
            try run.parts.disk?.free()
            // Postgres itself ends when it cannot write its log; whoever runs it starts it again.
            if run.platform.postgres.server.process?.isRunning != true {
                try await run.platform.postgres.startAgain()
            }
            run.markReturn()
        }
    )

    private static let everything =
        Scenario(
            name: "everything",
            summary:
                "every process of services and servers is killed at once; then all start again as make up does it",
            bars: .init(recovery: .seconds(15), clientErrors: nil),
            faults: { run in
                try await run.reach(0.3)
                run.markFault()
                let platform = run.platform
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await platform.postgres.kill9() }
                    group.addTask { try await platform.redis.kill9() }
                    group.addTask { try await platform.broker.kill9() }
                    for service in platform.services {
                        group.addTask { try await service.kill9() }
                    }
                    try await group.waitForAll()
                }
                try await platform.postgres.startAgain()
                try await platform.redis.server.start()
                try await platform.broker.server.start()
                // The order of `make up`, which applies migrations here; `make up` itself is tested by stack-test.sh.
                _ = try await platform.parleyctl(["migrate"])
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for service in platform.services {
                        group.addTask { try await service.start() }
                    }
                    try await group.waitForAll()
                }
                run.markReturn()
            }
        )
}
