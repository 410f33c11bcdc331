import HTTPClient

/// One of the platform's own executables, started by a test.
package final class PlatformService: Sendable {
    /// The executable's name.
    package let program: String
    /// The port of its HTTP endpoints on 127.0.0.1; the same after a restart.
    package let port: UInt16
    private let server: ServerProcess
    private let logPath: String

    /// Prepares a service; it is not started.
    ///
    /// - Parameters:
    ///   - program: The executable product.
    ///   - environment: Its settings, without the port.
    ///   - openFiles: Its limits of open files; nil: those of this process.
    ///   - pool: Asks whether it is ready.
    /// - Throws: When the executable is not built, or there is no free port.
    init(
        _ program: String,
        environment: [String: String],
        openFiles: (soft: Int, hard: Int)? = nil,
        pool: HTTPClientPool
    ) throws {
        let path = try BuiltProducts.path(program)
        // A shell can set limits, and becomes the program.
        let command =
            openFiles.map { limits in
                ["/bin/sh", "-c", "ulimit -Sn \(limits.soft) && ulimit -Hn \(limits.hard) && exec \"$0\"", path]
            } ?? [path]
        let port = try freePort()
        let logPath = TemporaryFolder.shared.uniquePath(program, suffix: ".log")
        self.program = program
        self.port = port
        self.logPath = logPath
        var configuration = ChildProcess.Configuration()
        configuration.environment = environment.merging(["PARLEY_HTTP_PORT": "\(port)"]) { _, new in new }
        configuration.workingDirectory = PackageRoot.path
        configuration.logPath = logPath
        if ChildProcess.countsLines { configuration.deathSignal = .terminate }
        server = ServerProcess(
            name: program,
            launch: { [configuration] in try ChildProcess.launch(command[0], Array(command[1...]), configuration) },
            isReady: {
                var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/readyz")
                request.timeout = .seconds(5)
                return try await pool.send(request).status == 200
            }
        )
    }

    /// The process that runs now, or ran last; nil before the first start.
    package var process: ChildProcess? { server.process }

    /// Whether it runs.
    package var isRunning: Bool { server.process?.isRunning ?? false }

    /// Everything it logged, over all restarts.
    package var log: String { server.process?.log(bytesMax: 64 << 20) ?? "" }

    /// Starts it and waits until it says that it is ready.
    package func start() async throws {
        try await server.start()
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    package func kill9() async throws {
        try await server.kill9()
    }

    /// Asks it to end (SIGTERM) and waits for how it ends, longer than its own deadline is.
    package func terminate() async throws -> ChildProcess.Exit {
        guard let process = server.process else { throw TestKitError(.startFailed, "\(program) was never started") }
        return try await process.terminate(deadline: .seconds(40))
    }

    /// Asks it to end, and starts it again at the same port.
    /// - Throws: `TestKitError` when it does not end by itself with status 0 within 25 s, or does not come up again.
    package func restart() async throws {
        if let process, process.isRunning { try await process.terminateInOrder() }
        try await start()
    }
}
