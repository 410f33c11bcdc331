package import Domain
package import Postgres

/// What clients may look up: history, turns, tool runs.
package final class ReadStore: Sendable {
    private let database: PostgresClient

    /// Makes a store.
    package init(database: PostgresClient) {
        self.database = database
    }

    /// A page of a session's events.
    /// - Parameters:
    ///   - sessionID: The session.
    ///   - tenantID: Its tenant.
    ///   - page: Which part, and in which order.
    /// - Returns: The events, or nil when the tenant has no such session.
    /// - Throws: `PostgresError`.
    package func events(of sessionID: String, tenantID: String, page: HistoryPage) async throws -> [HistoryEvent]? {
        let bounds: [PostgresParameter] = [
            .text(tenantID), .text(sessionID), .int(page.after ?? 0), .int(page.before ?? Int64.max), .int(page.limit),
        ]
        let results = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [
                (ReadSQL.session, [.text(tenantID), .text(sessionID)]),
                (page.isNewestFirst ? ReadSQL.eventsDescending : ReadSQL.eventsAscending, bounds),
            ]
        )
        if results[0].rows.isEmpty { return nil }
        return try results[1].rows.map { row in try HistoryEvent(row: row) }
    }

    /// A turn with its steps, or nil when the tenant has no such turn.
    package func turn(_ turnID: String, tenantID: String) async throws -> TurnView? {
        let key: [PostgresParameter] = [.text(tenantID), .text(turnID)]
        let results = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [(ReadSQL.turn, key), (ReadSQL.steps, key)]
        )
        guard let row = results[0].rows.first else { return nil }
        return try TurnView(row: row, steps: results[1])
    }

    /// The stream events after a position that can be told from what is stored: everything but deltas.
    ///
    /// - Parameters:
    ///   - sessionID: The session.
    ///   - tenantID: Its tenant.
    ///   - position: The last event that the client has seen.
    ///   - limit: The most turns to go through.
    /// - Returns: The events, in order.
    /// - Throws: `PostgresError`.
    package func stream(
        of sessionID: String,
        tenantID: String,
        after position: StreamPosition,
        limit: Int
    ) async throws -> [StreamEvent] {
        let key: [PostgresParameter] = [.text(tenantID), .text(sessionID), .int(position.turn), .int(limit)]
        let results = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [(ReadSQL.streamTurns, key), (ReadSQL.streamSteps, key)]
        )
        return try StreamReconstruction(turns: results[0], steps: results[1], sessionID: sessionID)
            .events(after: position)
    }
}

/// Which part of a session's history is asked for.
package struct HistoryPage: Sendable {
    /// Only events with a higher seq.
    package var after: Int64?
    /// Only events with a lower seq.
    package var before: Int64?
    /// The most events.
    package var limit: Int
    /// Newest first, or oldest first.
    package var isNewestFirst: Bool

    /// Makes a page.
    package init(after: Int64? = nil, before: Int64? = nil, limit: Int = 50, isNewestFirst: Bool = true) {
        self.after = after
        self.before = before
        self.limit = limit
        self.isNewestFirst = isNewestFirst
    }
}
