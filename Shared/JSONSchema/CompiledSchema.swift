package import JSON

/// A schema ready to check values; immutable, so that any number of tasks may share it.
package final class CompiledSchema: Sendable {
    let nodes: [SchemaNode]
    let root: Int
    /// For each name of a `$dynamicRef`: the node that each resource has for it.
    let dynamicTargets: [[Int: Int]]
    /// The configuration that the schema was compiled with.
    package let configuration: JSONSchemaCompiler.Configuration

    init(
        nodes: [SchemaNode],
        root: Int,
        dynamicTargets: [[Int: Int]],
        configuration: JSONSchemaCompiler.Configuration
    ) {
        self.nodes = nodes
        self.root = root
        self.dynamicTargets = dynamicTargets
        self.configuration = configuration
    }

    /// Whether `value` is valid; stops at the first violation.
    package func isValid(_ value: JSONValue) -> Bool {
        var evaluator = SchemaEvaluator(schema: self, collectsViolations: false)
        return evaluator.run(value)
    }

    /// All violations up to ``JSONSchemaCompiler/Configuration/violationsMax``; empty when `value` is valid.
    package func violations(_ value: JSONValue) -> [SchemaViolation] {
        if isValid(value) { return [] }
        var evaluator = SchemaEvaluator(schema: self, collectsViolations: true)
        _ = evaluator.run(value)
        return evaluator.violations
    }

    /// Throws the violations when `value` is not valid.
    ///
    /// - Throws: ``JSONSchemaError`` with the code ``JSONSchemaError/Code/invalidInstance``.
    package func validate(_ value: JSONValue) throws(JSONSchemaError) {
        let violations = violations(value)
        guard violations.isEmpty else {
            throw JSONSchemaError(.invalidInstance, at: "", "not valid under the schema", violations: violations)
        }
    }
}
