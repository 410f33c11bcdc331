import Foundation
import TestKit

/// `make chaos`: the platform under load, broken on purpose, and counted.
///
/// Arguments choose scenarios or families of them; `--list` names all.
@main
enum Chaos {
    static func main() async {
        let words = CommandLine.arguments.dropFirst()
        if words.contains("--list") {
            for scenario in Scenario.all {
                say("\(scenario.name)\t\(scenario.summary)")
            }
            say("\(SteadyRun.name)\t\(SteadyRun.summary)")
            return
        }
        do {
            let settings = try ChaosSettings()
            if Array(words) == [SteadyRun.name] { exit(try await runSteadily(settings) ? 0 : 1) }
            let scenarios = try chosen(words.isEmpty ? settings.sabotage.map { [$0.scenario] } ?? [] : Array(words))
            exit(try await run(scenarios, settings) ? 0 : 1)
        } catch {
            say("chaos failed: \(error)")
            exit(2)
        }
    }

    private static func chosen(_ words: [String]) throws -> [Scenario] {
        if words.isEmpty { return Scenario.all }
        return try words.flatMap { word in
            let found = Scenario.chosen(by: word)
            if found.isEmpty { throw ChaosError("there is no scenario \(word); --list names all") }
            return found
        }
    }

    private static func runSteadily(_ settings: ChaosSettings) async throws -> Bool {
        say("\(settings.pace.rate) turns/s for \(settings.pace.duration.text), seed \(settings.pace.seed)")
        var steady = SteadyRun(pace: settings.pace, logFolder: logFolder)
        steady.report = { say("     \($0)") }
        let result = try await steady.run()
        say("\(result.isMet ? "ok  " : "FAIL") \(result.line)")
        for detail in result.details { say("       \(detail)") }
        return result.isMet
    }

    private static let logFolder = PackageRoot.path + "/.build/chaos-logs"

    private static func run(_ scenarios: [Scenario], _ settings: ChaosSettings) async throws -> Bool {
        let size = settings.size
        say("\(size.sessions) sessions of \(size.turns) turns, seed \(size.seed), \(settings.rounds) times each")
        var rows: [ScenarioRow] = []
        for scenario in scenarios {
            var row = ScenarioRow(scenario)
            for round in 1...settings.rounds {
                await run(scenario, settings, round, &row)
            }
            rows.append(row)
            try? Data(table(rows).utf8).write(to: URL(filePath: logFolder + "/table.md"))
        }
        let failed = rows.count { !$0.isMet }
        say("\n\(table(rows))\n\(rows.count - failed) passed, \(failed) failed")
        return failed == 0
    }

    /// Runs a scenario once and says what came of it; one that cannot be run does not keep the next from running.
    private static func run(
        _ scenario: Scenario,
        _ settings: ChaosSettings,
        _ round: Int,
        _ row: inout ScenarioRow
    ) async {
        let start = RunClock()
        var runner = ScenarioRunner(size: settings.size, logFolder: logFolder, sabotage: settings.sabotage)
        if settings.sabotage != nil { runner.patience = .seconds(10) }
        runner.logName = settings.rounds > 1 ? "\(scenario.name)-\(round)" : scenario.name
        do {
            let result = try await runner.runInTime(scenario)
            row.add(result)
            say("\(result.isMet ? "ok  " : "FAIL") \(result.line)  took \(Int(start.now.seconds)) s")
            if !result.isMet {
                for detail in result.details { say("       \(detail)") }
            }
        } catch {
            row.addFailure()
            say("FAIL \(scenario.name)  could not be run: \(error)")
        }
    }

    private static func table(_ rows: [ScenarioRow]) -> String {
        ([ScenarioRow.tableHead] + rows.map(\.text)).joined(separator: "\n") + "\n"
    }
}

/// Prints a line at once: what is printed into a pipe otherwise waits for the end.
private func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(1, bytes, bytes.count)
}
