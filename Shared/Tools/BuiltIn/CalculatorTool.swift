package import JSON

/// Evaluates an arithmetic expression; see ``Calculator`` for what it understands.
package struct CalculatorTool: Tool {
    /// Makes the tool.
    package init() {}

    /// `calculator` takes `expression`.
    package var definition: ToolDefinition {
        ToolDefinition(
            name: "calculator",
            description: """
                Evaluates an arithmetic expression: + - * / % ^, parentheses, sqrt abs round floor ceil min max log ln \
                exp sin cos tan, pi, e. log is base 10 unless a second argument names the base; angles are in radians.
                """,
            parameters: [
                "type": "object",
                "properties": [
                    "expression": [
                        "type": "string", "minLength": 1, "maxLength": .int(Calculator.lengthMax),
                        "description": "The expression, such as (2 + 3) * sqrt(16).",
                    ]
                ],
                "required": ["expression"],
                "additionalProperties": false,
            ],
            idempotent: true,
            timeout: .seconds(5),
            resultBytesMax: 16 * 1024
        )
    }

    /// Returns `{"expression": …, "result": number}`.
    package func run(_ arguments: JSONValue, context: ToolContext) async throws -> JSONValue {
        let expression = arguments["expression"]?.stringValue ?? ""
        let result = try Calculator.evaluate(expression)
        return ["expression": .string(expression), "result": .number(result)]
    }
}
