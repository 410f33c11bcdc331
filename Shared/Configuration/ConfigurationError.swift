import Errors

/// All that is wrong with a configuration, at once.
package struct ConfigurationError: DescribedError, Sendable, Equatable {
    /// What is wrong with a key.
    package enum Code: String, Sendable {
        /// It has no default and is not set.
        case missing
        /// Its value cannot be read as what it should be.
        case malformed
        /// Its value is outside what is allowed.
        case outOfRange
        /// The file that a secret is to be read from cannot be read.
        case unreadableFile
        /// It does not go together with another key.
        case conflict
    }

    /// One thing that is wrong.
    package struct Problem: Sendable, Equatable, CustomStringConvertible {
        /// The key in the environment.
        package let key: String
        /// What kind of trouble it is.
        package let code: Code
        /// What is wrong and what is expected; never the value of a secret.
        package let message: String

        /// The key and the message.
        package var description: String { "\(key): \(message)" }
    }

    /// What is wrong, in the order in which keys are read.
    package let problems: [Problem]

    /// Always false: somebody must change the environment.
    package var isRetriable: Bool { false }

    /// A line per problem.
    package var description: String {
        let count = problems.count == 1 ? "1 setting is" : "\(problems.count) settings are"
        return (["\(count) wrong or missing:"] + problems.map { "  \($0)" }).joined(separator: "\n")
    }
}
