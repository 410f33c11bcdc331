import JSON
import Memory
import MemoryStore
import Tools

/// Runs the memory tools on the store that the memory's API uses.
///
/// The memory of a conversation has the conversation's id; its node is the persona, or `default`.
struct MemoryTool: Tool {
    /// What a tool does.
    enum Action: Sendable {
        case observe, learn, predict
    }

    let definition: ToolDefinition
    let action: Action
    let sessions: MemorySessions
    let nodes: MemoryNodes

    /// How long a memory lives without being used, in seconds; as in the memory's API.
    private static let ttlSeconds = 3600
    /// How many predictions there are when none is asked for.
    private static let limitByDefault = 10

    /// All memory tools.
    static func all(sessions: MemorySessions, nodes: MemoryNodes) -> [any Tool] {
        let actions = [
            (MemoryToolDefinitions.observe, Action.observe), (MemoryToolDefinitions.learn, .learn),
            (MemoryToolDefinitions.predict, .predict),
        ]
        return actions.map { MemoryTool(definition: $0.0, action: $0.1, sessions: sessions, nodes: nodes) }
    }

    /// Observes, learns or predicts.
    func run(_ arguments: JSONValue, context: ToolContext) async throws -> JSONValue {
        do {
            switch action {
            case .observe:
                let incoming = IncomingObservation(try Observation(json: arguments), uniqueID: context.idempotencyKey)
                let answer = try await perform(.observe([incoming], SequenceOptions()), context)
                return ["node_id": .string(answer.nodeID), "stm_length": .int(answer.length)]
            case .learn:
                let answer = try await perform(.learn, context)
                return ["node_id": .string(answer.nodeID), "pattern_name": .string(answer.finallyLearned ?? "")]
            case .predict:
                return try await predict(limit: arguments["limit"]?.intValue ?? Self.limitByDefault, context)
            }
        } catch let error as MemoryError {
            throw ToolError(.failed, error.message)
        }
    }

    private func key(_ context: ToolContext) -> MemorySessionKey {
        MemorySessionKey(tenantID: context.tenantId, sessionID: context.sessionId)
    }

    /// Begins the conversation's memory; one that is there already stays as it is.
    private func begin(_ context: ToolContext) async throws {
        _ = try await sessions.create(
            NewMemorySession(
                key: key(context),
                nodeID: context.personaId ?? "default",
                settings: SessionConfiguration(),
                metadata: JSONObject(),
                ttlSeconds: Self.ttlSeconds
            )
        )
    }

    private static let missing = ToolError(.unavailable, "The memory of this conversation is just ending: try again.")

    private func perform(_ operation: MemoryOperation, _ context: ToolContext) async throws -> MemoryAnswer {
        for isFirst in [true, false] {
            switch try await sessions.perform(operation, on: key(context)) {
            case .done(let answer): return answer
            case .refused(let error): throw error
            case .unknownSession: if isFirst { try await begin(context) }
            }
        }
        throw Self.missing
    }

    private func predict(limit: Int, _ context: ToolContext) async throws -> JSONValue {
        var found = try await sessions.snapshot(of: key(context))
        if found == nil {
            try await begin(context)
            found = try await sessions.snapshot(of: key(context))
        }
        guard let state = found?.state else { throw Self.missing }
        let ensemble = try await nodes.predict(from: state, atMost: limit)
        return [
            "node_id": .string(state.nodeID), "stm_length": .int(state.memory.length),
            "predictions": .array(ensemble.predictions.map(Self.json)),
        ]
    }

    /// What a model needs of a prediction.
    private static func json(_ prediction: Prediction) -> JSONValue {
        [
            "name": .string(prediction.name.hex), "frequency": .int(prediction.frequency),
            "similarity": .number(.double(prediction.metrics.similarity)),
            "potential": .number(.double(prediction.metrics.potential)),
            "present": events(prediction.present), "future": events(prediction.future),
        ]
    }

    private static func events(_ events: [[String]]) -> JSONValue {
        .array(events.map { event in .array(event.map { .string($0) }) })
    }
}
