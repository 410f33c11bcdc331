import Domain
import Postgres
import Store

/// `parleyctl budgets`: how many tokens a tenant, or a persona in it, may use in a day.
enum BudgetsCommand: Command {
    static let name = "budgets"
    static let summary = "show and set how many tokens may be used in a day"
    static let usage = """
        parleyctl budgets show [--tenant default] [--persona P]
        parleyctl budgets set [--tenant default] [--persona P] TOKENS|none
        """
    static let details = """
        A day is a UTC day. Without --persona, set means the tenant as a whole, and show lists the tenant and each of
        its personas. 0 allows nothing; none takes the limit away. Workers see a change within 5 seconds.
        Reads PARLEY_DATABASE_URL.
        """

    static func run(_ arguments: inout Arguments) async throws {
        let tenant = try OperatorInput.identifier(
            try arguments.option("--tenant") ?? Identifier.defaultTenant,
            "--tenant"
        )
        let persona = try arguments.option("--persona").map { try OperatorInput.identifier($0, "--persona") }
        let verb = try arguments.require("show or set")
        switch verb {
        case "show":
            try arguments.finish()
            try await show(tenant, persona)
        case "set":
            let limit = try tokens(try arguments.require("TOKENS"))
            try arguments.finish()
            try await set(tenant, persona, limit)
        default:
            throw UsageError(reason: "budgets can be shown or set, not \(TerminalText.quoted(verb))")
        }
    }

    /// A number of tokens; nil means no limit.
    ///
    /// - Throws: ``UsageError`` when it is neither a number nor `none`.
    static func tokens(_ text: String) throws -> Int64? {
        if text == "none" { return nil }
        guard let number = Int64(text), number >= 0 else {
            throw UsageError(
                reason: "TOKENS is \(TerminalText.quoted(text)); it must be a whole number of at least 0, or none"
            )
        }
        return number
    }

    private static func show(_ tenant: String, _ persona: String?) async throws {
        let budgets = try await OperatorDatabase.with { database in
            try await TenantStore(database: database).budgets(tenantID: tenant)
        }
        guard !budgets.isEmpty else { throw unknown(tenant) }
        let shown = persona.map { persona in budgets.filter { $0.personaID == persona } } ?? budgets
        guard !shown.isEmpty else {
            throw OperatorError(
                .unknown,
                "tenant \(tenant) has no persona \(persona ?? "") with a budget, and none was used today"
            )
        }
        let rows = shown.map { budget in
            [
                tenant, budget.personaID ?? "(all)", budget.tokensPerDay.map(String.init) ?? "none",
                String(budget.usedToday),
                budget.tokensPerDay.map { String(max(0, $0 - budget.usedToday)) } ?? "-",
            ]
        }
        let head = ["TENANT", "PERSONA", "TOKENS_PER_DAY", "USED_TODAY", "LEFT"]
        for line in TerminalText.table([head] + rows) {
            Console.print(line)
        }
    }

    private static func set(_ tenant: String, _ persona: String?, _ limit: Int64?) async throws {
        let isSet = try await OperatorDatabase.with { database in
            try await TenantStore(database: database).setBudget(limit, tenantID: tenant, personaID: persona)
        }
        guard isSet else { throw unknown(tenant) }
        let who = persona.map { "persona \($0) of tenant \(tenant)" } ?? "tenant \(tenant)"
        Console.print(limit.map { "\(who) may use \($0) tokens a day" } ?? "\(who) has no limit of its own")
    }

    private static func unknown(_ tenant: String) -> OperatorError {
        OperatorError(.unknown, "there is no tenant \(tenant): parleyctl tenants list shows them")
    }
}
