import Errors

/// Why the memory refused something.
package struct MemoryError: DescribedError, Sendable, Equatable {
    /// The kind of failure.
    package enum Code: Sendable, Hashable {
        /// An observation outside its limits; an HTTP API answers 422.
        case invalidObservation
        /// A session setting of a wrong type or outside its range; an HTTP API answers 400 with `problems`.
        case invalidConfiguration
        /// Nothing to learn from: the short-term memory is empty; an HTTP API answers 400.
        case emptyShortTermMemory
        /// A pattern that cannot have been learned: no events, an empty event, no frequency, a wrong name.
        case invalidPattern
        /// More patterns, symbols or symbol occurrences than an index can number or may take.
        case indexFull
        /// A state, or predictions from it, of more symbols than predictions may have.
        case predictionTooLarge
        /// A prediction that was not ready in time.
        case predictionTooSlow
        /// What a session holds would take more memory than it may; an HTTP API answers 422.
        case shortTermMemoryFull
        /// As many computations wait as may, or one has waited for too long.
        case busy
    }

    /// One field and what is wrong with it.
    package struct Problem: Sendable, Hashable {
        /// The field or the key, with an index where it is a list (`vectors[3]`).
        package let field: String
        /// What is wrong, as a sentence that can stand after the field's name.
        package let reason: String

        /// Names a field and what is wrong with it.
        package init(field: String, reason: String) {
            self.field = field
            self.reason = reason
        }
    }

    /// The kind of failure.
    package let code: Code
    /// What is wrong, one entry for each field.
    package let problems: [Problem]
    /// One sentence: what went wrong and what to do.
    package let message: String
    /// Whether the same call may succeed later, when less is to be done.
    package var isRetriable: Bool { code == .predictionTooSlow || code == .busy }
    /// The message.
    package var description: String { "memory error \(code): \(message)" }

    /// Makes an error of which the message speaks for itself.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.problems = []
        self.message = message
    }

    /// Makes an error out of problems with fields; the message names each.
    package init(_ code: Code, problems: [Problem]) {
        self.code = code
        self.problems = problems
        self.message = problems.map { "\($0.field): \($0.reason)" }.joined(separator: "; ")
    }

    /// What a prediction that was not ready by its deadline answers.
    package static let predictionTooSlow = MemoryError(
        .predictionTooSlow,
        "the predictions were not ready in time: try again later, or with a shorter short-term memory or a filter"
    )

    /// What learning from an empty short-term memory answers, in the words that clients know.
    package static let emptyShortTermMemory = MemoryError(.emptyShortTermMemory, "Cannot learn from empty STM")
}
