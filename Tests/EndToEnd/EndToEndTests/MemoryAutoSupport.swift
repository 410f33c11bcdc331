import JSON
import TestKit

extension Platform {
    /// Makes a persona that remembers by itself.
    func rememberingPersona(tenant: String = "default", node: String? = nil) async throws -> String {
        let persona = unique("mnemonic")
        try await remember(persona, tenant: tenant, node: node)
        return persona
    }

    /// Lets a persona remember by itself.
    func remember(_ persona: String, tenant: String = "default", node: String? = nil) async throws {
        let more = node.map { ["--memory-node", $0] } ?? []
        let result = try await parleyctl(
            ["personas", "set", "--tenant", tenant, "--memory", "auto"] + more + [persona]
        )
        guard result.exit == .exited(0) else { throw MemoryRefusal("not set: \(result.standardError)") }
    }

    /// The patterns of a node as `name|frequency|events`, oldest first.
    func patterns(of node: String, tenant: String = "default") async throws -> [String] {
        try await sql(
            """
            SELECT name, frequency, events FROM memory_patterns
            WHERE tenant_id = '\(tenant)' AND node_id = '\(node)' ORDER BY seq
            """
        ).split(separator: "\n").map(String.init)
    }
}

extension PlatformClient {
    /// Says something and waits for the end of the turn, which must be an answer.
    /// - Returns: The final event of the history.
    @discardableResult
    func converse(_ message: String, session: String, persona: String?) async throws -> JSONValue {
        let sent = try await post(message, session: session, persona: persona)
        let turn = try await finishedTurn(sent.eventID)
        guard turn["status"] == "completed" else { throw MemoryRefusal("the turn failed: \(turn.string)") }
        return try await history(session, "limit=1")[0]
    }
}

extension ScriptedModelRequest {
    /// What the model is told of the memory.
    var memoryText: String? {
        messages.first { message in
            message["role"] == "system" && message["content"]?.stringValue?.contains("the memory predicts") == true
        }?["content"]?.stringValue
    }
}

/// Events as JSON.
func json(_ events: [[String]]) -> JSONValue {
    .array(events.map { event in .array(event.map { .string($0) }) })
}
