import TestKit
import Testing

@testable import parley_chaos

/// A scenario of each kind with a small load; `make chaos` runs all of them with the whole load.
///
/// Each has servers of its own, so that a few can run side by side.
@Suite(.timeLimit(.minutes(3)), .withinSelectionTime)
struct ScenarioTests {
    private static let size = LoadPlan.Size(sessions: 8, turns: 6)
    /// Scenarios whose fault takes long: so many turns a session last as long as it does.
    private static let turnsOfLongOnes = ["cache_outage": 16, "network_partition.one_worker_postgres": 16]

    @Test(
        "The platform holds",
        arguments: [
            "worker_kill.mid_stream", "worker_kill.while_tool_runs", "executor_kill.one_of_two",
            "gateway_kill.one_of_two", "broker_kill", "db_restart", "cache_outage", "duplicate_delivery",
            "network_partition.one_worker_postgres", "everything",
        ]
    )
    func holds(name: String) async throws {
        var scenario = try #require(Scenario.all.first { $0.name == name })
        // Counts are what is tested here; times have their bars in `make chaos`, where nothing else runs.
        scenario.bars.recovery = scenario.bars.recovery.map { $0 * 4 }
        var size = Self.size
        if let turns = Self.turnsOfLongOnes[name] {
            size.turns = turns
            // What is away is missed by nobody: among so few turns none need be under way when it comes back.
            scenario.bars.recovery = nil
        }
        let result = try await ScenarioRunner(size: size).run(scenario)
        #expect(result.isMet, "\(result.line)\n\(result.details.joined(separator: "\n"))")
        #expect(result.verdict.accepted == size.total)
    }

    @Test(
        "A mechanism that is broken on purpose lets through what it keeps away, and that is counted",
        arguments: Sabotage.allCases
    )
    func sabotage(_ sabotage: Sabotage) async throws {
        let scenario = try #require(Scenario.all.first { $0.name == sabotage.scenario })
        // In so short a run the harm may happen not to be done, such as when no answer is cut off behind its commit.
        for number in 0..<3 {
            var size = Self.size
            size.seed += UInt64(number)
            var runner = ScenarioRunner(size: size, sabotage: sabotage)
            // What is lost never comes: nobody need wait long for it.
            runner.patience = .seconds(10)
            runner.settling = .seconds(2)
            let result = try await runner.run(scenario)
            guard result.verdict.count(sabotage.fault) > 0 else { continue }
            #expect(!result.isMet)
            return
        }
        Issue.record("nothing \(sabotage.fault) was found in three runs")
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
