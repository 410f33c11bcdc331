import Foundation
import Synchronization

/// How to reach a database.
package struct PostgresEndpoint: Sendable, Hashable {
    /// The loopback address it listens on.
    package let host = "127.0.0.1"
    /// The TCP port.
    package let port: UInt16
    /// The folder of its Unix socket.
    package let socketDirectory: String
    /// The database's name.
    package let database: String
    /// The role to connect as; the harness makes it a superuser.
    package let user: String

    /// A libpq connection string over the Unix socket.
    package var connectionString: String {
        "host=\(socketDirectory) port=\(port) dbname=\(database) user=\(user)"
    }

    /// A libpq connection string over TCP, for tests that put something between client and server.
    package var tcpConnectionString: String {
        "host=\(host) port=\(port) dbname=\(database) user=\(user)"
    }

    /// The same database as another role, which a test has made.
    package func user(_ name: String) -> PostgresEndpoint {
        PostgresEndpoint(port: port, socketDirectory: socketDirectory, database: database, user: name)
    }

    /// Runs SQL with `psql` and gives its output, one row a line with columns parted by `|`; throws at the first error.
    @discardableResult
    package func sql(_ text: String) async throws -> String {
        let result = try await ChildProcess.run(
            try Programs.findPostgres("psql"),
            ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", connectionString, "-c", text]
        )
        guard result.exit == .exited(0) else { throw TestKitError(.commandFailed, "psql: \(result.standardError)") }
        return result.standardOutput.trimmingCharacters(in: .newlines)
    }
}

