import Synchronization

/// A Kafka-protocol broker (Tansu) that keeps its records in memory: a restart loses topics, offsets and data.
package final class BrokerServer: Sendable {
    private static let shared = SharedServer { try await BrokerServer.start() }
    private static let counter = Atomic<Int>(0)

    /// What a Kafka client calls `bootstrap.servers`.
    package let bootstrapServers: String
    /// The TCP port on 127.0.0.1.
    package let port: UInt16
    /// Kill it, stop it, start it again.
    package let server: ServerProcess

    private init(port: UInt16, server: ServerProcess) {
        bootstrapServers = "127.0.0.1:\(port)"
        self.port = port
        self.server = server
    }

    static func sharedServer() async throws -> BrokerServer {
        try await shared.get()
    }

    static func start(advertisedPort: UInt16? = nil) async throws -> BrokerServer {
        let program = try Programs.findVendored("bin/tansu")
        return try await retryingPorts { port in
            let url = "tcp://127.0.0.1:\(port)"
            let advertised = "tcp://127.0.0.1:\(advertisedPort ?? port)"
            let arguments = [
                "broker", "--listener-url", url, "--advertised-listener-url", advertised,
                "--storage-engine", "memory://tansu/",
            ]
            let server = ServerProcess(
                name: "tansu",
                launch: { try ChildProcess.launch(program, arguments) },
                isReady: { LoopbackPort.isListening(port) }
            )
            try await server.start()
            return BrokerServer(port: port, server: server)
        }
    }

    /// A name that no other test of this process uses, for a topic or a consumer group.
    package func uniqueName(_ prefix: String) -> String {
        "\(prefix)-\(Self.counter.wrappingAdd(1, ordering: .relaxed).newValue)"
    }

    /// Kills it (SIGKILL); everything it held is lost.
    package func kill9() async throws {
        try await server.kill9()
    }

    /// Ends it.
    package func stop() async throws {
        try await server.stop()
    }

    /// Ends it when it runs and starts it again, empty, at the same address.
    package func restart() async throws {
        try await server.restart()
    }
}

/// Runs `body` with the broker that all tests of this process share; take names from ``BrokerServer/uniqueName(_:)``.
package func withBroker<T>(_ body: (BrokerServer) async throws -> T) async throws -> T {
    try await body(try await BrokerServer.sharedServer())
}

/// Runs `body` with a broker of its own, which it may kill and start again.
package func withOwnBroker<T>(_ body: (BrokerServer) async throws -> T) async throws -> T {
    let broker = try await BrokerServer.start()
    return try await cleaningUp({ try await broker.kill9() }, after: { try await body(broker) })
}
