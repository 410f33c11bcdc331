import Postgres
import TestKit

/// A property of the configuration with a value that differs from the default.
struct Change {
    let apply: (inout PostgresConfiguration) -> Void

    static func set<Value>(_ property: WritableKeyPath<PostgresConfiguration, Value>, _ value: Value) -> Change {
        Change { $0[keyPath: property] = value }
    }
}

/// Runs a test with a client on a database of its own.
func withClient(
    _ changes: [Change] = [],
    _ body: (PostgresClient) async throws -> Void
) async throws {
    try await withPostgres { endpoint in
        var configuration = PostgresConfiguration(url: endpoint.connectionString)
        configuration.reconnectDelayMax = .milliseconds(200)
        for change in changes { change.apply(&configuration) }
        try await withClient(configuration, body)
    }
}

/// Runs a test with a client, and closes it.
func withClient(
    _ configuration: PostgresConfiguration,
    _ body: (PostgresClient) async throws -> Void
) async throws {
    let client = try PostgresClient(configuration: configuration)
    client.start()
    do {
        try await body(client)
    } catch {
        await client.close()
        throw error
    }
    await client.close()
}
