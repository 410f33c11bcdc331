/// A Redis of a test's own, without persistence.
package final class RedisServer: Sendable {
    /// The loopback address it listens on.
    package let host = "127.0.0.1"
    /// The TCP port.
    package let port: UInt16
    /// The path of its Unix socket.
    package let socketPath: String
    /// Kill it, stop it, start it again; a restart loses its data.
    package let server: ServerProcess

    private init(port: UInt16, socketPath: String, server: ServerProcess) {
        self.port = port
        self.socketPath = socketPath
        self.server = server
    }

    static func start() async throws -> RedisServer {
        let folder = try TemporaryFolder.shared.makeFolder("redis")
        let program = try Programs.find("redis-server")
        let socketPath = folder + "/redis.sock"
        return try await retryingPorts { port in
            let arguments = [
                "--bind", "127.0.0.1", "--port", "\(port)", "--unixsocket", socketPath, "--save", "",
                "--appendonly", "no", "--dir", folder, "--daemonize", "no",
            ]
            let server = ServerProcess(
                name: "redis-server",
                launch: { try ChildProcess.launch(program, arguments) },
                isReady: {
                    let socket = try await RawSocket.connect(port: port)
                    try await socket.write("PING\r\n", timeout: .seconds(1))
                    let answer = try await socket.read(until: "\r\n", timeout: .seconds(1))
                    return answer.elementsEqual("+PONG\r\n".utf8)
                }
            )
            try await server.start()
            return RedisServer(port: port, socketPath: socketPath, server: server)
        }
    }

    /// Kills it (SIGKILL).
    package func kill9() async throws {
        try await server.kill9()
    }

    /// Ends it.
    package func stop() async throws {
        try await server.stop()
    }

    /// Ends it when it runs and starts it again, empty.
    package func restart() async throws {
        try await server.restart()
    }
}

/// Runs `body` with an empty Redis of its own, which it may kill and start again.
package func withRedis<T>(_ body: (RedisServer) async throws -> T) async throws -> T {
    let redis = try await RedisServer.start()
    return try await cleaningUp({ try await redis.kill9() }, after: { try await body(redis) })
}

/// Tries up to three ports, because another process may take a free one before the server does.
func retryingPorts<T>(_ start: (UInt16) async throws -> T) async throws -> T {
    for _ in 0..<2 {
        if let server = try? await start(try freePort()) { return server }
        try Task.checkCancellation()
    }
    return try await start(try freePort())
}
