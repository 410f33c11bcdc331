import TestKit

/// A worker that is lost, or that stands still.
enum WorkerScenarios {
    /// All of the family.
    static let all: [Scenario] = [beforeModelCall, midStream, beforeCommit, whileToolRuns, onlyOne, stall]

    private static let bars = Scenario.Bars(recovery: .seconds(5))

    private static let beforeModelCall = Scenario(
        name: "worker_kill.before_model_call",
        summary: "one of two workers is killed while its turns wait for the policy engine, before the model is called",
        needs: [.secondWorker, .policyServer],
        environment: ["PARLEY_POLICY_CACHE": "0s"],
        bars: bars,
        faults: { run in
            try await run.reach(0.3)
            run.parts.policy?.setMood(.hanging)
            try await Task.sleep(for: .milliseconds(500))
            run.markFault()
            try await run.platform.worker.kill9()
            run.parts.policy?.setMood(.fair)
        }
    )

    private static let midStream = Scenario(
        name: "worker_kill.mid_stream",
        summary: "one of two workers is killed while answers of the model stream",
        needs: [.secondWorker],
        bars: bars,
        faults: { run in
            try await run.reach(0.3)
            try await run.model.nextCall()
            try await Task.sleep(for: .milliseconds(100))
            run.markFault()
            try await run.platform.worker.kill9()
        }
    )

    private static let beforeCommit = Scenario(
        name: "worker_kill.before_commit",
        summary: "one of two workers is killed when its answers are whole and not yet committed",
        needs: [.secondWorker],
        bars: bars,
        faults: { run in
            try await run.reach(0.3)
            // Nobody can write the journal while a session of ours reads it so.
            async let lock = run.platform.sql(
                "BEGIN; LOCK TABLE turn_steps IN SHARE MODE; SELECT pg_sleep(0.8); ROLLBACK"
            )
            try await Task.sleep(for: .milliseconds(600))
            run.markFault()
            try await run.platform.worker.kill9()
            _ = try await lock
            // The other worker cannot write the journal either before the session has gone.
            run.markReturn()
        }
    )

    private static let whileToolRuns = Scenario(
        name: "worker_kill.while_tool_runs",
        summary: "one of two workers is killed while tools of its turns run",
        needs: [.secondWorker],
        bars: bars,
        faults: { run in
            try await run.reach(0.3)
            run.parts.effects.hold(true)
            try await eventually("tools that run", timeout: .seconds(60)) { run.parts.effects.inside >= 3 }
            run.markFault()
            try await run.platform.worker.kill9()
            run.parts.effects.hold(false)
        }
    )

    private static let onlyOne = Scenario(
        name: "worker_kill.only_one",
        summary: "the only worker is killed while answers stream, and started again",
        bars: .init(recovery: .seconds(10)),
        faults: { run in
            try await run.reach(0.3)
            try await run.model.nextCall()
            run.markFault()
            try await run.platform.worker.kill9()
            try await run.platform.worker.start()
            run.markReturn()
        }
    )

    private static let stall = Scenario(
        name: "worker_stall",
        summary: "one of two workers stands still for 20 s (SIGSTOP), and goes on with what is no longer its own",
        needs: [.secondWorker],
        bars: .init(recovery: .seconds(10)),
        faults: { run in
            try await run.reach(0.3)
            try await run.model.nextCall()
            run.markFault()
            run.platform.worker.process?.pause()
            try await Task.sleep(for: .seconds(20))
            run.platform.worker.process?.resume()
        }
    )
}