/// A Postgres cluster of this test process, with fsync on as in production.
package final class PostgresServer: Sendable {
    private static let shared = SharedServer { try await PostgresServer.start() }

    /// Kill it, stop it, start it again.
    package let server: ServerProcess
    private let socketDirectory: String
    private let port: UInt16
    private let counter = Atomic<Int>(0)

    private init(server: ServerProcess, socketDirectory: String, port: UInt16) {
        self.server = server
        self.socketDirectory = socketDirectory
        self.port = port
    }

    /// The cluster that tests share; made at the first call.
    static func sharedServer() async throws -> PostgresServer {
        try await shared.get()
    }

    /// Makes a cluster and starts it; `settings` go to the server as `-c name=value`.
    static func start(settings: [String: String] = [:], folder: String? = nil) async throws -> PostgresServer {
        let folder = try folder ?? TemporaryFolder.shared.makeFolder("pg")
        if geteuid() == 0 {
            let result = try await ChildProcess.run(try Programs.find("chown"), ["postgres", folder])
            guard result.exit == .exited(0) else { throw TestKitError(.commandFailed, result.standardError) }
        }
        var asPostgres = ChildProcess.Configuration()
        asPostgres.user = "postgres"
        asPostgres.workingDirectory = "/"
        let data = folder + "/data"
        let result = try await ChildProcess.run(
            try Programs.findPostgres("initdb"),
            ["--no-sync", "-A", "trust", "-U", "postgres", "--no-locale", "-E", "UTF8", "-D", data],
            asPostgres
        )
        guard result.exit == .exited(0) else { throw TestKitError(.startFailed, "initdb: \(result.standardError)") }
        let port = try freePort()
        let server = try serverProcess(folder: folder, port: port, settings: settings, asPostgres)
        try await server.start()
        return PostgresServer(server: server, socketDirectory: folder, port: port)
    }

    private static func serverProcess(
        folder: String,
        port: UInt16,
        settings: [String: String],
        _ configuration: ChildProcess.Configuration
    ) throws -> ServerProcess {
        var configuration = configuration
        // An immediate shutdown, so that even a crash of the tests leaves no shared memory behind.
        configuration.deathSignal = .quit
        let fixed = [
            "unix_socket_directories": folder, "listen_addresses": "127.0.0.1", "port": "\(port)",
            "max_connections": "300", "dynamic_shared_memory_type": "mmap", "shared_buffers": "64MB",
        ]
        let all = fixed.merging(settings) { $1 }
        let arguments = ["-D", folder + "/data"] + all.sorted { $0.key < $1.key }.flatMap { ["-c", "\($0)=\($1)"] }
        let postgres = try Programs.findPostgres("postgres")
        let ready = try Programs.findPostgres("pg_isready")
        return ServerProcess(
            name: "postgres",
            launch: { [configuration] in try ChildProcess.launch(postgres, arguments, configuration) },
            isReady: {
                let result = try await ChildProcess.run(ready, ["-q", "-h", folder, "-p", "\(port)"])
                return result.exit == .exited(0)
            }
        )
    }

    /// A database of this cluster.
    package func endpoint(database: String = "postgres") -> PostgresEndpoint {
        PostgresEndpoint(port: port, socketDirectory: socketDirectory, database: database, user: "postgres")
    }

    /// Makes an empty database with a name of its own.
    package func makeDatabase() async throws -> PostgresEndpoint {
        let name = "test_\(counter.wrappingAdd(1, ordering: .relaxed).newValue)"
        try await endpoint().sql("CREATE DATABASE \(name)")
        return endpoint(database: name)
    }

    /// Drops a database, with whoever is still connected to it.
    package func drop(_ endpoint: PostgresEndpoint) async throws {
        try await self.endpoint().sql("DROP DATABASE IF EXISTS \(endpoint.database) WITH (FORCE)")
    }

    /// Ends without writing anything out, as after a crash (SIGQUIT, an immediate shutdown); a start recovers it.
    package func stopImmediately() async throws {
        server.process?.signal(SIGQUIT)
        try await server.process?.wait()
    }

    /// Starts it again at the same address with the same data.
    package func startAgain() async throws {
        try await eventually("postgres to start again", timeout: .seconds(60), interval: .milliseconds(100)) {
            try await self.server.start()
            return true
        }
    }

    /// Kills the whole cluster at once (SIGKILL of its first process, whereupon the others end).
    package func kill9() async throws {
        try await server.kill9()
        // The other processes notice within moments; a new server refuses to start before they have.
        try await eventually("the end of postgres") { !LoopbackPort.isListening(self.port) }
    }

    /// Shuts down as an operator would in a hurry: sessions are cut, data is written out (SIGINT).
    package func stop() async throws {
        server.process?.signal(SIGINT)
        try await server.process?.wait()
    }

    /// Shuts down when it runs, and starts again at the same address with the same data.
    package func restart() async throws {
        try await stop()
        try await startAgain()
    }

    /// Ends the cluster and removes its files.
    func discard() async throws {
        server.process?.signal(SIGQUIT)
        try await server.process?.wait()
        try? FileManager.default.removeItem(atPath: socketDirectory)
    }
}

/// Runs `body` with an empty database of its own, in the cluster that all tests of this process share.
package func withPostgres<T>(_ body: (PostgresEndpoint) async throws -> T) async throws -> T {
    let server = try await PostgresServer.sharedServer()
    let database = try await server.makeDatabase()
    return try await cleaningUp({ try await server.drop(database) }, after: { try await body(database) })
}

/// Runs `body` with a Postgres cluster of its own, which it may kill and start again; takes about a second to start.
package func withOwnPostgres<T>(
    settings: [String: String] = [:],
    _ body: (PostgresServer) async throws -> T
) async throws -> T {
    let server = try await PostgresServer.start(settings: settings)
    return try await cleaningUp({ try await server.discard() }, after: { try await body(server) })
}

/// Runs `body` and then `cleanup`, also when the body failed; an error of the body counts before one of the cleanup.
func cleaningUp<T>(_ cleanup: () async throws -> Void, after body: () async throws -> T) async throws -> T {
    let result: T
    do {
        result = try await body()
    } catch {
        try? await cleanup()
        throw error
    }
    try await cleanup()
    return result
}
