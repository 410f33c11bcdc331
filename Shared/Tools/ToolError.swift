import Errors
package import JSONSchema

/// Why a tool cannot be registered, or gave no result.
package struct ToolError: DescribedError, Sendable, Equatable {
    /// What went wrong.
    package enum Code: String, Sendable, CaseIterable {
        /// No tool has the name.
        case unknownTool
        /// The arguments are not valid under the tool's parameter schema; ``ToolError/violations`` say why.
        case invalidArguments
        /// A definition cannot be registered.
        case invalidDefinition
        /// A tool of the name is registered already.
        case duplicateName
        /// The tool ran and found that what it was asked for cannot be done; the reason is meant for the model.
        case failed
        /// The tool ran into its time limit.
        case timedOut
        /// The run was cut off and may have had its effect; a tool that is not idempotent is not run again.
        case interrupted
        /// A policy or a guard forbids the run.
        case denied
        /// Something that the tool needs is not there for the moment.
        case unavailable
        /// The result is no object, or larger than the definition allows.
        case invalidResult
    }

    /// What went wrong.
    package let code: Code
    /// What went wrong in words, without secrets; for ``Code/failed`` meant for the model.
    package let reason: String
    /// What is wrong with the arguments.
    package let violations: [SchemaViolation]

    /// Makes an error.
    package init(_ code: Code, _ reason: String, violations: [SchemaViolation] = []) {
        self.code = code
        self.reason = reason
        self.violations = violations
    }

    /// Whether the same run may succeed later.
    package var isRetriable: Bool { code == .unavailable || code == .timedOut }

    /// The reason, with the violations.
    package var description: String {
        violations.isEmpty ? reason : reason + ": " + violations.map(\.description).joined(separator: "; ")
    }
}
