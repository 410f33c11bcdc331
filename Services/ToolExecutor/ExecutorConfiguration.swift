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
    /// How long tools that run may go on after a stop was asked for; then they are cut off.
    ///
    /// One that is idempotent is run again by another executor, the answer of any other is `interrupted`.
    /// Default 15 s: well within the deadline of the shutdown as a whole.
    var drainTimeout: Duration
    /// The tools.
    var tools: ToolSettings
    /// Where policies are decided.
    var policy: PolicySettings
}
