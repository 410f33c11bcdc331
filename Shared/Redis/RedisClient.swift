package import EventLoop
package import Observability
package import Resilience
import Synchronization

/// A connection to Redis that pipelines by itself: commands that come in the same moment travel together.
///
/// ```swift
/// let redis = try RedisClient(configuration: .init(url: "redis://127.0.0.1:6379"), loop: loop, logger: logger)
/// redis.start()
/// try await redis.set("key", "value", expiry: .seconds(60))
/// let total = try await redis.eval(script, keys: ["a", "b"], arguments: [400]).int
/// ```
///
/// Redis may be absent: then calls fail at once with `RedisError` code `unavailable`, and the client tries again by
/// itself. An established connection that is lost is made again at once.
package final class RedisClient: Sendable {
    private struct State {
        var machine: RedisConnectionStateMachine
        var scripts: [String: String] = [:]
    }

    private let configuration: RedisConfiguration
    private let loop: EpollLoop
    private let ownsLoop: Bool
    private let state: Mutex<State>
    private let isClosed = Atomic<Bool>(false)
    private let pendingCount = Atomic<Int>(0)
    private let link: RedisLink
    private let breaker: CircuitBreaker?
    private let logger: Logger

    /// Makes a client; nothing is opened before `start` or the first command.
    /// - Parameters:
    ///   - configuration: Where Redis is, and the limits.
    ///   - loop: The loop that drives the connection; nil: one of its own.
    ///   - breaker: Refuses commands at once while Redis does not answer; it closes when the connection stands again.
    ///   - logger: Where the loss and the return of Redis are reported.
    /// - Throws: `EventLoopError` when the process is out of descriptors or threads.
    package init(
        configuration: RedisConfiguration,
        loop: EpollLoop? = nil,
        breaker: CircuitBreaker? = nil,
        logger: Logger = .disabled
    ) throws {
        self.configuration = configuration
        self.loop = try loop ?? EpollLoop.start(name: "redis")
        ownsLoop = loop == nil
        self.breaker = breaker
        self.logger = logger
        state = Mutex(State(machine: RedisConnectionStateMachine(configuration: configuration)))
        link = RedisLink(configuration: configuration, loop: self.loop)
        link.client = self
    }

    /// Whether Redis answers at the moment.
    package var isAvailable: Bool { state.withLock { $0.machine.isReady } && !(breaker?.isRefusing ?? false) }

    /// Begins to connect, and keeps the connection from now on.
    package func start() {
        loop.execute { [self] in
            link.startTimer()
            tick()
        }
    }

    /// Fails what waits and closes the connection; a second time it does nothing.
    package func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        state.withLock { $0.machine.close() }
        await withCheckedContinuation { continuation in
            loop.execute { [self] in
                link.close()
                continuation.resume()
            }
        }
        if ownsLoop { loop.stop() }
    }

    /// Sends one command.
    /// - Parameter words: Its name and arguments.
    /// - Returns: The answer.
    /// - Throws: `RedisError`; `CancellationError` where the task was cancelled, and then the command may have taken
    ///   effect.
    package func command(_ words: [RedisArgument]) async throws -> RedisValue {
        guard let breaker else { return try await send(words) }
        do {
            return try await breaker.run { try await send(words) }
        } catch is CircuitBreakerError {
            throw RedisError(.unavailable, "Redis has failed repeatedly and is not asked at the moment")
        }
    }

    private func send(_ words: [RedisArgument]) async throws -> RedisValue {
        let request = RedisRequest(
            bytes: RedisCommandEncoder.encode(words),
            deadline: .now + configuration.commandTimeout
        )
        guard pendingCount.add(1, ordering: .relaxed).newValue <= configuration.pendingMax else {
            pendingCount.subtract(1, ordering: .relaxed)
            throw RedisError(.overloaded, "as many commands as allowed wait for Redis: slow down or raise pendingMax")
        }
        defer { pendingCount.subtract(1, ordering: .relaxed) }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard request.begin({ continuation.resume(with: $0) }) else {
                    continuation.resume(throwing: CancellationError())
                    return
                }
                submit(request)
            }
        } onCancel: {
            request.end(.failure(CancellationError()))
        }
    }

    private func submit(_ request: RedisRequest) {
        let now = ContinuousClock.now
        switch state.withLock({ $0.machine.submit(now: now) }) {
        case .send:
            loop.execute { [self] in link.send(request) }
        case .connect:
            loop.execute { [self] in
                link.startTimer()
                link.open()
                link.send(request)
            }
        case .unavailable:
            request.end(.failure(RedisError(.unavailable, "Redis is not there at the moment")))
        case .closed:
            request.end(.failure(RedisError(.closed, "the Redis client is closed")))
        }
    }

    /// Runs a script by its digest, and by its text where Redis does not know it (after a restart or a flush).
    /// - Parameters:
    ///   - script: The script.
    ///   - keys: `KEYS` of the script.
    ///   - arguments: `ARGV` of the script.
    /// - Returns: What the script returned.
    /// - Throws: As `command`; an error inside the script has the code `server`.
    package func eval(
        _ script: RedisScript,
        keys: [RedisArgument],
        arguments: [RedisArgument] = []
    ) async throws -> RedisValue {
        let rest = [RedisArgument(keys.count)] + keys + arguments
        if let digest = state.withLock({ $0.scripts[script.source] }) {
            do {
                return try await command(["EVALSHA", RedisArgument(digest)] + rest)
            } catch let error as RedisError where error.code == .server(kind: "NOSCRIPT") {
                return try await command(["EVAL", RedisArgument(script.source)] + rest)
            }
        }
        guard let digest = try await command(["SCRIPT", "LOAD", RedisArgument(script.source)]).string else {
            throw RedisError(.unexpectedAnswer, "Redis gave no digest for a script")
        }
        state.withLock { $0.scripts[script.source] = digest }
        return try await command(["EVALSHA", RedisArgument(digest)] + rest)
    }

    // MARK: The loop

    /// On the loop's thread.
    func tick() {
        let now = ContinuousClock.now
        let (shouldConnect, isOverdue) = state.withLock { state in
            (state.machine.shouldConnect(now: now), state.machine.isConnectOverdue(now: now))
        }
        if shouldConnect { link.open() }
        link.checkDeadlines(now: now, isConnectOverdue: isOverdue)
    }

    /// On the loop's thread.
    func didOpen() {
        state.withLock { $0.machine.connected() }
        breaker?.recover()
        logger.info("redis is available")
    }

    /// On the loop's thread.
    func didEnd(_ error: RedisError) {
        let now = ContinuousClock.now
        let (isNews, wasReady) = state.withLock { state in
            let wasReady = state.machine.isReady
            if wasReady {
                state.machine.lost()
                return (true, true)
            }
            return (state.machine.failed(now: now, random: .random(in: 0..<1)), false)
        }
        breaker?.fail(error)
        guard isNews else { return }
        if wasReady {
            logger.warning("the connection to redis was lost", [.error: .error(error)])
        } else {
            logger.warning("redis is not available", [.error: .error(error)])
        }
    }
}

