import Errors
package import Resilience

/// What went wrong with a database call.
///
/// `description` is safe to log and to return to an operator: it holds the code, the SQLSTATE and what to do, never
/// values, SQL text or the server's message (which may quote a row). Those are in `debugDescription`, for tests and
/// local debugging only.
package struct PostgresError: DependencyError, Sendable, Equatable {
    /// The kind of failure.
    package enum Code: Sendable, Hashable {
        /// No connection could be made, or it was lost while the call ran; whether the call took effect is unknown.
        case connection
        /// The server refused the statement; `sqlState` says why.
        case server(sqlState: String)
        /// The server did not answer within the statement timeout.
        case timeout
        /// No connection became free within the acquire timeout.
        case poolTimeout
        /// As many callers as allowed are waiting for a connection already.
        case poolExhausted
        /// A value of the answer is not of the asked type, is NULL or has no such column.
        case decoding
        /// A parameter or a name cannot be sent, for example text with a NUL byte.
        case invalidParameter
        /// The server failed repeatedly, so it was not asked: nothing was sent.
        case unavailable
        /// The client was closed.
        case closed
        /// The queue of a group commit is full.
        case overloaded
        /// A migration file is missing, doubled, edited after it was applied, or failed.
        case migration
    }

    /// The kind of failure.
    package let code: Code
    /// One sentence without data: what went wrong and what to do.
    package let message: String
    /// The server's own words and other detail that may quote data; never shown by `description`.
    package let detail: String
    /// The zero-based index, within a batch, of the statement that failed; nil where it is not known.
    package let statementIndex: Int?
    /// The name of the violated constraint, where the server named one.
    package let constraint: String?

    /// Makes an error.
    /// - Parameters:
    ///   - code: The kind of failure.
    ///   - message: One sentence without data.
    ///   - detail: Text that may quote data.
    ///   - statementIndex: Which statement of a batch failed.
    ///   - constraint: The violated constraint.
    package init(
        _ code: Code,
        _ message: String,
        detail: String = "",
        statementIndex: Int? = nil,
        constraint: String? = nil
    ) {
        self.code = code
        self.message = message
        self.detail = detail
        self.statementIndex = statementIndex
        self.constraint = constraint
    }

    /// The five-character SQLSTATE of a server error, as in PostgreSQL's appendix A; nil for other errors.
    package var sqlState: String? {
        guard case .server(let state) = code else { return nil }
        return state
    }

    /// Whether the same call may succeed when it is made again.
    ///
    /// True for a lost connection, a timeout, a full pool, and of the server's errors for class 08 (connection),
    /// 40001 (serialization), 40P01 (deadlock), class 57P0 (shutdown), 53300 (too many connections), 55P03 (lock).
    /// After a lost connection the first call may have taken effect: retry only what is idempotent.
    package var isRetriable: Bool {
        switch code {
        case .connection, .timeout, .poolTimeout, .poolExhausted, .overloaded, .unavailable:
            true
        case .server(let state):
            state.hasPrefix("08") || state.hasPrefix("57P0")
                || ["40001", "40P01", "53300", "55P03"].contains(state)
        case .decoding, .invalidParameter, .closed, .migration:
            false
        }
    }

    /// What it says about the server: that it answers, unless there was no connection or no answer in time.
    ///
    /// A full pool says nothing about the server.
    package var outcome: CircuitBreakerStateMachine.Outcome {
        switch code {
        case .connection, .timeout:
            .failure
        case .poolTimeout, .poolExhausted, .overloaded, .closed, .migration, .unavailable:
            .unknown
        case .decoding, .invalidParameter:
            .success
        case .server(let state):
            state.hasPrefix("08") || state.hasPrefix("57P0") || state == "53300" ? .failure : .success
        }
    }

    /// Whether the call may be made again, which ``isRetriable`` tells; only what is idempotent should be.
    package var verdict: Retrier.Verdict { isRetriable ? .again() : .giveUp }

    /// Whether the connection, not the statement, is at fault: nothing that was sent is to blame.
    package var isConnectionFailure: Bool {
        switch code {
        case .connection, .timeout, .poolTimeout, .poolExhausted, .closed, .overloaded, .unavailable:
            true
        case .server(let state):
            state.hasPrefix("08") || state.hasPrefix("57P0") || state == "53300"
        case .decoding, .invalidParameter, .migration:
            false
        }
    }
}

extension PostgresError: DescribedError, CustomDebugStringConvertible {
    /// Code, SQLSTATE and advice, without data.
    package var description: String {
        var text = "postgres error \(codeName): \(message)"
        if let statementIndex { text += " (statement \(statementIndex))" }
        return text
    }

    /// `description` with the server's words, which may quote data.
    package var debugDescription: String {
        detail.isEmpty ? description : "\(description): \(detail)"
    }

    private var codeName: String {
        switch code {
        case .server(let state): "server \(state)"
        default: "\(code)"
        }
    }
}
