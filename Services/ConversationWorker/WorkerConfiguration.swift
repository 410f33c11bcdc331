import Configuration
import Models
import ServiceKit

/// What a worker needs to know.
struct WorkerConfiguration: Sendable {
    /// What every service needs to know.
    var service: ServiceSettings
    /// The consumer group that workers share.
    var group: String
    /// How many turns run at once.
    ///
    /// Default 256.
    var turnsMax: Int
    /// How long turns that run may go on after a stop was asked for; what takes longer is left to another worker.
    ///
    /// Default 15 s: well within the deadline of the shutdown as a whole.
    var drainTimeout: Duration
    /// How many tokens of history a model gets, by estimate.
    ///
    /// Default 8,000.
    var contextTokensMax: Int
    /// How often tools may be called in a turn.
    ///
    /// Default 8.
    var toolRoundsMax: Int
    /// How long a tool's answer is waited for, beyond twice its time limit and the time until it is asked again.
    ///
    /// Default 10 s.
    var toolGrace: Duration
    /// How often a turn is begun before it is given up.
    ///
    /// Default 10.
    var attemptsMax: Int
    /// How long a turn may work in one go, all tries of the model included; the time that it waits for tools does not
    /// count.
    ///
    /// Default 5 min.
    var turnDeadline: Duration
    /// The model.
    var model: ModelProfile
    /// The model that answers when the first does not; nil: none.
    var fallbackModel: ModelProfile?
    /// The tools that models are offered.
    var tools: ToolSettings
    /// How personas with `memory: auto` remember.
    var memory = ConversationMemory.Configuration()
    /// Where policies are decided.
    var policy: PolicySettings
}
