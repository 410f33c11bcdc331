package import Domain
import Errors
package import JSON
import Postgres

/// Names a turn, everywhere.
package struct TurnKey: Sendable, Hashable {
    /// The tenant.
    package let tenantID: String
    /// The conversation.
    package let sessionID: String
    /// The turn: the event_id of the message that caused it.
    package let turnID: String

    /// Makes a key.
    package init(tenantID: String, sessionID: String, turnID: String) {
        self.tenantID = tenantID
        self.sessionID = sessionID
        self.turnID = turnID
    }
}

/// A turn that this worker holds: nobody else may write to it while the lease lives.
package struct ClaimedTurn: Sendable {
    /// Names the turn.
    package let key: TurnKey
    /// Its place in the session.
    package let seq: Int64
    /// The place of the turn before it, 0 for the first: names the state of the history it starts from.
    package let priorSeq: Int64
    /// The persona that is spoken to.
    package let personaID: String?
    /// Which attempt this is, from 1.
    package private(set) var attempt: Int
    /// The lease's epoch; a write under an older one is refused.
    package let epoch: Int64
    /// Where the turn's next event stands in the stream.
    package private(set) var streamNext: Int64
    /// The number of the turn's next delta.
    package private(set) var deltaNext: Int
    /// Tokens used so far.
    package let usage: TokenUsage
    /// The trace that the message belongs to.
    package let traceparent: String?
    /// The user's message.
    package let message: String
    /// Whether the turn had rested for tools and goes on now.
    package let isResumed: Bool

    /// Whether steps may have been written before this claim.
    package var mayHaveJournal: Bool { isResumed || attempt > 1 }

    /// Makes a turn as a claim would; outside tests only claims do.
    package init(key: TurnKey, seq: Int64, message: String, attempt: Int = 1, isResumed: Bool = false) {
        self.key = key
        self.seq = seq
        self.message = message
        self.attempt = attempt
        self.isResumed = isResumed
        priorSeq = 0
        personaID = nil
        epoch = Int64(attempt)
        streamNext = StreamPosition.firstIndex(ofAttempt: attempt)
        deltaNext = 0
        usage = TokenUsage()
        traceparent = nil
    }

    /// The same turn with another attempt, whose stream begins anew.
    package func restarted(attempt: Int) -> ClaimedTurn {
        var turn = self
        turn.attempt = attempt
        turn.streamNext = StreamPosition.firstIndex(ofAttempt: attempt)
        turn.deltaNext = 0
        return turn
    }

    init(row: PostgresRow, isResumed: Bool = false) throws {
        self.isResumed = isResumed
        key = TurnKey(
            tenantID: try row.string("tenant_id"),
            sessionID: try row.string("session_id"),
            turnID: try row.string("turn_id")
        )
        seq = try row.int64("seq")
        priorSeq = try row.int64("prior_seq")
        personaID = try row.stringOrNil("persona_id")
        attempt = try row.int("attempt")
        epoch = try row.int64("lease_epoch")
        streamNext = try row.int64("stream_next")
        deltaNext = try row.int("delta_next")
        usage = TokenUsage(
            inputTokens: try row.int("input_tokens"),
            outputTokens: try row.int("output_tokens")
        )
        traceparent = try row.stringOrNil("traceparent")
        message = try row.string("message")
    }
}

/// How a turn ends.
package enum TurnOutcome: String, Sendable {
    /// With an answer.
    case completed
    /// Without one; the reason is on record.
    case failed
    /// Because the user said so.
    case cancelled
}

/// One step of a turn's journal.
package struct TurnStep: Sendable {
    /// The kinds of steps.
    package enum Kind: String, Sendable {
        /// A policy's decision.
        case policy
        /// A reservation of tokens.
        case budget
        /// A call of the model.
        case model
        /// A call of a tool.
        case tool
        /// What the memory predicted.
        case memory
    }

    /// The step's number in the turn, from 1.
    package var number: Int
    /// What kind of step it is.
    package var kind: Kind
    /// The action, profile or tool.
    package var name: String
    /// For a tool, the event_id of the request.
    package var eventID: String?
    /// Whether the answer is there.
    package var isDone: Bool
    /// The attempt that made it.
    package var attempt: Int
    /// Where the step's event stands in the stream, if clients see it.
    package var streamIndex: Int64?
    /// Where the event of a tool's answer stands.
    package var resultIndex: Int64?
    /// What was asked.
    package var request: JSONValue?
    /// What was answered.
    package var response: JSONValue?

    /// Makes a step.
    package init(
        number: Int,
        kind: Kind,
        name: String,
        eventID: String? = nil,
        isDone: Bool = true,
        attempt: Int,
        streamIndex: Int64? = nil,
        request: JSONValue?,
        response: JSONValue?
    ) {
        self.number = number
        self.kind = kind
        self.name = name
        self.eventID = eventID
        self.isDone = isDone
        self.attempt = attempt
        self.streamIndex = streamIndex
        self.request = request
        self.response = response
    }

    init(row: PostgresRow) throws {
        number = try row.int("step")
        let kindName = try row.string("kind")
        guard let kind = Kind(rawValue: kindName) else {
            throw StoreError(code: .corrupt, message: "turn_steps has the unknown kind \(kindName)")
        }
        self.kind = kind
        name = try row.string("name")
        eventID = try row.stringOrNil("event_id")
        isDone = try row.string("status") == "done"
        attempt = try row.int("attempt")
        streamIndex = try row.int64OrNil("stream_index")
        resultIndex = try row.int64OrNil("result_index")
        request = try row.jsonOrNil("request").map { bytes in try JSONValue.parse(bytes) }
        response = try row.jsonOrNil("response").map { bytes in try JSONValue.parse(bytes) }
    }
}

/// What the durable core could not do.
package struct StoreError: DescribedError, Sendable {
    /// The kinds of failure.
    package enum Code: String, Sendable {
        /// The lease is gone: somebody else has the turn, or it is over.
        case fenced
        /// A row is not what the schema promises.
        case corrupt
    }

    /// The kind of failure.
    package let code: Code
    /// What went wrong, without data.
    package let message: String

    /// Makes an error.
    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    /// What went wrong, in one line.
    package var description: String { message }

    /// The lease of a turn is gone.
    package static let fenced = StoreError(code: .fenced, message: "The turn is no longer held by this worker.")
}
