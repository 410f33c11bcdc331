import CHiredis
import EventLoop
import Glibc

/// What a connection tells its owner; called on the loop's thread.
protocol HiredisConnectionOwner: AnyObject {
    /// The socket stands and the login succeeded.
    func connectionDidOpen(_ connection: HiredisConnection)
    /// The connection failed or was lost, and is closed; its requests have ended.
    func connectionDidEnd(_ connection: HiredisConnection, _ error: RedisError)
}

/// One connection to Redis: hiredis makes the socket, keeps the output and reads the answers; when to write and read is
/// decided here.
///
/// Confined to the loop's thread: every call is made there, which is why it can be shared without a lock.
final class HiredisConnection: @unchecked Sendable {
    private enum Phase {
        case connecting
        case loggingIn
        case ready
        case closed
    }

    unowned let owner: any HiredisConnectionOwner
    private let loop: EpollLoop
    private let configuration: RedisConfiguration
    private var context: UnsafeMutablePointer<redisContext>?
    private var registration: EpollLoop.Registration?
    private var phase: Phase = .connecting
    private var isFlushPlanned = false
    /// In the order in which they were sent, which is the order of the answers; ended ones stay until theirs comes.
    private var pending: [RedisRequest] = []
    private var pendingHead = 0
    private var lastHeard: ContinuousClock.Instant

    init(configuration: RedisConfiguration, loop: EpollLoop, owner: any HiredisConnectionOwner) {
        self.configuration = configuration
        self.loop = loop
        self.owner = owner
        lastHeard = .now
    }

    deinit {
        if let context { redisFree(context) }
    }

    private var pendingCount: Int { pending.count - pendingHead }

    // MARK: Connecting

    /// Begins to connect; commands may be sent at once.
    func open() {
        switch configuration.address {
        case .tcp(let host, let port): context = redisConnectNonBlock(host, Int32(clamping: port))
        case .unix(let path): context = redisConnectUnixNonBlock(path)
        }
        guard let context, context.pointee.err == 0, context.pointee.fd >= 0 else {
            end(RedisError(.unavailable, "Redis cannot be reached: check its address"))
            return
        }
        logIn()
        do {
            registration = try loop.register(context.pointee.fd) { [weak self] readiness in
                self?.socketIsReady(readiness)
            }
        } catch {
            end(RedisError(.unavailable, "Redis' socket cannot be watched: the process may be out of descriptors"))
        }
    }

    private func logIn() {
        var commands: [[RedisArgument]] = []
        if let password = configuration.password {
            let user = configuration.username.map { [RedisArgument($0)] } ?? []
            commands.append(["AUTH"] + user + [RedisArgument(password)])
        }
        // SELECT is also sent for database 0: its answer is the sign that Redis answers at all.
        commands.append(["SELECT", RedisArgument(configuration.database)])
        for (index, command) in commands.enumerated() {
            let request = RedisRequest(bytes: RedisCommandEncoder.encode(command), deadline: .now + .seconds(3600))
            let isLast = index == commands.count - 1
            _ = request.begin { [weak self] result in
                // The closure is called on the loop's thread, by this very connection.
                self?.didLogIn(result, isLast: isLast)
            }
            send(request)
        }
    }

    private func didLogIn(_ result: Result<RedisValue, any Error>, isLast: Bool) {
        guard phase == .loggingIn else { return }
        if case .failure = result {
            end(RedisError(.unavailable, "Redis refused the login: check user, password and database number"))
        } else if isLast {
            phase = .ready
            owner.connectionDidOpen(self)
        }
    }

