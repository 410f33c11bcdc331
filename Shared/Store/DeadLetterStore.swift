import Domain
package import Postgres

/// Which dead letters of a tenant are meant.
package struct DeadLetterFilter: Sendable {
    /// The tenant.
    package var tenantID: String
    /// Only those of this topic; nil: of any.
    package var topic: String?
    /// Only those of this reason, as ``DeadLetterReason`` has it; nil: of any.
    package var reason: String?

    /// Makes a filter.
    package init(tenantID: String, topic: String? = nil, reason: String? = nil) {
        self.tenantID = tenantID
        self.topic = topic
        self.reason = reason
    }

    var parameters: [PostgresParameter] { [.text(tenantID), .text(orNull: topic), .text(orNull: reason)] }
}

/// Records that could not be processed, with the reason.
package final class DeadLetterStore: Sendable {
    /// The most rows of a page, and of one transaction of a purge.
    package static let pageMax = 500

    private let database: PostgresClient

    /// Makes a store.
    package init(database: PostgresClient) {
        self.database = database
    }

    /// Stores a record; a second time it only adds the attempts.
    package func insert(_ letter: NewDeadLetter) async throws {
        // It may be there already as one of the default tenant's, from before its tenant was made.
        _ = try await database.batch(
            settings: TenantScope.settings([letter.tenantID, Identifier.defaultTenant]),
            [
                (
                    DeadLetterSQL.insert,
                    [
                        .text(letter.tenantID), .text(letter.topic), .int(Int64(letter.partition)),
                        .int(letter.offset), .text(orNull: letter.key), .text(letter.reasonText),
                        .bytes(letter.payload), .json(HeaderText.encode(letter.headers)), .int(letter.attempts),
                    ]
                )
            ]
        )
    }

    /// Dead letters, newest first.
    /// - Parameters:
    ///   - filter: Which.
    ///   - before: Only those with a lower id; nil: from the newest.
    ///   - limit: How many at most.
    /// - Returns: The page, without what the records say.
    /// - Throws: `PostgresError`.
    package func page(_ filter: DeadLetterFilter, before: Int64? = nil, limit: Int) async throws -> [DeadLetter] {
        let bounds: [PostgresParameter] = [.int(before ?? Int64.max), .int(limit)]
        return try await run(DeadLetterSQL.page, filter.parameters + bounds, filter.tenantID).rows.map { row in
            try DeadLetter(row: row)
        }
    }

    /// The ids of dead letters to send again, in the order in which they came.
    /// - Parameters:
    ///   - filter: Which.
    ///   - after: Only those with a higher id.
    ///   - includesRedriven: Whether those too that were sent again before.
    /// - Returns: At most ``pageMax`` ids.
    /// - Throws: `PostgresError`.
    package func waiting(
        _ filter: DeadLetterFilter,
        after: Int64,
        includesRedriven: Bool
    ) async throws -> [Int64] {
        let bounds: [PostgresParameter] = [.int(after), .bool(includesRedriven), .int(Self.pageMax)]
        return try await run(DeadLetterSQL.waiting, filter.parameters + bounds, filter.tenantID).rows.map { row in
            try row.int64("dead_letter_id")
        }
    }

    /// One with what the record says; nil when the tenant has none by this id.
    package func letter(_ id: Int64, tenantID: String) async throws -> WholeDeadLetter? {
        try await run(DeadLetterSQL.one, [.text(tenantID), .int(id)], tenantID).rows.first.map { row in
            try WholeDeadLetter(row: row)
        }
    }

    /// Counts that one was sent again.
    /// - Parameters:
    ///   - id: Its number.
    ///   - tenantID: Its tenant.
    ///   - idempotency: The answer to keep, where a client named the request by a key.
    /// - Throws: `PostgresError`.
    package func markRedriven(_ id: Int64, tenantID: String, idempotency: IdempotencyRecord? = nil) async throws {
        let mark: (PostgresStatement, [PostgresParameter]) = (DeadLetterSQL.redriven, [.text(tenantID), .int(id)])
        _ = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [mark] + (idempotency.map { [$0.statement] } ?? [])
        )
    }

    /// Removes one.
    /// - Returns: False when the tenant has none by this id.
    /// - Throws: `PostgresError`.
    package func remove(_ id: Int64, tenantID: String) async throws -> Bool {
        try await run(DeadLetterSQL.remove, [.text(tenantID), .int(id)], tenantID).affectedRows == 1
    }

    /// Removes those that last came before a certain time, ``pageMax`` in a transaction.
    /// - Parameters:
    ///   - filter: Which.
    ///   - age: How long ago they came at least.
    /// - Returns: How many were removed.
    /// - Throws: `PostgresError`; what was removed before stays removed.
    package func purge(_ filter: DeadLetterFilter, olderThan age: Duration) async throws -> Int {
        let bounds: [PostgresParameter] = [.int(age.milliseconds), .int(Self.pageMax)]
        var count = 0
        while true {
            let found = try await run(DeadLetterSQL.purge, filter.parameters + bounds, filter.tenantID).affectedRows
            count += found
            if found < Self.pageMax { return count }
        }
    }

    private func run(
        _ statement: PostgresStatement,
        _ parameters: [PostgresParameter],
        _ tenantID: String
    ) async throws -> PostgresResult {
        try await database.batch(settings: TenantScope.settings([tenantID]), [(statement, parameters)])[0]
    }
}
