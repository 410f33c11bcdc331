import Configuration
import ServiceKit

/// What an executor needs to know.
struct ExecutorConfiguration: Sendable {
    /// What every service needs to know.
    var service: ServiceSettings
    /// The consumer group that executors share.
    var group: String
    /// How many tools run at once.
    ///
    /// Default 64.
    var runsMax: Int
    /// The tools.
    var tools: ToolSettings
    /// Where policies are decided.
    var policy: PolicySettings
}
