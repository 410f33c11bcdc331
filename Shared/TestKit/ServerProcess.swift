import Foundation
import Synchronization

/// A server that a test may kill and start again at the same address.
package final class ServerProcess: Sendable {
    private let name: String
    private let launch: @Sendable () throws -> ChildProcess
    private let isReady: @Sendable () async throws -> Bool
    private let current = Mutex<ChildProcess?>(nil)

    init(
        name: String,
        launch: @escaping @Sendable () throws -> ChildProcess,
        isReady: @escaping @Sendable () async throws -> Bool
    ) {
        self.name = name
        self.launch = launch
        self.isReady = isReady
    }

    /// The process that runs now, or ran last; nil before the first start.
    package var process: ChildProcess? {
        current.withLock { $0 }
    }

    /// Starts the server and waits until it answers.
    package func start(timeout: Duration = .seconds(60)) async throws {
        let process = try launch()
        current.withLock { $0 = process }
        let clock = ContinuousClock()
        let deadline = clock.now + timeout
        while clock.now < deadline {
            guard process.isRunning else { break }
            if (try? await isReady()) == true { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        let end = process.exit.map { "\($0)" } ?? "still running"
        process.signal(SIGKILL)
        throw TestKitError(
            .startFailed,
            "\(name) did not come up (\(end)); its log ends: \(process.log(bytesMax: 2000))"
        )
    }

    /// Kills the server (SIGKILL), as a crash of its machine would.
    package func kill9() async throws {
        try await process?.kill9()
    }

    /// Ends the server as an operator would (SIGTERM) and waits until it is gone.
    package func stop() async throws {
        try await process?.terminate()
    }

    /// Ends the server when it runs, and starts it again at the same address.
    package func restart() async throws {
        try await stop()
        try await start()
    }

    /// Stops the server in its tracks (SIGSTOP): connections stay open and nothing answers.
    package func pause() {
        process?.pause()
    }

    /// Lets a paused server go on.
    package func resume() {
        process?.resume()
    }
}

/// A server that all tests of this process share; it starts when the first test asks for it.
///
/// An actor, because the start spans awaits and must happen once.
actor SharedServer<Server: Sendable> {
    private let start: @Sendable () async throws -> Server
    private var starting: Task<Server, any Error>?

    init(_ start: @escaping @Sendable () async throws -> Server) {
        self.start = start
    }

    func get() async throws -> Server {
        if let starting { return try await starting.value }
        // unstructured: the server outlives the test that happens to need it first, and must not be cancelled with it.
        let task = Task { [start] in try await start() }
        starting = task
        return try await task.value
    }
}
