import Errors
package import Resilience

/// What went wrong with a call to Redis.
///
/// `description` holds no keys, values or passwords.
package struct RedisError: DependencyError, DescribedError, Sendable, Equatable {
    /// The kind of failure.
    package enum Code: Sendable, Hashable {
        /// Redis is not there at the moment; nothing was sent. An ordinary state: go on without it.
        case unavailable
        /// The connection was lost while the command was on its way: whether it took effect is unknown.
        case connectionLost
        /// No answer came within the command timeout: whether it took effect is unknown.
        case timeout
        /// As many commands as allowed wait for their answers.
        case overloaded
        /// Redis refused the command; `kind` is the first word of its answer, for example `WRONGTYPE`.
        case server(kind: String)
        /// The answer is not of the expected type, or not Redis' protocol.
        case unexpectedAnswer
        /// The configuration makes no sense.
        case invalidConfiguration
        /// The client was closed.
        case closed
    }

    /// The kind of failure.
    package let code: Code
    /// One sentence without data: what went wrong and what to do.
    package let message: String

    /// Makes an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the same call may succeed later.
    ///
    /// After a lost connection or a timeout it may also have taken effect.
    package var isRetriable: Bool {
        switch code {
        case .unavailable, .connectionLost, .timeout, .overloaded: true
        case .server(let kind): ["LOADING", "BUSY", "TRYAGAIN", "READONLY", "MASTERDOWN"].contains(kind)
        case .unexpectedAnswer, .invalidConfiguration, .closed: false
        }
    }

    /// What it says about the server.
    package var outcome: CircuitBreakerStateMachine.Outcome {
        switch code {
        case .unavailable, .connectionLost, .timeout: .failure
        case .server(let kind): ["LOADING", "BUSY", "MASTERDOWN"].contains(kind) ? .failure : .success
        case .unexpectedAnswer: .success
        case .overloaded, .invalidConfiguration, .closed: .unknown
        }
    }

    /// Whether the call may be made again, which ``isRetriable`` tells; only what is idempotent should be.
    package var verdict: Retrier.Verdict { isRetriable ? .again() : .giveUp }

    /// Code and message, without data.
    package var description: String { "redis error \(code): \(message)" }
}
