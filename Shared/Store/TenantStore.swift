package import Postgres

/// A tenant, as operators see it.
package struct Tenant: Sendable, Equatable {
    /// The tenant's id.
    package let tenantID: String
    /// What people call it.
    package let name: String
    /// When it was made, ISO 8601 in UTC.
    package let createdAt: String
}

/// How many tokens a tenant or a persona may use, and has used today.
package struct TokenBudget: Sendable, Equatable {
    /// The persona; nil means the tenant as a whole.
    package let personaID: String?
    /// Tokens that may be used in a UTC day; nil means no limit of its own.
    package let tokensPerDay: Int64?
    /// Tokens used since the UTC day began.
    package let usedToday: Int64
}

/// Tenants and their budgets, for operators.
package final class TenantStore: Sendable {
    private static let one: PostgresStatement = "SELECT 1 FROM tenants WHERE tenant_id = $1"
    private static let page: PostgresStatement = """
        SELECT tenant_id, name, created_at FROM tenants WHERE tenant_id > $1 ORDER BY tenant_id LIMIT $2
        """
    private static let insert: PostgresStatement = """
        INSERT INTO tenants (tenant_id, name) VALUES ($1, $2) ON CONFLICT (tenant_id) DO NOTHING
        """
    private static let budgets: PostgresStatement = """
        WITH today AS (
            SELECT persona_id, used_tokens FROM budget_usage
            WHERE tenant_id = $1 AND window_start = (now() AT TIME ZONE 'UTC')::date
        ), ids AS (
            SELECT '' AS id
            UNION SELECT persona_id FROM personas WHERE tenant_id = $1
            UNION SELECT persona_id FROM today
        )
        SELECT ids.id, coalesce(u.used_tokens, 0) AS used,
            CASE WHEN ids.id = '' THEN t.budget_tokens_per_day ELSE p.budget_tokens_per_day END AS "limit"
        FROM ids
        JOIN tenants t ON t.tenant_id = $1
        LEFT JOIN personas p ON p.tenant_id = $1 AND p.persona_id = ids.id
        LEFT JOIN today u ON u.persona_id = ids.id
        ORDER BY ids.id
        """
    private static let setTenantBudget: PostgresStatement = """
        UPDATE tenants SET budget_tokens_per_day = $2 WHERE tenant_id = $1
        """
    private static let setPersonaBudget: PostgresStatement = """
        INSERT INTO personas (tenant_id, persona_id, budget_tokens_per_day)
        SELECT tenant_id, $2, $3::bigint FROM tenants WHERE tenant_id = $1
        ON CONFLICT (tenant_id, persona_id) DO UPDATE SET budget_tokens_per_day = EXCLUDED.budget_tokens_per_day
        """

    private let database: PostgresClient

    /// Makes a store.
    package init(database: PostgresClient) {
        self.database = database
    }

    /// Whether there is a tenant by this id.
    package func exists(_ tenantID: String) async throws -> Bool {
        try await run(Self.one, [.text(tenantID)], tenantID)?.rows.isEmpty == false
    }

    /// Tenants in the order of their ids.
    /// - Parameters:
    ///   - after: The last id of the page before; nil for the first page.
    ///   - limit: How many at most.
    /// - Returns: The page.
    /// - Throws: `PostgresError`.
    package func list(after: String?, limit: Int) async throws -> [Tenant] {
        let results = try await database.batch([(Self.page, [.text(after ?? ""), .int(limit)])])
        return try results[0].rows.map { row in
            Tenant(
                tenantID: try row.string("tenant_id"),
                name: try row.string("name"),
                createdAt: try row.timestamp("created_at")
            )
        }
    }

    /// Makes a tenant.
    /// - Returns: False when there is one by this id already.
    /// - Throws: `PostgresError`.
    package func create(_ tenantID: String, name: String) async throws -> Bool {
        try await run(Self.insert, [.text(tenantID), .text(name)], tenantID)?.affectedRows == 1
    }

    /// The budget of the tenant as a whole, then of its personas; empty when there is no such tenant.
    package func budgets(tenantID: String) async throws -> [TokenBudget] {
        try await run(Self.budgets, [.text(tenantID)], tenantID)?.rows.map { row in
            let personaID = try row.string("id")
            return TokenBudget(
                personaID: personaID.isEmpty ? nil : personaID,
                tokensPerDay: try row.int64OrNil("limit"),
                usedToday: try row.int64("used")
            )
        } ?? []
    }

    /// Sets how many tokens a tenant, or a persona in it, may use in a UTC day; a persona that is not known is made.
    /// - Parameters:
    ///   - tokensPerDay: The limit; nil for none.
    ///   - tenantID: The tenant.
    ///   - personaID: The persona; nil for the tenant as a whole.
    /// - Returns: False when there is no such tenant.
    /// - Throws: `PostgresError`.
    package func setBudget(_ tokensPerDay: Int64?, tenantID: String, personaID: String?) async throws -> Bool {
        let limit = PostgresParameter.int(orNull: tokensPerDay)
        let result =
            if let personaID {
                try await run(Self.setPersonaBudget, [.text(tenantID), .text(personaID), limit], tenantID)
            } else {
                try await run(Self.setTenantBudget, [.text(tenantID), limit], tenantID)
            }
        return result?.affectedRows == 1
    }

    private func run(
        _ statement: PostgresStatement,
        _ parameters: [PostgresParameter],
        _ tenantID: String
    ) async throws -> PostgresResult? {
        try await database.batch(settings: TenantScope.settings([tenantID]), [(statement, parameters)]).first
    }
}
