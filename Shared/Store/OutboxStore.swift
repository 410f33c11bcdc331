package import Domain
package import Postgres

/// The rows of events that are committed and not yet processed.
package final class OutboxStore: Sendable {
    private struct Row: Sendable {
        let tenantID: String
        let topic: Topic
        let eventID: String
    }

    private let database: PostgresClient
    private let configuration: StoreConfiguration
    private let deletions: GroupCommit<Row, Void>

    /// Makes a store.
    package init(database: PostgresClient, configuration: StoreConfiguration) {
        self.database = database
        self.configuration = configuration
        deletions = GroupCommit(
            configuration: .init(concurrency: 1, batchMax: 256, queueMax: configuration.queueMax)
        ) { rows in
            do {
                _ = try await database.batch(
                    settings: TenantScope.settings(rows.map(\.tenantID)),
                    [
                        (
                            OutboxSQL.delete,
                            [
                                .textArray(rows.map(\.tenantID)), .textArray(rows.map(\.topic.rawValue)),
                                .textArray(rows.map(\.eventID)),
                            ]
                        )
                    ]
                )
                return rows.map { _ in .success(()) }
            } catch {
                return rows.map { _ in .failure(error) }
            }
        }
    }

    /// Removes the row of an event that is done with: it was processed, or acknowledged where that is all it waits for.
    package func remove(tenantID: String, topic: Topic, eventID: String) async throws {
        try await deletions.submit(Row(tenantID: tenantID, topic: topic, eventID: eventID))
    }

    /// Whether it makes a difference that an event was published: ``published(_:)`` is of use then.
    package var tellsPublished: Bool { configuration.publishAfter < configuration.republishAfter }

    /// Puts events off that were published, and are not processed yet, until they are published again.
    ///
    /// Most are processed before this is called; what is not there any more is left out.
    /// - Throws: `PostgresError`.
    package func published(_ events: [OutboxEvent]) async throws {
        if events.isEmpty { return }
        _ = try await database.batch(
            settings: TenantScope.settings(events.map(\.tenantID)),
            [
                (
                    OutboxSQL.published,
                    [
                        .textArray(events.map(\.tenantID)), .textArray(events.map(\.topic.rawValue)),
                        .textArray(events.map(\.eventID)), .int(configuration.republishAfter.milliseconds),
                    ]
                )
            ]
        )
    }

    /// Takes events that stayed behind, and gives whoever took them time to publish them.
    /// - Parameters:
    ///   - tenants: The tenants to look at.
    ///   - limit: The most events to return.
    /// - Returns: The events, those of a session in the order in which they were made.
    /// - Throws: `PostgresError`.
    package func due(tenants: [String], limit: Int) async throws -> [OutboxEvent] {
        if tenants.isEmpty { return [] }
        let results = try await database.batch(
            settings: TenantScope.settings(tenants),
            [
                (
                    OutboxSQL.due,
                    [.textArray(tenants), .int(configuration.publishAfter.milliseconds), .int(limit)]
                )
            ]
        )
        // The order of the rows that an UPDATE returns is not promised; a session's events go out as they were made.
        let rows = try results[0].rows.map { row in (event: try Self.event(row), at: try row.microseconds("created_at"))
        }
        return rows.sorted { $0.at < $1.at }.map(\.event)
    }

    /// The ids of all tenants.
    package func tenants() async throws -> [String] {
        try await database.query(OutboxSQL.tenants, []).rows.map { row in try row.string("tenant_id") }
    }

    /// Carries out what is submitted until the store is closed, then what still waits.
    package func run() async {
        await deletions.run()
    }

    /// Takes no more requests; ``run()`` returns after the last one.
    package func close() {
        deletions.close()
    }

    private static func event(_ row: PostgresRow) throws -> OutboxEvent {
        let name = try row.string("topic")
        guard let topic = Topic(rawValue: name) else {
            throw StoreError(code: .corrupt, message: "outbox has a row for the unknown topic \(name)")
        }
        return OutboxEvent(
            tenantID: try row.string("tenant_id"),
            topic: topic,
            eventID: try row.string("event_id"),
            sessionID: try row.string("session_id"),
            payload: Array(try row.string("payload").utf8),
            position: try row.stringOrNil("position").flatMap { text in StreamPosition(text) },
            traceparent: try row.stringOrNil("traceparent")
        )
    }
}
