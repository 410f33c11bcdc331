import TestKit

/// What came of all runs of a scenario: the worst of each number.
struct ScenarioRow: Sendable {
    /// The scenario.
    let scenario: Scenario
    /// What came of each run that could be made.
    private(set) var results: [ScenarioResult] = []
    /// How many runs could not be made.
    private(set) var failures = 0

    /// Begins without a run.
    init(_ scenario: Scenario) {
        self.scenario = scenario
    }

    /// A run was made.
    mutating func add(_ result: ScenarioResult) {
        results.append(result)
    }

    /// A run could not be made.
    mutating func addFailure() {
        failures += 1
    }

    /// Whether every run was made and met every bar.
    var isMet: Bool { failures == 0 && results.allSatisfy(\.isMet) }

    /// The head of a table for the README.
    static let tableHead = """
        | scenario | what goes wrong | accepted, answered | lost, duplicated, out of order, effects doubled, charged \
        twice, told wrongly | failed honestly | client errors | recovery (bar) | turns/s before → during → after |
        |---|---|---|---|---|---|---|---|
        """

    /// The row of such a table.
    var text: String {
        guard !results.isEmpty else {
            return "| `\(scenario.name)` | \(scenario.summary) | could not be run | | | | | |"
        }
        let verdicts = results.map(\.verdict)
        let cells = [
            "`\(scenario.name)`", scenario.summary,
            "\(least(verdicts.map(\.accepted))), \(least(verdicts.map(\.answered)))",
            Verdict.numbers.map { fault in "\(most(verdicts.map { $0.count(fault) }))" }.joined(separator: ", "),
            "\(most(verdicts.map { $0.count(.failed) }))", "\(most(results.map(\.errors)))", recovery,
            rates + (isMet ? "" : " (short)"),
        ]
        return "| " + cells.joined(separator: " | ") + " |"
    }

    private var recovery: String {
        let bar = scenario.bars.recovery.map { " (≤ \($0.text))" } ?? ""
        let medians = results.compactMap(\.recoveryMedian)
        guard let median = medians.max(), let longest = results.compactMap(\.recoveries.last).max() else {
            return "none" + bar
        }
        return "p50 \(median.text) max \(longest.text)\(bar)"
    }

    private var rates: String {
        [results.map(\.throughput.before), results.map(\.throughput.during), results.map(\.throughput.after)]
            .map { "\(($0.min() ?? 0).tenths)" }.joined(separator: " → ")
    }

    private func least(_ numbers: [Int]) -> Int { numbers.min() ?? 0 }
    private func most(_ numbers: [Int]) -> Int { numbers.max() ?? 0 }
}
