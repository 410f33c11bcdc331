package import JSON

/// What the platform and a model need to know about a tool before it runs.
package struct ToolDefinition: Sendable, Equatable {
    /// Whether a person has to agree before a run.
    package enum Approval: String, Sendable, CaseIterable {
        /// Nobody is asked.
        case never
        /// Every run waits for an answer.
        case always
        /// The policy engine decides for each run.
        case policy
    }

    /// The name, unique in a registry: 1–128 characters out of `A-Z a-z 0-9 . _ : / -`.
    package let name: String
    /// What the tool does, for the model that chooses it.
    package let description: String
    /// JSON Schema (draft 2020-12) of the arguments; its `type` is `object`.
    package let parameters: JSONValue
    /// Whether a second run under the same idempotency key does no harm.
    ///
    /// A tool that is not idempotent never runs twice.
    package let idempotent: Bool
    /// How long one run may take.
    ///
    /// Default 30 s.
    package let timeout: Duration
    /// Whether a person has to agree.
    ///
    /// Default never.
    package let approval: Approval
    /// Greatest size of a result as JSON text, in bytes.
    ///
    /// Default 256 KiB.
    package let resultBytesMax: Int

    /// Makes a definition; the registry checks it.
    package init(
        name: String,
        description: String,
        parameters: JSONValue,
        idempotent: Bool,
        timeout: Duration = .seconds(30),
        approval: Approval = .never,
        resultBytesMax: Int = 256 * 1024
    ) {
        self.name = name
        self.description = description
        self.parameters = parameters
        self.idempotent = idempotent
        self.timeout = timeout
        self.approval = approval
        self.resultBytesMax = resultBytesMax
    }

    /// The entry of the tool list that clients see.
    package var json: JSONValue {
        let milliseconds = timeout.components.seconds * 1_000 + timeout.components.attoseconds / 1_000_000_000_000_000
        return [
            "name": .string(name),
            "description": .string(description),
            "parameters": parameters,
            "idempotent": .bool(idempotent),
            "timeout_seconds": .number(
                milliseconds % 1_000 == 0
                    ? .integer(milliseconds / 1_000) : .double(Double(milliseconds) / 1_000)
            ),
            "approval": .string(approval.rawValue),
            "result_bytes_max": .int(resultBytesMax),
        ]
    }

    /// The form in which chat-completions endpoints take tools.
    package var functionJSON: JSONValue {
        [
            "type": "function",
            "function": ["name": .string(name), "description": .string(description), "parameters": parameters],
        ]
    }
}

/// For whom and under which key a tool runs.
///
/// It carries no state: whatever a tool must remember it keeps elsewhere.
package struct ToolContext: Sendable, Equatable {
    /// The tenant, which every access of the tool is bound to.
    package let tenantId: String
    /// The session.
    package let sessionId: String
    /// The persona, if the turn has one.
    package let personaId: String?
    /// The same for every attempt of one run: the request's `event_id`.
    package let idempotencyKey: String
    /// When the run must be over.
    package let deadline: ContinuousClock.Instant

    /// Makes a context.
    package init(
        tenantId: String,
        sessionId: String,
        personaId: String? = nil,
        idempotencyKey: String,
        deadline: ContinuousClock.Instant
    ) {
        self.tenantId = tenantId
        self.sessionId = sessionId
        self.personaId = personaId
        self.idempotencyKey = idempotencyKey
        self.deadline = deadline
    }
}

/// Something that a model or a client can ask for.
package protocol Tool: Sendable {
    /// Name, parameters and limits; constant over the tool's life.
    var definition: ToolDefinition { get }

    /// Runs once with arguments that are valid under the parameter schema, and returns an object.
    ///
    /// - Throws: ``ToolError``, or any error, which is reported without its text.
    func run(_ arguments: JSONValue, context: ToolContext) async throws -> JSONValue
}
