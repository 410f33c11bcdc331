package import Postgres
import Synchronization

/// A named role of a tenant, as a turn needs it.
package struct Persona: Sendable, Equatable {
    /// What a persona without a prompt of its own is told.
    package static let defaultPrompt = "You are a helpful assistant. Answer briefly. Use the tools you are given."

    /// The instructions that the model gets first.
    package let prompt: String
    /// The tools that the persona may be offered; nil means all.
    package let tools: [String]?
    /// The node that its conversations remember in by themselves (`memory: auto`); nil when they do not.
    package let memoryNode: String?

    /// Makes a persona.
    package init(prompt: String = defaultPrompt, tools: [String]? = nil, memoryNode: String? = nil) {
        self.prompt = prompt
        self.tools = tools
        self.memoryNode = memoryNode
    }
}

/// The personas of tenants, remembered for a short time.
package final class PersonaStore: Sendable {
    private struct Key: Hashable {
        let tenantID: String
        let personaID: String
    }

    private struct Entry {
        let persona: Persona
        let until: ContinuousClock.Instant
    }

    private static let lookup: PostgresStatement = """
        SELECT prompt, tools, CASE WHEN memory = 'auto' THEN coalesce(memory_node, persona_id) END AS memory_node
        FROM personas WHERE tenant_id = $1 AND persona_id = $2
        """

    private let database: PostgresClient
    private let lifetime: Duration
    private let entriesMax: Int
    private let entries = Mutex<[Key: Entry]>([:])

    /// Makes a store.
    /// - Parameters:
    ///   - database: The pool.
    ///   - lifetime: How long a persona is remembered, and so how late a change is seen. Default 5 s.
    ///   - entriesMax: How many are remembered. Default 10,000.
    package init(database: PostgresClient, lifetime: Duration = .seconds(5), entriesMax: Int = 10_000) {
        self.database = database
        self.lifetime = lifetime
        self.entriesMax = entriesMax
    }

    /// A persona; the default one when the tenant has none by this id.
    package func persona(_ personaID: String?, tenantID: String) async throws -> Persona {
        guard let personaID else { return Persona() }
        let key = Key(tenantID: tenantID, personaID: personaID)
        if let entry = entries.withLock({ $0[key] }), entry.until > .now { return entry.persona }
        let results = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [(Self.lookup, [.text(tenantID), .text(personaID)])]
        )
        let persona = try results[0].rows.first.map { row in
            Persona(
                prompt: try row.stringOrNil("prompt") ?? Persona.defaultPrompt,
                tools: try row.isNull("tools") ? nil : row.textArray("tools").compactMap(\.self),
                memoryNode: try row.stringOrNil("memory_node")
            )
        }
        let entry = Entry(persona: persona ?? Persona(), until: .now + lifetime)
        entries.withLock { entries in
            if entries.count >= entriesMax { entries.removeAll(keepingCapacity: true) }
            entries[key] = entry
        }
        return entry.persona
    }
}