/// A Lua script.
package struct RedisScript: Sendable, Hashable {
    /// Its text.
    package let source: String

    /// Makes a script; Redis checks it at its first use.
    package init(_ source: String) {
        self.source = source
    }
}

extension RedisClient {
    /// The value of a key; nil where there is none.
    package func get(_ key: String) async throws -> [UInt8]? {
        switch try await command(["GET", RedisArgument(key)]) {
        case .bytes(let bytes): return bytes
        case .null: return nil
        default: throw RedisError(.unexpectedAnswer, "GET was answered with something else than bytes")
        }
    }

    /// Sets a key.
    /// - Parameters:
    ///   - key: The key.
    ///   - value: Its value.
    ///   - expiry: When the key goes away; nil: never. At least 1 ms.
    /// - Throws: As `command`.
    package func set(_ key: String, _ value: RedisArgument, expiry: Duration? = nil) async throws {
        var words: [RedisArgument] = ["SET", RedisArgument(key), value]
        if let expiry {
            let (seconds, attoseconds) = expiry.components
            words += ["PX", RedisArgument(max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000))]
        }
        _ = try await command(words)
    }

    /// Deletes keys.
    /// - Returns: How many there were.
    @discardableResult
    package func delete(_ keys: [String]) async throws -> Int {
        guard !keys.isEmpty else { return 0 }
        let answer = try await command(["DEL"] + keys.map { RedisArgument($0) })
        guard let count = answer.int else {
            throw RedisError(.unexpectedAnswer, "DEL was answered with something else than a number")
        }
        return Int(count)
    }
}
