import Errors

/// Why a budget could not be consulted.
package struct BudgetError: DescribedError, Sendable, Equatable {
    /// The kind of failure.
    package enum Code: Sendable, Hashable {
        /// A negative number of tokens, or an id with a comma or a brace.
        case invalidArgument
    }

    /// The kind of failure.
    package let code: Code
    /// One sentence: what went wrong and what to do.
    package let message: String
    /// Never: the same call fails the same way.
    package var isRetriable: Bool { false }
    /// The message.
    package var description: String { "budget error \(code): \(message)" }
}
