package import JSON

/// Gives its argument back: the smallest tool, for trying the way of a tool call.
package struct EchoTool: Tool {
    /// Makes the tool.
    package init() {}

    /// `echo` takes `message`.
    package var definition: ToolDefinition {
        ToolDefinition(
            name: "echo",
            description: "Returns the message unchanged.",
            parameters: [
                "type": "object",
                "properties": [
                    "message": ["type": "string", "maxLength": 65_536, "description": "The text to return."]
                ],
                "required": ["message"],
                "additionalProperties": false,
            ],
            idempotent: true,
            timeout: .seconds(5),
            resultBytesMax: 512 * 1024
        )
    }

    /// Returns `{"message": …}`.
    package func run(_ arguments: JSONValue, context: ToolContext) async throws -> JSONValue {
        ["message": arguments["message"] ?? ""]
    }
}
