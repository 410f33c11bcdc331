import JSON

/// The tools with which a model uses the memory of its conversation; executors run them.
package enum MemoryToolDefinitions {
    /// `memory_observe`, `memory_learn` and `memory_predict`.
    package static var all: [ToolDefinition] { [observe, learn, predict] }

    /// Appends one event to the short-term memory; never done twice.
    package static var observe: ToolDefinition {
        ToolDefinition(
            name: "memory_observe",
            description: "Appends one event, a set of strings, to the short-term memory of this conversation.",
            parameters: [
                "type": "object",
                "properties": [
                    "strings": [
                        "type": "array", "minItems": 1, "maxItems": 1000,
                        "items": ["type": "string", "minLength": 1, "maxLength": 1024],
                        "description": "What happened at once.",
                    ],
                    "metadata": ["type": "object", "description": "Notes that the learned pattern keeps."],
                ],
                "required": ["strings"],
                "additionalProperties": false,
            ],
            idempotent: false
        )
    }

    /// Makes a pattern of the short-term memory; never done twice.
    package static var learn: ToolDefinition {
        ToolDefinition(
            name: "memory_learn",
            description: "Learns the events in short-term memory as a pattern, and empties the short-term memory.",
            parameters: ["type": "object", "properties": [:], "additionalProperties": false],
            idempotent: false
        )
    }

    /// Ranks what was learned against the short-term memory.
    package static var predict: ToolDefinition {
        ToolDefinition(
            name: "memory_predict",
            description: "Tells which learned patterns fit the short-term memory best, and what follows in each.",
            parameters: [
                "type": "object",
                "properties": [
                    "limit": [
                        "type": "integer", "minimum": 1, "maximum": 100,
                        "description": "The most predictions to return. Default 10.",
                    ]
                ],
                "additionalProperties": false,
            ],
            idempotent: true,
            resultBytesMax: 1024 * 1024
        )
    }
}
