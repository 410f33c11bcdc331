import TestKit

/// What came of a scenario, and whether it holds against its bars.
struct ScenarioResult: Sendable {
    /// The scenario's name.
    let name: String
    /// What the checker found.
    let verdict: Verdict
    /// How long turns that were under way took to their answer, counted from the fault or the return; sorted.
    let recoveries: [Duration]
    /// Turns a second before, during and after the fault.
    let throughput: (before: Double, during: Double, after: Double)
    /// What requests failed with, and how often.
    let clientErrors: [String: Int]
    /// Requests that were refused with a time to come back.
    let refusals: Int
    /// Bars that were not met, in words.
    let misses: [String]

    /// Whether every bar was met.
    var isMet: Bool { misses.isEmpty }

    /// Judges a run.
    init(_ scenario: Scenario, _ run: ChaosRun, _ history: History) {
        name = scenario.name
        verdict = Checker.check(history)
        clientErrors = run.load.counters.clientErrors
        refusals = run.load.counters.refusals
        let measured = Timeline(faults: run.faults, returns: run.returns, answers: run.load.counters.answeredAt)
        recoveries = measured.recoveries(history.sessions.flatMap(\.messages))
        throughput = measured.throughput
        var misses: [String] = []
        for fault in Verdict.Fault.allCases where !(fault == .failed && scenario.bars.mayFail) {
            let count = verdict.count(fault)
            if count > 0 { misses.append("\(fault.rawValue) \(count)") }
        }
        if verdict.answered < verdict.accepted { misses.append("answered \(verdict.answered) of \(verdict.accepted)") }
        if verdict.accepted < run.load.total {
            misses.append("accepted \(verdict.accepted) of \(run.load.total) that were sent")
        }
        let errors = clientErrors.values.reduce(0, +)
        self.misses = misses + scenario.bars.misses(recoveries: recoveries, errors: errors)
    }

    /// Requests that failed in another way than 503 or 429 with a time to come back.
    var errors: Int { clientErrors.values.reduce(0, +) }

    /// The median of ``recoveries``; nil when there are none.
    var recoveryMedian: Duration? { recoveries.isEmpty ? nil : recoveries[recoveries.count / 2] }

    /// The line that is printed.
    var line: String {
        let failed = verdict.count(.failed)
        return "\(name)  \(verdict.counts) client_errors \(errors) recovery \(recovery)  turns/s \(rates)"
            + (failed > 0 ? "  failed \(failed)" : "") + (refusals > 0 ? "  refused \(refusals)" : "")
            + (verdict.untold > 0 ? "  untold \(verdict.untold)" : "")
    }

    private var recovery: String {
        guard let median = recoveryMedian, let longest = recoveries.last else { return "none" }
        return "p50 \(median.text) max \(longest.text)"
    }

    private var rates: String {
        [throughput.before, throughput.during, throughput.after].map { "\($0.tenths)" }.joined(separator: " → ")
    }

    /// Everything that is to be said when a bar is missed.
    var details: [String] {
        misses.map { "missed: \($0)" } + verdict.findings.prefix(20).map { "\($0.fault.rawValue): \($0.detail)" }
            + clientErrors.sorted { $0.key < $1.key }.map { "client error \($0.key): \($0.value)" }
    }
}

/// What happened when in a run.
struct Timeline: Sendable {
    /// When things broke.
    let faults: [Duration]
    /// When they were back.
    let returns: [Duration]
    /// When turns ended.
    let answers: [Duration]

    /// How long a fault without a return counts as going on.
    private static let aftermath = Duration.seconds(5)

    /// The time from which recovery counts: each return, or each fault where nothing returned.
    var bases: [Duration] { returns.isEmpty ? faults : returns }

    /// For each message that was under way at a base, how long its answer took from there; sorted.
    func recoveries(_ messages: [ToldMessage]) -> [Duration] {
        bases.flatMap { base in
            messages.compactMap { message in
                guard let answered = message.answeredAt, message.sentAt <= base, answered > base else { return nil }
                return answered - base
            }
        }.sorted()
    }

    /// Turns a second before, during and after.
    var throughput: (before: Double, during: Double, after: Double) {
        guard let first = faults.first, let end = answers.last else { return (0, 0, 0) }
        let last = min(end, max(returns.last ?? .zero, (faults.last ?? first) + Self.aftermath))
        return (rate(.zero, first), rate(first, last), rate(last, end))
    }

    private func rate(_ from: Duration, _ to: Duration) -> Double {
        guard to > from else { return 0 }
        return Double(answers.count { $0 > from && $0 <= to }) / (to - from).seconds
    }
}

extension Duration {
    /// The duration in seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
    /// The duration as people read it.
    var text: String { "\(seconds.tenths) s" }
}

extension Double {
    /// The number with one digit behind the point.
    var tenths: Double { (self * 10).rounded() / 10 }
}
