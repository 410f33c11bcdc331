import EventLoop

/// The client's present connection.
///
/// Confined to the loop's thread: every call but `init` is made there, which is why it can be shared without a lock.
final class RedisLink: @unchecked Sendable, HiredisConnectionOwner {
    /// How often deadlines are looked at; a deadline is met at most this much late.
    private static let tickInterval: Duration = .milliseconds(25)

    private let configuration: RedisConfiguration
    private let loop: EpollLoop
    private var connection: HiredisConnection?
    private var timer: UInt64?
    private var isClosed = false
    weak var client: RedisClient?

    init(configuration: RedisConfiguration, loop: EpollLoop) {
        self.configuration = configuration
        self.loop = loop
    }

    func startTimer() {
        guard timer == nil, !isClosed else { return }
        timer = loop.every(Self.tickInterval) { [weak self] in self?.client?.tick() }
    }

    func open() {
        guard !isClosed else { return }
        let connection = HiredisConnection(configuration: configuration, loop: loop, owner: self)
        self.connection = connection
        connection.open()
    }

    func send(_ request: RedisRequest) {
        guard let connection else {
            request.end(.failure(RedisError(.unavailable, "Redis is not there at the moment")))
            return
        }
        connection.send(request)
    }

    func checkDeadlines(now: ContinuousClock.Instant, isConnectOverdue: Bool) {
        connection?.checkDeadlines(now: now)
        if isConnectOverdue {
            connection?.end(RedisError(.unavailable, "Redis did not answer within the connect timeout"))
        }
    }

    func close() {
        isClosed = true
        if let timer { loop.cancelTimer(timer) }
        timer = nil
        connection?.end(RedisError(.closed, "the Redis client is closed"))
        connection = nil
    }

    // MARK: HiredisConnectionOwner

    func connectionDidOpen(_ connection: HiredisConnection) {
        client?.didOpen()
    }

    func connectionDidEnd(_ connection: HiredisConnection, _ error: RedisError) {
        if self.connection === connection { self.connection = nil }
        client?.didEnd(error)
    }
}
