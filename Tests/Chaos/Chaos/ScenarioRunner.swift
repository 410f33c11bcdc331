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
    /// Breaks the evidence, so that the checker can be seen to find it.
    var sabotage: Sabotage?

    /// Runs one scenario.
    func run(_ scenario: Scenario) async throws -> ScenarioResult {
        try await run(scenario) { run in
            try await sabotage?.strike(run.platform)
            return ScenarioResult(scenario, run, try await evidence(of: run))
        }
    }

    /// Runs one scenario, and lets `look` see what is left of it.
    func run<T>(_ scenario: Scenario, look: (ChaosRun) async throws -> T) async throws -> T {
        let (parts, options) = try await ChaosParts.make(scenario, seed: size.seed, environment: Self.environment)
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
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await run.load.run(run.gateways, patience: patience, limit: limit) }
                group.addTask { try await scenario.faults(run) }
                try await group.waitForAll()
            }
            // What still runs comes to its end; what never does is found by the checker.
            try? await eventually("the end of all turns", timeout: .seconds(45), interval: .milliseconds(200)) {
                try await DatabaseEvidence.isQuiet(platform)
            }
            try keepLogs(of: platform, scenario.name)
            return try await look(run)
        }
    }

    private func keepLogs(of platform: Platform, _ name: String) throws {
        guard let logFolder else { return }
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
    private static let environment = [
        "PARLEY_LEASE_DURATION": "3s", "PARLEY_REPUBLISH_AFTER": "5s", "PARLEY_DATABASE_POOL_SIZE": "10",
        "PARLEY_TOPIC_PARTITIONS": "8", "PARLEY_LOG_LEVEL": "info",
    ]
}

/// Breaks what a run left behind in one way, so that a checker that finds nothing can be told from one that looks.
enum Sabotage: String, Sendable, CaseIterable {
    case lost
    case duplicated
    case outOfOrder = "out_of_order"
    case effectsDoubled = "effects_doubled"
    case chargedTwice = "charged_twice"
    case failed

    /// The count that must rise.
    var fault: Verdict.Fault {
        switch self {
        case .lost: .lost
        case .duplicated: .duplicated
        case .outOfOrder: .outOfOrder
        case .effectsDoubled: .effectsDoubled
        case .chargedTwice: .chargedTwice
        case .failed: .failed
        }
    }

    /// Changes the database behind the platform's back.
    func strike(_ platform: Platform) async throws {
        try await platform.sql(statement)
    }

    private var statement: String {
        switch self {
        case .lost:
            """
            DELETE FROM session_events WHERE event_id =
            (SELECT event_id FROM session_events WHERE role = 'assistant' LIMIT 1)
            """
        case .duplicated:
            """
            INSERT INTO session_events (tenant_id, session_id, seq, turn_seq, event_id, role, type, message)
            SELECT tenant_id, session_id, seq + 100000, turn_seq, event_id || '-copy', role, type, message
            FROM session_events WHERE role = 'assistant' LIMIT 1
            """
        case .outOfOrder:
            "UPDATE turns SET started_at = started_at - interval '1 hour' WHERE prior_seq > 0"
        case .effectsDoubled:
            """
            INSERT INTO tool_runs (tenant_id, event_id, session_id, turn_id, tool_name, status)
            SELECT tenant_id, event_id || '-copy', session_id, turn_id, tool_name, status
            FROM tool_runs WHERE turn_id IS NOT NULL LIMIT 1
            """
        case .chargedTwice:
            "UPDATE budget_usage SET used_tokens = used_tokens + 12 WHERE persona_id = ''"
        case .failed:
            """
            UPDATE turns SET status = 'failed', error_code = 'sabotage' WHERE turn_id =
            (SELECT turn_id FROM turns WHERE status = 'completed' LIMIT 1)
            """
        }
    }
}
