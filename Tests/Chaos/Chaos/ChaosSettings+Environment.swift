import Foundation
import TestKit

/// What a run is asked for by the environment.
struct ChaosSettings: Sendable {
    /// How large the load is: `CHAOS_SESSIONS`, `CHAOS_TURNS`, `SEED`.
    var size = LoadPlan.Size()
    /// How often each scenario is run, one time after another: `CHAOS_REPEAT`.
    var rounds = 1
    /// How long and how fast a steady run goes: `CHAOS_MINUTES`, `CHAOS_RATE`, `SEED`.
    var pace = SteadyLoad.Pace()
    /// The mechanism that is broken, to see the checker find what it keeps away: `CHAOS_SABOTAGE`.
    var sabotage: Sabotage?

    /// Reads the environment.
    /// - Throws: ``ChaosError`` for a value that makes no sense.
    init() throws {
        let environment = ProcessInfo.processInfo.environment
        func number(_ name: String, _ usual: Int) throws -> Int {
            guard let text = environment[name] else { return usual }
            guard let value = Int(text), (1...100_000).contains(value) else {
                throw ChaosError("\(name) must be a number from 1 to 100000")
            }
            return value
        }
        size.sessions = try number("CHAOS_SESSIONS", size.sessions)
        size.turns = try number("CHAOS_TURNS", size.turns)
        size.seed = SeededRandom.seed
        rounds = try number("CHAOS_REPEAT", 1)
        pace.duration = .seconds(60 * (try number("CHAOS_MINUTES", 30)))
        pace.rate = try number("CHAOS_RATE", pace.rate)
        pace.seed = SeededRandom.seed
        if let name = environment["CHAOS_SABOTAGE"] {
            guard let chosen = Sabotage(rawValue: name) else {
                let names = Sabotage.allCases.map(\.rawValue).joined(separator: ", ")
                throw ChaosError("CHAOS_SABOTAGE must be one of \(names)")
            }
            sabotage = chosen
        }
    }
}

/// Why a scenario could not be run.
struct ChaosError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
