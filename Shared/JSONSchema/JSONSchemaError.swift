import Errors

/// Why a schema cannot be compiled, or why a value is not valid under one.
///
/// Texts name places in the schema and paths in the instance, never values of the instance.
package struct JSONSchemaError: DescribedError, Sendable, Equatable {
    /// What went wrong.
    package enum Code: String, Sendable, CaseIterable {
        /// A keyword of the schema has a value that the specification does not allow.
        case invalidKeyword
        /// A `$ref` or `$dynamicRef` leads nowhere: give the document to the compiler first.
        case unresolvedReference
        /// A URI in the schema cannot be read.
        case invalidURI
        /// Two places of the schema claim the same `$id` or anchor.
        case duplicateIdentifier
        /// The schema's `$schema` names a metaschema that the compiler was not given.
        case unknownMetaschema
        /// The metaschema requires a vocabulary that this validator does not have.
        case unsupportedVocabulary
        /// A pattern is not a regular expression of ECMA-262, or uses a part of it that is not supported.
        case invalidPattern
        /// The schema is larger than the limits of the compiler allow.
        case tooLarge
        /// The value is not valid; ``JSONSchemaError/violations`` say why.
        case invalidInstance
        /// A file cannot be read.
        case unreadableFile
    }

    /// What went wrong.
    package let code: Code
    /// Where in the schema: URI and JSON Pointer; for files the path.
    package let location: String
    /// What is wrong there, in words.
    package let reason: String
    /// The violations when the code is ``Code/invalidInstance``.
    package let violations: [SchemaViolation]

    /// Makes an error.
    package init(_ code: Code, at location: String, _ reason: String, violations: [SchemaViolation] = []) {
        self.code = code
        self.location = location
        self.reason = reason
        self.violations = violations
    }

    /// The same input fails again, so it is never worth a retry.
    package var isRetriable: Bool { false }

    /// A sentence for logs and clients.
    package var description: String {
        let details = violations.map(\.description).joined(separator: "; ")
        let place = location.isEmpty ? "" : " at \(location)"
        return reason + place + (details.isEmpty ? "" : ": " + details)
    }
}

/// One reason why a value is not valid under a schema.
package struct SchemaViolation: Sendable, Equatable, CustomStringConvertible {
    /// JSON Pointer of the offending value in the instance; empty for the instance itself.
    package let instancePath: String
    /// JSON Pointer through the schema to the keyword, references included as `/$ref`.
    package let schemaPath: String
    /// The keyword that failed, such as `maxLength`; empty when a schema is just `false`.
    package let keyword: String
    /// What the value must be, without any of its text.
    package let message: String

    /// Makes a violation.
    package init(instancePath: String, schemaPath: String, keyword: String, message: String) {
        self.instancePath = instancePath
        self.schemaPath = schemaPath
        self.keyword = keyword
        self.message = message
    }

    /// Path and message.
    package var description: String { (instancePath.isEmpty ? "(root)" : instancePath) + " " + message }
}
