import JSON

/// Everything that is known of a run after it: what clients were told, and what the platform keeps.
///
/// A plain value, so that the checker can be tested with histories that no platform ever had.
struct History: Sendable {
    /// What the clients of each session were told.
    var sessions: [SessionTold] = []
    /// The rows of `session_events`.
    var events: [StoredEvent] = []
    /// The rows of `turns`.
    var turns: [StoredTurn] = []
    /// The rows of `turn_steps` that are calls of tools.
    var toolSteps: [StoredToolStep] = []
    /// The rows of `tool_runs`.
    var toolRuns: [StoredToolRun] = []
    /// What is charged to the tenant in `budget_usage`, in tokens.
    var chargedTokens = 0
    /// What the model says that one call of it uses, in tokens.
    var tokensPerCall = 1
    /// The effects that the test's own tool server had, oldest first; nil when no tool of the run has any.
    var effects: [EffectCall]?
}

/// A message of a client, and what became of it in the client's eyes.
struct ToldMessage: Sendable {
    /// Its place in the session's plan, from 0.
    var number: Int
    /// The text, which no other message has.
    var text: String
    /// Whether the model calls a tool for it.
    var usesTool = false
    /// The event ids that acceptances told, without repetitions.
    var acceptedIDs: [String] = []
    /// When it was first sent, since the start of the run.
    var sentAt = Duration.zero
    /// When its last event came, since the start of the run.
    var answeredAt: Duration?
}

/// An event of a session's stream as a client got it.
struct ToldEvent: Sendable {
    /// The turn's place in the session.
    var turn: Int
    /// The event's place in the turn.
    var index: Int
    /// What happened.
    var type: String
    /// The turn.
    var turnID: String
    /// The text of a delta or of the answer.
    var text = ""
    /// What is said of a tool's call.
    var notice: ToolNotice?

    /// Whether its turn is over with it.
    var isFinal: Bool { ["message", "turn.failed", "turn.cancelled"].contains(type) }
    /// How far apart the events of two attempts at a turn are numbered.
    static let attemptStride = 1_000_000
    /// The attempt at the turn that it belongs to, from 0.
    var attempt: Int { index / Self.attemptStride }
}

/// What is said of a tool's call: that it was made, or how it ended.
struct ToolNotice: Sendable, Equatable {
    /// The call.
    var eventID: String
    /// The tool.
    var tool: String
    /// How it ended; nil: it was made.
    var status: String?
    /// The arguments, or what the tool answered.
    var content: JSONValue
}

/// What the clients of one session were told.
struct SessionTold: Sendable {
    /// The session.
    var id: String
    /// Its messages in the order in which they were sent.
    var messages: [ToldMessage] = []
    /// Its stream, over all connections together.
    var stream: [ToldEvent] = []
}

/// A row of `session_events`.
struct StoredEvent: Sendable {
    /// The session.
    var session: String
    /// The event's place in the session.
    var seq: Int
    /// The place of the user's message that it belongs to.
    var turnSeq: Int
    /// The event's id.
    var eventID: String
    /// Who speaks.
    var role: String
    /// What is said.
    var message: String
}

/// A row of `turns`.
struct StoredTurn: Sendable {
    /// The session.
    var session: String
    /// The turn, which is the id of the user's message.
    var turnID: String
    /// The place of the user's message in the session.
    var seq: Int
    /// How far it came.
    var status: String
    /// The tokens that it is recorded to have used.
    var tokens = 0
    /// Why it failed.
    var errorCode = ""
    /// When it began, in microseconds of the database's clock.
    var startedAt: Int?
    /// When it ended, in microseconds of the database's clock.
    var finishedAt: Int?
}

/// A row of `turn_steps` that is a call of a tool, as what clients are to be told of it.
struct StoredToolStep: Sendable {
    /// The turn.
    var turnID: String
    /// What is to be told, by its place in the turn's stream.
    var notices: [Int: ToolNotice] = [:]
}

/// A row of `tool_runs`.
struct StoredToolRun: Sendable {
    /// The request.
    var eventID: String
    /// The turn.
    var turnID: String
    /// How it ended.
    var status: String
}

/// A call that reached the test's own tool server.
struct EffectCall: Sendable, Equatable {
    /// The message that it was made for: `session/number`.
    var label: String
    /// The key under which it was sent; empty when it was sent without.
    var key: String
}
