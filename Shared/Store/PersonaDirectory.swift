package import Postgres

/// A persona's settings, as operators see them.
package struct PersonaSettings: Sendable, Equatable {
    /// Whether its conversations remember by themselves.
    package enum MemoryMode: String, Sendable {
        /// Only when the model or a client asks for it.
        case off
        /// Each message is observed, and what the memory predicts is put before the model.
        case auto
    }

    /// The persona.
    package let personaID: String
    /// Its instructions; nil for the usual ones.
    package let prompt: String?
    /// The tools that it may be offered; nil means all.
    package let tools: [String]?
    /// Whether its conversations remember by themselves.
    package let memory: MemoryMode
    /// The node that they remember in.
    package let memoryNode: String
}

/// What is to be changed of a persona; what is nil stays as it is.
package struct PersonaChange: Sendable {
    /// Its instructions.
    package var prompt: String?
    /// Whether its conversations remember by themselves.
    package var memory: PersonaSettings.MemoryMode?
    /// The node that they remember in.
    package var memoryNode: String?

    /// Changes nothing yet.
    package init() {}
}

/// The personas of a tenant, for operators.
package struct PersonaDirectory: Sendable {
    private static let page: PostgresStatement = """
        SELECT persona_id, prompt, tools, memory, coalesce(memory_node, persona_id) AS memory_node
        FROM personas WHERE tenant_id = $1 ORDER BY persona_id LIMIT $2
        """
    private static let change: PostgresStatement = """
        INSERT INTO personas AS p (tenant_id, persona_id, prompt, memory, memory_node)
        SELECT tenant_id, $2, $3::text, coalesce($4::text, 'off'), $5::text FROM tenants WHERE tenant_id = $1
        ON CONFLICT (tenant_id, persona_id) DO UPDATE SET
            prompt = coalesce($3::text, p.prompt), memory = coalesce($4::text, p.memory),
            memory_node = coalesce($5::text, p.memory_node)
        """

    private let database: PostgresClient

    /// Makes a directory.
    package init(database: PostgresClient) {
        self.database = database
    }

    /// The personas of a tenant, in the order of their ids.
    /// - Throws: `PostgresError`.
    package func list(tenantID: String, limit: Int = 10_000) async throws -> [PersonaSettings] {
        try await run(Self.page, [.text(tenantID), .int(limit)], tenantID).rows.map { row in
            PersonaSettings(
                personaID: try row.string("persona_id"),
                prompt: try row.stringOrNil("prompt"),
                tools: try row.isNull("tools") ? nil : row.textArray("tools").compactMap(\.self),
                memory: PersonaSettings.MemoryMode(rawValue: try row.string("memory")) ?? .off,
                memoryNode: try row.string("memory_node")
            )
        }
    }

    /// Changes a persona; one that is not known is made.
    ///
    /// Workers see it within 5 seconds.
    /// - Returns: False when there is no such tenant.
    /// - Throws: `PostgresError`.
    package func set(_ change: PersonaChange, personaID: String, tenantID: String) async throws -> Bool {
        let parameters: [PostgresParameter] = [
            .text(tenantID), .text(personaID), .text(orNull: change.prompt),
            .text(orNull: change.memory?.rawValue), .text(orNull: change.memoryNode),
        ]
        return try await run(Self.change, parameters, tenantID).affectedRows == 1
    }

    private func run(
        _ statement: PostgresStatement,
        _ parameters: [PostgresParameter],
        _ tenantID: String
    ) async throws -> PostgresResult {
        try await database.batch(settings: TenantScope.settings([tenantID]), [(statement, parameters)])[0]
    }
}
