import Configuration
import EventBus
import HTTPClient
import JSONSchema
import Postgres

/// A command was called in a way that makes no sense.
struct UsageError: Error, Equatable {
    /// What was wrong.
    let reason: String
}

/// A command could not do what it is for.
struct OperatorError: Error, Equatable {
    /// The kinds of failure.
    enum Code: String, Sendable {
        /// There is no such tenant, key or topic.
        case unknown
        /// There is one by this name already.
        case exists
        /// The gateway refused a request, or its stream stayed away.
        case gateway
        /// A turn ended without an answer.
        case turn
        /// A file cannot be used.
        case file
    }

    /// The kind of failure.
    let code: Code
    /// What went wrong, with which input, and what to do; never a secret.
    let message: String
    /// Whether the same call may succeed later.
    let isRetriable: Bool

    /// Makes an error.
    init(_ code: Code, _ message: String, isRetriable: Bool = false) {
        self.code = code
        self.message = message
        self.isRetriable = isRetriable
    }
}

/// A command has said what is wrong already, and fails.
struct SilentFailure: Error {}

/// Puts errors into one line for the operator: what went wrong, with which input, and what to do.
enum ErrorText {
    /// The line.
    static func line(for error: any Error) -> String {
        TerminalText.oneLine(text(for: error))
    }

    private static func text(for error: any Error) -> String {
        switch error {
        case let error as UsageError: error.reason
        case let error as OperatorError: error.message
        case let error as ConfigurationError: error.problems.map(\.description).joined(separator: "; ")
        case let error as PostgresError: text(for: error)
        case let error as BusError: text(for: error)
        case let error as HTTPClientError: error.message
        case let error as JSONSchemaError: error.description
        default: "\(error)"
        }
    }

    private static func text(for error: PostgresError) -> String {
        switch error.sqlState {
        // undefined_table
        case "42P01": return "the database has no tables of the platform: run parleyctl migrate"
        default: break
        }
        let advice = error.isConnectionFailure ? "; check that Postgres runs and that its URL is right" : ""
        return "the database: \(error.message)\(advice)"
    }

    private static func text(for error: BusError) -> String {
        switch error.code {
        case .brokerUnreachable, .timedOut:
            "the broker: \(error.message); check that it runs and that PARLEY_KAFKA_BROKERS is right"
        default: "the broker: \(error.message)"
        }
    }
}
