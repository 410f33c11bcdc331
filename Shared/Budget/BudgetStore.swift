import Postgres

/// The truth about budgets: limits and use in Postgres.
struct BudgetStore: Sendable {
    let client: PostgresClient

    /// Use and limit of each scope, the tenant first.
    func usage(_ scopes: BudgetScopes) async throws -> [ScopeUsage] {
        let results = try await client.batch(
            settings: Self.settings(scopes),
            [(Self.select, Self.parameters(scopes))]
        )
        return try Self.read(results.first)
    }

    /// Charges every scope, or none when a limit would be exceeded.
    /// - Parameters:
    ///   - amount: Tokens to charge.
    ///   - scopes: Whom.
    ///   - reserved: What is set aside of each scope besides, and must be left.
    /// - Returns: The decision, and the use of each scope afterwards.
    /// - Throws: `PostgresError`.
    func charge(
        _ amount: Int64,
        _ scopes: BudgetScopes,
        reserved: [Int64]
    ) async throws -> (BudgetDecision, [ScopeUsage]) {
        let results = try await client.batch(
            settings: Self.settings(scopes),
            [
                (Self.lock, Self.parameters(scopes)),
                (Self.add, Self.parameters(scopes) + [.int(amount), .intArray(reserved.map { $0 })]),
                (Self.select, Self.parameters(scopes)),
            ]
        )
        let isCharged = results[1].affectedRows > 0
        let usage = try Self.read(results.last)
        let before = zip(usage, reserved).map { usage, reserved in
            ScopeUsage(used: usage.used - (isCharged ? amount : 0) + reserved, limit: usage.limit)
        }
        let decision = BudgetDecision.decide(amount, scopes: before)
        return (
            BudgetDecision(
                allowed: isCharged,
                totalTokens: decision.totalTokens,
                limitTokens: decision.limitTokens
            ),
            usage
        )
    }

    private static func settings(_ scopes: BudgetScopes) -> [(String, String)] {
        [("parley.tenants", scopes.tenant)]
    }

    private static func parameters(_ scopes: BudgetScopes) -> [PostgresParameter] {
        [.text(scopes.tenant), .textArray(scopes.personaIDs), .text(scopes.window)]
    }

    private static func read(_ result: PostgresResult?) throws -> [ScopeUsage] {
        try result?.rows.map { row in
            ScopeUsage(used: try row.int64("used"), limit: try row.int64OrNil("limit"))
        } ?? []
    }

    /// The rows exist afterwards and are locked, the tenant's first: whoever charges two rows takes them in one order.
    private static let lock: PostgresStatement = """
        INSERT INTO budget_usage AS b (tenant_id, persona_id, window_start, used_tokens)
        SELECT $1, p.id, $3::text::date, 0 FROM unnest($2::text[]) AS p(id) ORDER BY p.id
        ON CONFLICT (tenant_id, persona_id, window_start) DO UPDATE SET used_tokens = b.used_tokens
        """

    /// Charges all rows, or none when one would exceed its limit.
    ///
    /// All three statements go in one round trip, so that the
    /// rows stay locked for no longer than the server needs.
    private static let add: PostgresStatement = """
        UPDATE budget_usage SET used_tokens = used_tokens + $4
        WHERE tenant_id = $1 AND persona_id = ANY ($2::text[]) AND window_start = $3::text::date AND NOT EXISTS (
            SELECT FROM unnest($2::text[], $5::bigint[]) AS p(id, reserved)
            JOIN budget_usage b ON b.tenant_id = $1 AND b.persona_id = p.id AND b.window_start = $3::text::date
            LEFT JOIN tenants t ON t.tenant_id = $1
            LEFT JOIN personas s ON s.tenant_id = $1 AND s.persona_id = p.id
            WHERE b.used_tokens::numeric + p.reserved + $4
                > CASE WHEN p.id = '' THEN t.budget_tokens_per_day ELSE s.budget_tokens_per_day END
        )
        """

    private static let select: PostgresStatement = """
        SELECT coalesce(b.used_tokens, 0) AS used,
            CASE WHEN p.id = '' THEN t.budget_tokens_per_day ELSE s.budget_tokens_per_day END AS "limit"
        FROM unnest($2::text[]) WITH ORDINALITY AS p(id, place)
        LEFT JOIN budget_usage b
            ON b.tenant_id = $1 AND b.persona_id = p.id AND b.window_start = $3::text::date
        LEFT JOIN tenants t ON t.tenant_id = $1
        LEFT JOIN personas s ON s.tenant_id = $1 AND s.persona_id = p.id
        ORDER BY p.place
        """
}
