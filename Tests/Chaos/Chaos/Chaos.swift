import Glibc
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
            return
        }
        do {
            let settings = try ChaosSettings()
            let scenarios = try chosen(Array(words))
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

    private static func run(_ scenarios: [Scenario], _ settings: ChaosSettings) async throws -> Bool {
        say("\(settings.size.sessions) sessions of \(settings.size.turns) turns, seed \(settings.size.seed)")
        var failed = 0
        var rows: [String] = []
        for scenario in scenarios {
            let runner = ScenarioRunner(
                size: settings.size,
                logFolder: PackageRoot.path + "/.build/chaos-logs",
                sabotage: settings.sabotage
            )
            do {
                let result = try await runner.run(scenario)
                rows.append(result.row)
                say("\(result.isMet ? "ok  " : "FAIL") \(result.line)")
                if !result.isMet {
                    failed += 1
                    for detail in result.details { say("       \(detail)") }
                }
            } catch {
                failed += 1
                say("FAIL \(scenario.name)  could not be run: \(error)")
            }
        }
        say("\n\(ScenarioResult.tableHead)\n\(rows.joined(separator: "\n"))\n")
        say("\(scenarios.count - failed) of \(scenarios.count) scenarios hold")
        return failed == 0
    }
}

/// Prints a line at once: what is printed into a pipe otherwise waits for the end.
private func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(1, bytes, bytes.count)
}
