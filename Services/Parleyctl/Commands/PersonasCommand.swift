import Domain
import Postgres
import Store

/// `parleyctl personas`: what the personas of a tenant are told, and whether they remember.
enum PersonasCommand: Command {
    static let name = "personas"
    static let summary = "show and set prompts of personas, and whether they remember"
    static let usage = """
        parleyctl personas list [--tenant default]
        parleyctl personas set [--tenant default] [--prompt TEXT] [--memory auto|off] [--memory-node NODE] PERSONA
        """
    static let details = """
        With --memory auto each message to the persona is observed in the memory of its session, the memory learns when
        enough was observed and when the session of the memory ends, and the model is told what the memory predicts. All
        conversations with the persona remember in one node: its own id, or the one that --memory-node names.
        What is not named stays as it is; a persona that is not known is made. Workers see a change within 5 seconds.
        Reads PARLEY_DATABASE_URL.
        """

    /// The longest prompt, in bytes of UTF-8.
    private static let promptBytesMax = 100_000

    static func run(_ arguments: inout Arguments) async throws {
        let tenant = try OperatorInput.identifier(
            try arguments.option("--tenant") ?? Identifier.defaultTenant,
            "--tenant"
        )
        let change = try change(&arguments)
        let verb = try arguments.require("list or set")
        switch verb {
        case "list":
            try arguments.finish()
            try await list(tenant)
        case "set":
            let persona = try OperatorInput.identifier(try arguments.require("PERSONA"), "PERSONA")
            try arguments.finish()
            try await set(tenant, persona, change)
        default:
            throw UsageError(reason: "personas can be listed or set, not \(TerminalText.quoted(verb))")
        }
    }

    private static func change(_ arguments: inout Arguments) throws -> PersonaChange {
        var change = PersonaChange()
        change.prompt = try arguments.option("--prompt")
        if let prompt = change.prompt, prompt.utf8.count > promptBytesMax {
            throw UsageError(reason: "--prompt must have at most \(promptBytesMax) bytes")
        }
        if let text = try arguments.option("--memory") {
            guard let mode = PersonaSettings.MemoryMode(rawValue: text) else {
                throw UsageError(reason: "--memory is \(TerminalText.quoted(text)); it must be auto or off")
            }
            change.memory = mode
        }
        change.memoryNode = try arguments.option("--memory-node").map {
            try OperatorInput.identifier($0, "--memory-node")
        }
        return change
    }

    private static func list(_ tenant: String) async throws {
        let personas = try await OperatorDatabase.with { database in
            guard try await TenantStore(database: database).exists(tenant) else { throw unknown(tenant) }
            return try await PersonaDirectory(database: database).list(tenantID: tenant)
        }
        let rows = personas.map { persona in
            [
                tenant, persona.personaID, persona.memory.rawValue, persona.memory == .auto ? persona.memoryNode : "-",
                persona.tools.map { $0.joined(separator: ",") } ?? "(all)", persona.prompt == nil ? "usual" : "own",
            ]
        }
        let head = ["TENANT", "PERSONA", "MEMORY", "NODE", "TOOLS", "PROMPT"]
        for line in TerminalText.table([head] + rows) {
            Console.print(line)
        }
    }

    private static func set(_ tenant: String, _ persona: String, _ change: PersonaChange) async throws {
        let isSet = try await OperatorDatabase.with { database in
            try await PersonaDirectory(database: database).set(change, personaID: persona, tenantID: tenant)
        }
        guard isSet else { throw unknown(tenant) }
        Console.print("persona \(persona) of tenant \(tenant) is set")
    }

    private static func unknown(_ tenant: String) -> OperatorError {
        OperatorError(.unknown, "there is no tenant \(tenant): parleyctl tenants list shows them")
    }
}
