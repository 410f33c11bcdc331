import Synchronization

/// A transaction in progress on a connection of its own; valid inside the closure of `PostgresClient.transaction` only.
package final class PostgresTransaction: Sendable {
    private struct State {
        var isBegun = false
        var isEnded = false
    }

    private let client: PostgresClient
    private let connection: PoolStateMachine.ConnectionID
    private let settings: [(String, String)]
    private let state = Mutex(State())

    init(client: PostgresClient, connection: PoolStateMachine.ConnectionID, settings: [(String, String)]) {
        self.client = client
        self.connection = connection
        self.settings = settings
    }

    /// Runs one statement.
    /// - Throws: `PostgresError`; after a server error every further statement fails, as in any transaction.
    package func query(
        _ statement: PostgresStatement,
        _ parameters: [PostgresParameter] = []
    ) async throws -> PostgresResult {
        try PostgresClient.single(try await batch([(statement, parameters)]))
    }

    /// Runs statements in one round trip.
    /// - Returns: One result per statement.
    package func batch(
        _ statements: [(PostgresStatement, [PostgresParameter])]
    ) async throws -> [PostgresResult] {
        var pipeline = try prelude()
        for (statement, parameters) in statements { try pipeline.append(statement, parameters) }
        return try await client.run(pipeline, on: connection)
    }

    /// Runs a script of several statements; no parameters, no results.
    package func script(_ sql: String) async throws {
        guard !sql.utf8.contains(0) else {
            throw PostgresError(.invalidParameter, "the script contains a NUL byte: remove it")
        }
        let opening = try prelude()
        if !opening.commands.isEmpty { _ = try await client.run(opening, on: connection) }
        _ = try await client.run(.script(sql), on: connection)
    }

    /// `BEGIN` and the settings travel with the first statement, which saves a round trip.
    private func prelude() throws -> EncodedPipeline {
        let isFirst = try state.withLock { state in
            guard !state.isEnded else {
                throw PostgresError(.closed, "the transaction has ended: do not keep it beyond its closure")
            }
            let isFirst = !state.isBegun
            state.isBegun = true
            return isFirst
        }
        var pipeline = EncodedPipeline()
        if isFirst {
            try pipeline.append("BEGIN", [], isReported: false)
            try pipeline.append(settings: settings)
        }
        return pipeline
    }

    /// Commits, unless nothing was sent.
    ///
    /// Not to be cancelled: a commit that may or may not have happened helps nobody.
    func commit() async throws {
        guard end() else { return }
        var pipeline = EncodedPipeline()
        try pipeline.append("COMMIT", [])
        let result = try PostgresClient.single(try await client.run(pipeline, on: connection, isCancellable: false))
        // COMMIT of a failed transaction succeeds as ROLLBACK: a body that swallowed an error must not look committed.
        guard result.command == "COMMIT" else {
            throw PostgresError(
                .server(sqlState: "25P02"),
                "the transaction was rolled back, because a statement in it had failed"
            )
        }
    }

    /// - Returns: Whether anything was sent.
    func end() -> Bool {
        state.withLock { state in
            state.isEnded = true
            return state.isBegun
        }
    }
}

extension PostgresClient {
    /// Runs a closure in a transaction: committed when it returns, rolled back when it throws.
    /// - Parameters:
    ///   - settings: Server settings for this transaction only, as `SET LOCAL` does.
    ///   - body: What to do; it may use the results of its statements. It holds a connection all the time, so it must
    ///     not wait for anything but the database.
    /// - Returns: What the closure returned.
    /// - Throws: What the closure threw, or `PostgresError` from the commit.
    package func transaction<Value: Sendable>(
        settings: [(String, String)] = [],
        _ body: @Sendable (PostgresTransaction) async throws -> Value
    ) async throws -> Value {
        guard case .leased(let connection) = try await run(.lease, on: nil) else {
            preconditionFailure("a lease ended with results")
        }
        let transaction = PostgresTransaction(client: self, connection: connection, settings: settings)
        do {
            let value = try await body(transaction)
            try await transaction.commit()
            pool.release(connection)
            return value
        } catch {
            _ = transaction.end()
            pool.release(connection)
            throw error
        }
    }
}
