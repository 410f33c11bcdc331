import JSON
package import Postgres
import Store

/// A beginning or an end of a session.
package struct MemoryNotice: Sendable {
    /// The tenant.
    package let tenantID: String
    /// `session.created` or `session.destroyed`.
    package let eventType: String
    /// When, in microseconds since 1970-01-01 UTC.
    package let time: Int64
    /// What, as JSON text.
    package let data: [UInt8]
}

/// Ends expired sessions, and tells of beginnings and ends.
package struct MemoryUpkeep: Sendable {
    /// How many sessions are looked at in one transaction.
    private static let sessionsPerSweep = 500

    private let database: PostgresClient
    private let configuration: MemoryStoreConfiguration

    /// Makes the upkeep of a database.
    package init(database: PostgresClient, configuration: MemoryStoreConfiguration = .init()) {
        self.database = database
        self.configuration = configuration
    }

    /// How long to wait between two sweeps.
    package var interval: Duration { configuration.sweepInterval }

    /// Ends the sessions that have expired, and drops notices that are old.
    ///
    /// Several processes may do it at once: each session is ended by one of them.
    /// - Returns: How many sessions were ended.
    /// - Throws: `PostgresError`.
    package func sweep() async throws -> Int {
        let tenants = try await database.query(MemoryUpkeepSQL.tenants).rows.map { try $0.string("tenant_id") }
        guard !tenants.isEmpty else { return 0 }
        let settings = TenantScope.settings(tenants)
        var ended = 0
        while true {
            let results = try await database.batch(
                settings: settings,
                [(MemoryUpkeepSQL.sweep, [.int(Self.sessionsPerSweep)])]
            )
            guard let row = results[0].rows.first else { break }
            ended += try row.int("ended")
            ended += try await learn(row)
            if try row.int("looked_at") < Self.sessionsPerSweep { break }
        }
        let (seconds, attoseconds) = configuration.noticeRetention.components
        let retention = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        _ = try await database.batch(settings: settings, [(MemoryUpkeepSQL.dropNotices, [.int(retention)])])
        return ended
    }

    /// Ends the sessions that a sweep has left because there is something to learn in them.
    private func learn(_ row: PostgresRow) async throws -> Int {
        guard let text = try row.jsonOrNil("learning") else { return 0 }
        var ended = 0
        var failure: (any Error)?
        for name in try MemoryRows.parse(text).arrayValue ?? [] {
            guard let tenant = name[0]?.stringValue, let session = name[1]?.stringValue else { continue }
            do {
                let key = MemorySessionKey(tenantID: tenant, sessionID: session)
                if try await MemoryEnding.end(key, in: database, onlyExpired: true) != nil { ended += 1 }
            } catch {
                // One that cannot be ended does not keep the others.
                failure = error
            }
        }
        if let failure { throw failure }
        return ended
    }

    /// Where the notices stand now.
    /// - Throws: `PostgresError`.
    package func horizon() async throws -> String {
        let result = try await database.query(MemoryUpkeepSQL.noticeHorizon)
        guard let row = result.rows.first else { throw PostgresError(.decoding, "the server did not say where it is") }
        return try row.string("horizon")
    }

    /// The notices behind horizons, in order, each once.
    /// - Parameter horizons: For each tenant that matters, from where on.
    /// - Returns: The notices, and the horizon to go on from for all these tenants; nil: from where they are.
    /// - Throws: `PostgresError`.
    package func notices(
        since horizons: [String: String]
    ) async throws -> (notices: [MemoryNotice], horizon: String?) {
        let tenants = horizons.keys.sorted()
        let results = try await database.batch(
            settings: TenantScope.settings(tenants),
            [(MemoryUpkeepSQL.notices, [.textArray(tenants), .textArray(tenants.map { horizons[$0] })])]
        )
        var next: String?
        let notices = try results[0].rows.map { row in
            next = try row.string("horizon")
            return MemoryNotice(
                tenantID: try row.string("tenant_id"),
                eventType: try row.string("event_type"),
                time: try row.microseconds("created_at"),
                data: try row.json("data")
            )
        }
        return (notices, next)
    }
}
