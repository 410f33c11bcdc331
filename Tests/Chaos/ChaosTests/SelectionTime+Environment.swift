import Foundation

extension SelectionTime {
    /// The setting, in seconds.
    static let variable = "CHAOS_SELECTION_LIMIT"

    /// The limit that the environment of this run sets, or the usual one.
    static var limit: Duration { limit(ProcessInfo.processInfo.environment) }

    /// The limit that an environment sets; three minutes where it says nothing, or nothing that makes sense.
    static func limit(_ environment: [String: String]) -> Duration {
        let seconds = environment[variable].flatMap { Int($0) } ?? 0
        return .seconds(seconds > 0 ? seconds : 180)
    }
}
