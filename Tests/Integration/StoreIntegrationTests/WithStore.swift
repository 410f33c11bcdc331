import Domain
import JSON
import Postgres
import Store
import TestKit
import Testing

/// The stores of one service on a migrated database of their own, connected as the role that row-level security binds.
struct Stores {
    let database: PostgresClient
    let messages: MessageStore
    let repeatable: MessageStore
    let turns: TurnStore
    let outbox: OutboxStore
    let runs: ToolRunStore
    let reads: ReadStore
    let endpoint: PostgresEndpoint

    /// A message of the default tenant.
    func message(_ session: String, _ text: String = "hello", id: String = Identifier.make()) -> AcceptRequest {
        AcceptRequest(
            tenantID: "default",
            sessionID: session,
            eventID: id,
            personaID: nil,
            message: text,
            attachments: nil,
            metadata: #"{"quote":"\"'\\"}"#,
            payload: #"{"event_id":"\#(id)"}"#,
            traceparent: nil
        )
    }

    /// A message that is accepted.
    func accept(_ session: String, _ text: String = "hello") async throws -> TurnKey {
        let request = message(session, text)
        let outcome = try await messages.accept(request)
        guard case .accepted = outcome else { throw StoreError(code: .corrupt, message: "\(outcome)") }
        return TurnKey(tenantID: "default", sessionID: session, turnID: request.eventID)
    }

    /// The turn of a session that is free to be taken.
    func claim(_ key: TurnKey) async throws -> ClaimedTurn {
        try #require(try await turns.claim(key).turn)
    }

    /// Another worker's view of the same turns.
    func otherWorker(_ configuration: StoreConfiguration = .init(), name: String = "worker-b") -> TurnStore {
        TurnStore(database: database, configuration: configuration, owner: name)
    }
}

/// Runs a test with stores on a database of its own.
func withStores(
    _ configuration: StoreConfiguration = .init(),
    _ body: @Sendable @escaping (Stores) async throws -> Void
) async throws {
    try await withPostgres { endpoint in
        let owner = PostgresConfiguration(url: endpoint.connectionString)
        _ = try await PostgresMigrator(configuration: owner, files: Migrations.files()).migrate()
        _ = try? await endpoint.sql("ALTER ROLE parley_service LOGIN")
        var service = PostgresConfiguration(url: endpoint.user("parley_service").connectionString)
        service.serverSettings = StoreConfiguration.serverSettings
        let database = try PostgresClient(configuration: service)
        database.start()
        let stores = Stores(
            database: database,
            messages: MessageStore(database: database, configuration: configuration, mayRepeat: false),
            repeatable: MessageStore(database: database, configuration: configuration, mayRepeat: true),
            turns: TurnStore(database: database, configuration: configuration, owner: "worker-a"),
            outbox: OutboxStore(database: database, configuration: configuration),
            runs: ToolRunStore(database: database, configuration: configuration, owner: "executor-a"),
            reads: ReadStore(database: database),
            endpoint: endpoint
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await stores.messages.run() }
            group.addTask { await stores.repeatable.run() }
            group.addTask { await stores.turns.run() }
            group.addTask { await stores.outbox.run() }
            group.addTask { await stores.runs.run() }
            let result: Result<Void, any Error>
            do {
                try await body(stores)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            stores.messages.close()
            stores.repeatable.close()
            stores.turns.close()
            stores.outbox.close()
            stores.runs.close()
            try await group.waitForAll()
            await database.close()
            try result.get()
        }
    }
}
