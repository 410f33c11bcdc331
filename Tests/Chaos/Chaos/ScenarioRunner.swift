import Foundation
import TestKit

/// Runs a scenario from an empty database to its result.
struct ScenarioRunner: Sendable {
    /// How large the load is.
    var size = LoadPlan.Size()
    /// How long a client waits for one answer.
    var patience = Duration.seconds(60)
    /// When a run is given up; what was not sent by then is missed.
    var limit = Duration.seconds(240)
    /// The folder that the logs of all services are kept in; nil: they go with the run.
    var logFolder: String?
    /// What the logs are called; nil: as the scenario.
    var logName: String?
    /// How long a scenario may take in all before it counts as one that cannot be run.
    var wholeLimit = Duration.seconds(600)
    /// How long what still runs after the load may take to come to its end.
    var settling = Duration.seconds(45)
    /// Breaks a mechanism of the platform, so that the checker can be seen to find what it keeps away.
    var sabotage: Sabotage?

    /// Runs one scenario.
    func run(_ scenario: Scenario) async throws -> ScenarioResult {
        try await run(scenario) { run in
            ScenarioResult(scenario, run, try await evidence(of: run))
        }
    }

    /// Runs one scenario, and gives it up when it takes too long.
    func runInTime(_ scenario: Scenario) async throws -> ScenarioResult {
        try await withThrowingTaskGroup(of: ScenarioResult.self) { group in
            group.addTask { try await run(scenario) }
            group.addTask {
                try await Task.sleep(for: wholeLimit)
                throw ChaosError("it took longer than \(wholeLimit.text)")
            }
            defer { group.cancelAll() }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }

    /// Runs one scenario, and lets `look` see what is left of it.
    func run<T>(_ scenario: Scenario, look: (ChaosRun) async throws -> T) async throws -> T {
        let settings = Self.environment.merging(sabotage?.environment ?? [:]) { $1 }
        let (parts, options) = try await ChaosParts.make(scenario, seed: size.seed, environment: settings)
        do {
            let result = try await run(scenario, parts, options, look)
            await parts.stop()
            return result
        } catch {
            await parts.stop()
            throw error
        }
    }

    private func run<T>(
        _ scenario: Scenario,
        _ parts: ChaosParts,
        _ options: PlatformOptions,
        _ look: (ChaosRun) async throws -> T
    ) async throws -> T {
        try await withOwnPlatform(options) { platform in
            let run = try await ChaosRun(platform, parts, scenario, size)
            try await scenario.prepare(platform)
            if let sabotage { try await platform.sql(sabotage.statement) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await run.load.run(run.gateways, patience: patience, limit: limit) }
                group.addTask { try await scenario.faults(run) }
                try await group.waitForAll()
            }
            // What still runs comes to its end; what never does is found by the checker.
            try? await eventually("the end of all turns", timeout: settling, interval: .milliseconds(200)) {
                try await DatabaseEvidence.isQuiet(platform)
            }
            if let logFolder { try Self.keepLogs(of: platform, logName ?? scenario.name, in: logFolder) }
            return try await look(run)
        }
    }

    /// Writes the logs of all services into a folder.
    static func keepLogs(of platform: Platform, _ name: String, in logFolder: String) throws {
        try FileManager.default.createDirectory(atPath: logFolder, withIntermediateDirectories: true)
        for (index, service) in platform.services.enumerated() {
            let path = "\(logFolder)/\(name)-\(index)-\(service.program).log"
            try Data(service.log.utf8).write(to: URL(filePath: path))
        }
    }

    /// What clients were told and what the platform keeps, after a run.
    func evidence(of run: ChaosRun) async throws -> History {
        var history = History()
        history.sessions = run.load.records.map(\.told)
        history.tokensPerCall = ChaosModel.usage.input + ChaosModel.usage.output
        history.effects = run.parts.effects.effects
        try await DatabaseEvidence.read(run.platform, into: &history)
        return history
    }

    /// The settings that users have by default, where the harness has its own.
    static let environment = [
        "PARLEY_LEASE_DURATION": "2500ms", "PARLEY_REPUBLISH_AFTER": "5s", "PARLEY_DATABASE_POOL_SIZE": "10",
        "PARLEY_TOPIC_PARTITIONS": "8", "PARLEY_LOG_LEVEL": "info", "PARLEY_MODEL_RETRIES_MAX": "9",
    ]
}