    private func socketIsReady(_ readiness: EpollLoop.Readiness) {
        if phase == .connecting {
            guard readiness.isWritable, let context else { return }
            var code: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            guard getsockopt(context.pointee.fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0, code == 0 else {
                end(RedisError(.unavailable, "Redis cannot be reached: \(String(cString: strerror(code)))"))
                return
            }
            if case .tcp = configuration.address {
                var on: Int32 = 1
                setsockopt(context.pointee.fd, Int32(IPPROTO_TCP), TCP_NODELAY, &on, length)
            }
            phase = .loggingIn
        }
        if readiness.isWritable { flush() }
        if readiness.isReadable { receive() }
    }

    // MARK: Commands

    /// Sends a command, together with others that come in the same moment.
    func send(_ request: RedisRequest) {
        guard phase != .closed, let context else {
            request.end(.failure(RedisError(.unavailable, "Redis is not there at the moment")))
            return
        }
        let isTaken = request.bytes.withUnsafeBytes { bytes in
            redisAppendFormattedCommand(context, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard isTaken == REDIS_OK else {
            request.end(.failure(RedisError(.overloaded, "no memory for a Redis command")))
            return
        }
        if pendingCount == 0 { lastHeard = .now }
        pending.append(request)
        guard phase != .connecting, !isFlushPlanned else { return }
        isFlushPlanned = true
        loop.execute { [self] in flush() }
    }

    private func flush() {
        isFlushPlanned = false
        guard phase != .closed, phase != .connecting, let context else { return }
        var isDone: Int32 = 0
        // When it is not done the socket is full, and its becoming writable leads here again.
        guard redisBufferWrite(context, &isDone) == REDIS_OK else {
            end(Self.lost)
            return
        }
    }

    private func receive() {
        while phase != .closed, let context {
            guard redisBufferRead(context) == REDIS_OK else {
                end(Self.lost)
                return
            }
            takeAnswers()
            guard phase != .closed, Self.hasInput(context.pointee.fd) else { return }
        }
    }

    private func takeAnswers() {
        while phase != .closed, let context {
            var answer: UnsafeMutableRawPointer?
            guard redisGetReplyFromReader(context, &answer) == REDIS_OK else {
                end(RedisError(.unexpectedAnswer, "the server does not speak Redis' protocol: check its address"))
                return
            }
            guard let answer else { return }
            let value = HiredisReply.value(answer.assumingMemoryBound(to: redisReply.self).pointee)
            freeReplyObject(answer)
            guard pendingCount > 0 else {
                end(RedisError(.unexpectedAnswer, "Redis sent an answer that nobody asked for"))
                return
            }
            lastHeard = .now
            let request = pending[pendingHead]
            advance()
            if case .error(let text) = value {
                request.end(.failure(HiredisReply.error(text)))
            } else {
                request.end(.success(value))
            }
        }
    }

    private func advance() {
        pendingHead += 1
        if pendingHead == pending.count || (pendingHead >= 64 && pendingHead * 2 >= pending.count) {
            pending.removeFirst(pendingHead)
            pendingHead = 0
        }
    }

    /// Ends requests whose time is over, and gives up on a server that is silent for too long.
    func checkDeadlines(now: ContinuousClock.Instant) {
        guard phase != .closed, pendingCount > 0 else { return }
        for request in pending[pendingHead...] where request.deadline <= now {
            request.end(.failure(RedisError(.timeout, "Redis did not answer in time: it is slow or away")))
        }
        if phase == .ready, lastHeard + configuration.silenceMax <= now {
            end(RedisError(.timeout, "Redis was silent for too long, so the connection was given up"))
        }
    }

    /// Closes the socket and ends every request.
    func end(_ error: RedisError) {
        guard phase != .closed else { return }
        phase = .closed
        registration?.cancel()
        registration = nil
        if let context { redisFree(context) }
        context = nil
        let requests = pending[pendingHead...]
        pending = []
        pendingHead = 0
        for request in requests { request.end(.failure(error)) }
        owner.connectionDidEnd(self, error)
    }

    private static let lost = RedisError(.connectionLost, "the connection to Redis was lost")

    /// Whether a read would not block: bytes wait, or the end of the stream.
    private static func hasInput(_ descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }
}

/// Translates hiredis' answers.
enum HiredisReply {
    static func value(_ reply: redisReply) -> RedisValue {
        switch reply.type {
        case REDIS_REPLY_INTEGER: return .integer(reply.integer)
        case REDIS_REPLY_STRING: return .bytes(bytes(reply))
        case REDIS_REPLY_STATUS: return .status(String(decoding: bytes(reply), as: UTF8.self))
        case REDIS_REPLY_ERROR: return .error(String(decoding: bytes(reply), as: UTF8.self))
        case REDIS_REPLY_ARRAY:
            return .array(
                (0..<reply.elements).map { index in
                    reply.element[index].map { value($0.pointee) } ?? .null
                }
            )
        default: return .null
        }
    }

    /// The error for an answer such as `WRONGTYPE Operation against…`: its first word only, as the rest may quote data.
    static func error(_ text: String) -> RedisError {
        let kind = String(text.prefix { $0 != " " })
        return RedisError(.server(kind: kind), "Redis refused the command")
    }

    private static func bytes(_ reply: redisReply) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: reply.str, count: Int(reply.len)))
    }
}
