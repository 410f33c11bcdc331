import Postgres
import Synchronization
import TestKit
import Testing

@Suite("The pool against a real server", .timeLimit(.minutes(2)))
struct PoolTests {
    @Test("500 callers share a pool; it grows to its size and not beyond", arguments: [1, 50, 64])
    func manyCallers(size: Int) async throws {
        try await withClient([.set(\.poolSize, size), .set(\.acquireTimeout, .seconds(60))]) { client in
            let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let result = try await client.query("SELECT $1::int, pg_sleep(0.002)", [.int(number)])
                        return try result.rows.first?.int(0) ?? -1
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 124_750)
            #expect(client.statistics.connections == size)
            #expect(client.statistics.waiters == 0)
            try await eventually("as many backends as connections") {
                let backends = try await client.query(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                )
                return try backends.rows.first?.int(0) == size
            }
        }
    }

    @Test("a caller gives up after the acquire timeout, and the pool serves the next one")
    func acquireTimeout() async throws {
        try await withClient([.set(\.poolSize, 1), .set(\.acquireTimeout, .milliseconds(200))]) { client in
            try await eventually("the first connection") { try await !client.query("SELECT 0").rows.isEmpty }
            try await client.transaction { transaction in
                _ = try await transaction.query("SELECT 1")
                let start = ContinuousClock.now
                let error = await #expect(throws: PostgresError.self) { try await client.query("SELECT 2") }
                #expect(error?.code == .poolTimeout)
                #expect(error?.isRetriable == true)
                let waited = ContinuousClock.now - start
                #expect(waited >= .milliseconds(200) && waited < .seconds(4))
            }
            #expect(try await client.query("SELECT 3").rows.first?.int(0) == 3)
        }
    }

    @Test("one caller more than may wait is refused at once")
    func exhausted() async throws {
        try await withClient([.set(\.poolSize, 1), .set(\.waitersMax, 2)]) { client in
            let (refused, served) = try await client.transaction { transaction in
                _ = try await transaction.query("SELECT 1")
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<2 { group.addTask { _ = try await client.query("SELECT 2") } }
                    try await eventually("two waiters") { client.statistics.waiters == 2 }
                    let error = await #expect(throws: PostgresError.self) { try await client.query("SELECT 3") }
                    group.cancelAll()
                    var served = 0
                    while let result = await group.nextResult() {
                        if case .success = result { served += 1 }
                    }
                    return (error, served)
                }
            }
            #expect(refused?.code == .poolExhausted)
            #expect(served == 0, "cancelled waiters are gone")
            #expect(client.statistics.waiters == 0)
        }
    }

    @Test("the server restarts: running calls fail as retriable, then all is as before, with no restart of ours")
    func restart() async throws {
        try await withOwnPostgres { server in
            var configuration = PostgresConfiguration(url: server.endpoint().connectionString)
            configuration.poolSize = 8
            configuration.reconnectDelayMax = .milliseconds(200)
            configuration.acquireTimeout = .seconds(20)
            try await withClient(configuration) { client in
                _ = try await all(8, client)
                async let running: Void = {
                    let error = await #expect(throws: PostgresError.self) {
                        try await client.query("SELECT pg_sleep(30)")
                    }
                    #expect(error?.isRetriable == true)
                    #expect(error?.isConnectionFailure == true)
                }()
                try await eventually("a running statement") { client.statistics.idle == 7 }
                try await server.kill9()
                await running
                try await eventually("failing attempts") { client.statistics.isFailing }
                async let waiting = client.query("SELECT 7")
                try await server.restart()
                #expect(try await waiting.rows.first?.int(0) == 7, "who waited through the outage is served")
                #expect(try await all(8, client) == 8)
                #expect(!client.statistics.isFailing)
            }
        }
    }

    /// Holds `count` connections at the same moment.
    private func all(_ count: Int, _ client: PostgresClient) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<count {
                group.addTask {
                    try await client.query("SELECT 1, pg_sleep(0.1)").rows.first?.int(0) ?? 0
                }
            }
            return try await group.reduce(0, +)
        }
    }

    @Test("all backends are terminated: idle connections are noticed and replaced without a failed call")
    func terminated() async throws {
        try await withClient([.set(\.poolSize, 8)]) { client in
            _ = try await all(8, client)
            let killed = try await client.query(
                """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()
                """
            )
            #expect(try killed.rows.first?.int(0) == 7)
            try await eventually("the dead connections are gone") { client.statistics.connections == 1 }
            #expect(try await all(8, client) == 8)
        }
    }

    @Test("a statement that terminates its own backend fails, and the pool goes on")
    func terminatedWhileRunning() async throws {
        try await withClient([.set(\.poolSize, 1)]) { client in
            let error = await #expect(throws: PostgresError.self) {
                try await client.query("SELECT pg_terminate_backend(pg_backend_pid())")
            }
            #expect(error?.isRetriable == true)
            #expect(error?.isConnectionFailure == true)
            let one = try await client.query("SELECT 1").rows.first?.int(0)
            #expect(one == 1)
        }
    }

    @Test("a statement beyond the timeout is stopped by the server, and the connection goes on")
    func statementTimeout() async throws {
        try await withClient([.set(\.poolSize, 1), .set(\.statementTimeout, .milliseconds(100))]) { client in
            let pid = try await client.query("SELECT pg_backend_pid()").rows.first?.int(0)
            let error = await #expect(throws: PostgresError.self) { try await client.query("SELECT pg_sleep(30)") }
            #expect(error?.sqlState == "57014")
            #expect(try await client.query("SELECT pg_backend_pid()").rows.first?.int(0) == pid)
        }
    }

    @Test("a server that says nothing is given up after the grace")
    func silentServer() async throws {
        try await withClient([
            .set(\.poolSize, 1), .set(\.statementTimeout, .milliseconds(100)),
            .set(\.statementGrace, .milliseconds(100)),
        ]) { client in
            // The server's own timeout is off, as when it hangs.
            let error = await #expect(throws: PostgresError.self) {
                try await client.batch(settings: [("statement_timeout", "0")], [("SELECT pg_sleep(30)", [])])
            }
            #expect(error?.code == .timeout)
            let one = try await client.query("SELECT 1").rows.first?.int(0)
            #expect(one == 1)
        }
    }

    @Test("a cancelled task stops its statement on the server")
    func cancellation() async throws {
        try await withClient([.set(\.poolSize, 2)]) { client in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    await #expect(throws: CancellationError.self) { try await client.query("SELECT pg_sleep(30)") }
                }
                try? await eventually("a running statement") {
                    let count = try await client.query(
                        """
                        SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'
                        """
                    )
                    return try count.rows.first?.int(0) == 1
                }
                group.cancelAll()
            }
            try await eventually("the statement's end") {
                let count = try await client.query(
                    """
                    SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%' AND state = 'active'
                    """
                )
                return try count.rows.first?.int(0) == 0
            }
        }
    }

    @Test("a cancelled transaction is rolled back")
    func cancelledTransaction() async throws {
        try await withClient([.set(\.poolSize, 2)]) { client in
            _ = try await client.query("CREATE TABLE half (n int)")
            await withTaskGroup(of: Void.self) { group in
                let isInside = Atomic<Bool>(false)
                group.addTask {
                    _ = try? await client.transaction { transaction in
                        _ = try await transaction.query("INSERT INTO half VALUES (1)")
                        isInside.store(true, ordering: .releasing)
                        _ = try await transaction.query("SELECT pg_sleep(30)")
                    }
                }
                try? await eventually("the transaction runs") { isInside.load(ordering: .acquiring) }
                group.cancelAll()
            }
            #expect(try await client.query("SELECT count(*) FROM half").rows.first?.int(0) == 0)
            let one = try await client.query("SELECT 1").rows.first?.int(0)
            #expect(one == 1)
        }
    }

    @Test("an idle connection is tried after the interval, and stays")
    func healthCheck() async throws {
        try await withPostgres { endpoint in
            var configuration = PostgresConfiguration(url: endpoint.connectionString)
            configuration.poolSize = 1
            configuration.applicationName = "checked"
            configuration.healthCheckInterval = .milliseconds(50)
            try await withClient(configuration) { client in
                let pid = try await client.query("SELECT pg_backend_pid()").rows.first?.int(0)
                let lastHeard = "SELECT state_change FROM pg_stat_activity WHERE application_name = 'checked'"
                let before = try await endpoint.sql(lastHeard)
                try await eventually("a check") { try await endpoint.sql(lastHeard) != before }
                let after = try await client.query("SELECT pg_backend_pid()").rows.first?.int(0)
                #expect(after == pid)
            }
        }
    }

    @Test("a closed client refuses calls and leaves no connection behind")
    func close() async throws {
        try await withPostgres { endpoint in
            var configuration = PostgresConfiguration(url: endpoint.connectionString)
            configuration.applicationName = "closing"
            let client = try PostgresClient(configuration: configuration)
            _ = try await client.query("SELECT 1")
            await client.close()
            let error = await #expect(throws: PostgresError.self) { try await client.query("SELECT 1") }
            #expect(error?.code == .closed)
            try await eventually("no connection is left") {
                try await endpoint.sql(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing'"
                ) == "0"
            }
        }
    }

    @Test("no server: a call fails after the acquire timeout and names no password")
    func noServer() async throws {
        var configuration = PostgresConfiguration(url: "postgresql://user:hidden-word@127.0.0.1:1/none")
        configuration.acquireTimeout = .milliseconds(100)
        try await withClient(configuration) { client in
            let error = await #expect(throws: PostgresError.self) { try await client.query("SELECT 1") }
            #expect(error?.code == .poolTimeout)
            #expect(error.map { "\($0)".contains("hidden-word") } == false)
        }
    }
}
