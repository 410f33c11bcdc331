import TestKit
import Testing

@testable import parley_chaos

/// A short selection of scenarios with a small load; `make chaos` runs all of them with the whole load.
@Suite(.serialized, .timeLimit(.minutes(3)), .withinSelectionTime)
struct ScenarioTests {
    private static let size = LoadPlan.Size(sessions: 8, turns: 6)

    @Test(
        "The platform holds",
        arguments: [
            "worker_kill.mid_stream", "worker_kill.while_tool_runs", "executor_kill.one_of_two",
            "gateway_kill.one_of_two", "broker_kill", "db_restart", "duplicate_delivery",
        ]
    )
    func holds(name: String) async throws {
        var scenario = try #require(Scenario.all.first { $0.name == name })
        // Counts are what is tested here; times have their bars in `make chaos`, where nothing else runs.
        scenario.bars.recovery = scenario.bars.recovery.map { $0 * 2 }
        let result = try await ScenarioRunner(size: Self.size).run(scenario)
        #expect(result.isMet, "\(result.line)\n\(result.details.joined(separator: "\n"))")
        #expect(result.verdict.accepted == Self.size.total)
    }

    @Test(
        "A mechanism that is broken on purpose lets through what it keeps away, and that is counted",
        arguments: Sabotage.allCases
    )
    func sabotage(_ sabotage: Sabotage) async throws {
        let scenario = try #require(Scenario.all.first { $0.name == sabotage.scenario })
        var runner = ScenarioRunner(size: Self.size, sabotage: sabotage)
        // What is lost never comes: nobody need wait long for it.
        runner.patience = .seconds(10)
        runner.settling = .seconds(2)
        let result = try await runner.run(scenario)
        #expect(result.verdict.count(sabotage.fault) > 0, "\(result.line)")
        #expect(!result.isMet)
    }

    @Test("What is forged in the database of a platform that works is found, each kind by its own count")
    func forgery() async throws {
        let calm = Scenario(name: "calm", summary: "nothing breaks", faults: { _ in })
        let runner = ScenarioRunner(size: LoadPlan.Size(sessions: 5, turns: 3))
        try await runner.run(calm) { run in
            var before = Checker.check(try await runner.evidence(of: run))
            #expect(before.findings.isEmpty, "\(before.findings)")
            #expect(before.untold == 0, "where nothing breaks everything is told")
            for forgery in Forgery.allCases {
                try await forgery.strike(run.platform)
                let after = Checker.check(try await runner.evidence(of: run))
                for fault in Verdict.Fault.allCases {
                    let isRaised = after.count(fault) > before.count(fault)
                    #expect(isRaised == (fault == forgery.fault), "\(forgery): \(fault) \(after.count(fault))")
                }
                before = after
            }
        }
    }
}
