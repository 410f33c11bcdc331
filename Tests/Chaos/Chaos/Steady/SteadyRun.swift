import Foundation
import TestKit

/// Nothing breaks, for long: whether the services hold more memory at the end than at the beginning.
struct SteadyRun: Sendable {
    /// What it is called among the scenarios.
    static let name = "steady"
    /// What it does.
    static let summary = "nothing breaks for 30 minutes (CHAOS_MINUTES): the memory of the services does not grow"
    /// The most that a service may hold more at the end, in percent.
    static let growthMax = 5.0

    /// How much there is to do.
    var pace = SteadyLoad.Pace()
    /// How often the services are looked at.
    var interval = Duration.seconds(10)
    /// The folder that logs and samples are kept in; nil: they go with the run.
    var logFolder: String?
    /// Told after every minute.
    var report: @Sendable (String) -> Void = { _ in }

    /// What is compared: the two minutes behind three of warm-up, and the last two; less in a short run.
    var window: ServiceMemory.Window {
        ServiceMemory.Window(
            warmUp: min(.seconds(180), pace.duration / 4),
            length: min(.seconds(120), pace.duration / 4)
        )
    }

    /// Runs it.
    func run() async throws -> SteadyResult {
        let scenario = Scenario(name: Self.name, summary: Self.summary, faults: { _ in })
        let environment = ScenarioRunner.environment
        let (parts, options) = try await ChaosParts.make(scenario, seed: pace.seed, environment: environment)
        do {
            let result = try await withOwnPlatform(options) { try await run($0, parts) }
            await parts.stop()
            return result
        } catch {
            await parts.stop()
            throw error
        }
    }

    private func run(_ platform: Platform, _ parts: ChaosParts) async throws -> SteadyResult {
        _ = ChaosModel(platform.model.server, seed: pace.seed)
        let load = SteadyLoad(pace)
        let memory = try await withThrowingTaskGroup(of: ServiceMemory?.self) { group in
            group.addTask {
                try await load.run([platform.client])
                return nil
            }
            group.addTask { try await watch(platform, load) }
            return try await group.reduce(ServiceMemory()) { $1 ?? $0 }
        }
        try await eventually("the end of all turns", timeout: .seconds(45), interval: .milliseconds(200)) {
            try await DatabaseEvidence.isQuiet(platform)
        }
        try keep(memory, platform)
        var history = History()
        history.sessions = load.records.map(\.told)
        history.tokensPerCall = ChaosModel.usage.input + ChaosModel.usage.output
        history.effects = parts.effects.effects
        try await DatabaseEvidence.read(platform, into: &history)
        return SteadyResult(history, load, memory.growths(window))
    }

    private func watch(_ platform: Platform, _ load: SteadyLoad) async throws -> ServiceMemory {
        var memory = ServiceMemory()
        var next = Duration.zero
        var minute = Duration.seconds(60)
        while next < pace.duration {
            try await Task.sleep(for: max(.zero, next - load.clock.now))
            var words: [String] = []
            for service in platform.services {
                guard let process = service.process else { continue }
                let sample = try ServiceMemory.look(at: process.pid, time: load.clock.now)
                memory.add(sample, of: service.program)
                words.append("\(service.program) \((Double(sample.resident) / 1024).tenths) MB")
            }
            if next >= minute {
                report("\(Int(next.seconds)) s, \(load.counters.answered) turns: \(words.joined(separator: ", "))")
                minute += .seconds(60)
            }
            next += interval
        }
        return memory
    }

    private func keep(_ memory: ServiceMemory, _ platform: Platform) throws {
        guard let logFolder else { return }
        try ScenarioRunner.keepLogs(of: platform, Self.name, in: logFolder)
        try Data(memory.table.utf8).write(to: URL(filePath: "\(logFolder)/\(Self.name)-memory.csv"))
    }
}

/// What came of a steady run.
struct SteadyResult: Sendable {
    /// What the checker found.
    let verdict: Verdict
    /// What each service held at the beginning and at the end.
    let growths: [ServiceMemory.Growth]
    /// Turns a second.
    let rate: Double
    /// Bars that were not met, in words.
    let misses: [String]

    /// Judges a run.
    init(_ history: History, _ load: SteadyLoad, _ growths: [ServiceMemory.Growth]) {
        let verdict = Checker.check(history)
        self.verdict = verdict
        self.growths = growths
        let answers = load.counters.answeredAt
        rate = Double(answers.count) / max(1, (answers.last ?? .zero).seconds)
        var misses = Verdict.Fault.allCases.compactMap { fault in
            verdict.count(fault) > 0 ? "\(fault.rawValue) \(verdict.count(fault))" : nil
        }
        if verdict.answered < verdict.accepted { misses.append("answered \(verdict.answered) of \(verdict.accepted)") }
        if load.counters.abandoned > 0 { misses.append("clients gave up \(load.counters.abandoned) messages") }
        if growths.count < 3 { misses.append("memory of \(growths.count) services was seen") }
        for growth in growths where growth.percent > SteadyRun.growthMax {
            misses.append("\(growth.text), bar \(SteadyRun.growthMax) %")
        }
        for (what, count) in load.counters.clientErrors.sorted(by: { $0.key < $1.key }) {
            misses.append("client error \(what): \(count)")
        }
        self.misses = misses
    }

    /// Whether every bar was met.
    var isMet: Bool { misses.isEmpty }

    /// The line that is printed.
    var line: String {
        "\(SteadyRun.name)  \(verdict.counts)  turns/s \(rate.tenths)  "
            + growths.map(\.text).joined(separator: ", ")
    }

    /// Everything that is to be said when a bar is missed.
    var details: [String] {
        misses.map { "missed: \($0)" } + verdict.findings.prefix(20).map { "\($0.fault.rawValue): \($0.detail)" }
    }
}
