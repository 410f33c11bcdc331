import CSystem
import EventLoop
import Glibc
import Observability
import OpenSSL
import Synchronization

/// What the loops of one server share.
final class HTTPServerShared: Sendable {
    let configuration: HTTPServerConfiguration
    let handler: HTTPHandler
    let tls: TLSContext?
    let logger: Logger?
    /// How many connections there are on all loops.
    let connectionCount = Atomic<Int>(0)

    init(configuration: HTTPServerConfiguration, handler: @escaping HTTPHandler, tls: TLSContext?, logger: Logger?) {
        self.configuration = configuration
        self.handler = handler
        self.tls = tls
        self.logger = logger
    }
}

/// The part of a server that lives on one event loop: its listener and its connections.
final class HTTPServerLoop: @unchecked Sendable {
    // Unchecked, because all of it is touched by the loop's thread alone, but for what is set before it starts.

    /// How often time limits are looked at while there are connections.
    private static let sweepInterval = Duration.milliseconds(250)
    /// How many connections are accepted before others have their turn.
    private static let acceptsPerRoundMax = 256
    /// How many connections over the limit are told so; further ones are closed without a word.
    private static let refusalsMax = 64
    private static let readBytesMax = 64 << 10

    let loop: EpollLoop
    let readBuffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: readBytesMax)
    var dirty: [HTTPConnection] = []
    /// How many handlers run.
    var tasks = 0
    private(set) var isDraining = false
    private let shared: HTTPServerShared
    private var listener: Int32 = -1
    private var listening: EpollLoop.Registration?
    private var isOutOfDescriptors = false
    /// Whether the lack was logged, and has not ended since.
    private var hasToldOfLack = false
    private var isEnding = false
    private var connections: [Int: HTTPConnection] = [:]
    private var lastSlot = 0
    private var sweep: EpollLoop.TimerID?
    private var cachedDate: (second: Int, line: [UInt8]) = (-1, [])
    private var emptyWaiters: [UnsafeContinuation<Void, Never>] = []

    var configuration: HTTPServerConfiguration { shared.configuration }
    var handler: HTTPHandler { shared.handler }
    var logger: Logger? { shared.logger }

    init(loop: EpollLoop, shared: HTTPServerShared) {
        self.loop = loop
        self.shared = shared
    }

    deinit {
        readBuffer.deallocate()
    }

    /// Begins to accept on a socket, which is the loop's from here on.
    func start(listener: Int32) throws(EventLoopError) {
        listening = try loop.register(listener) { [unowned self] ready in
            if ready.isReadable { self.accept() }
        }
        self.listener = listener
        loop.afterEachRound { [weak self] in self?.flushDirty() }
    }

    // MARK: Connections

    private func accept() {
        isOutOfDescriptors = false
        for _ in 0..<Self.acceptsPerRoundMax {
            if listener < 0 { return }
            let descriptor = csystem_accept(listener)
            if descriptor < 0 {
                if errno == EINTR || errno == ECONNABORTED { continue }
                if errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM {
                    outOfDescriptors()
                } else {
                    hasToldOfLack = false
                }
                return
            }
            open(descriptor)
        }
        // Edge-triggered readiness comes only once, so the rest is asked for.
        loop.execute { self.accept() }
    }

    private func outOfDescriptors() {
        isOutOfDescriptors = true
        startSweep()
        // It is tried again with every sweep.
        if hasToldOfLack { return }
        hasToldOfLack = true
        logger?.warning("connections wait: the process or the system is out of file descriptors or memory")
    }

    private func open(_ descriptor: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        let count = shared.connectionCount.add(1, ordering: .relaxed).newValue
        guard count <= configuration.connectionsMax + Self.refusalsMax, let transport = transport(for: descriptor)
        else {
            shared.connectionCount.subtract(1, ordering: .relaxed)
            close(descriptor)
            return
        }
        lastSlot += 1
        let address = SocketAddress.remote(of: descriptor)
        let connection = HTTPConnection(server: self, transport: transport, slot: lastSlot, remoteAddress: address)
        connections[lastSlot] = connection
        startSweep()
        do {
            try connection.register()
        } catch {
            logger?.warning("a connection could not be watched", [.error: .error(error)])
            connection.kill()
            return
        }
        if count > configuration.connectionsMax {
            var response = HTTPResponse.problem(status: 503, detail: "The server has all the connections it may have.")
            response.headers.append(("retry-after", "1"))
            connection.refuse(response)
        }
    }

    private func transport(for descriptor: Int32) -> (any Transport)? {
        guard let tls = shared.tls else { return SocketTransport(descriptor: descriptor) }
        return TLSTransport(descriptor: descriptor, context: tls)
    }

    /// Forgets a connection that has ended.
    func remove(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: connection.slot) != nil else { return }
        shared.connectionCount.subtract(1, ordering: .relaxed)
        wakeWhenEmpty()
    }

    /// A handler has come to its end.
    func taskEnded() {
        tasks -= 1
        wakeWhenEmpty()
        if isEnding, tasks == 0 { loop.stop() }
    }

    private func flushDirty() {
        while !dirty.isEmpty {
            let connections = dirty
            dirty.removeAll(keepingCapacity: true)
            for connection in connections {
                connection.isDirty = false
                if !connection.isClosed { connection.flush() }
            }
        }
    }

    // MARK: Time

    private func startSweep() {
        if sweep == nil { sweep = loop.every(Self.sweepInterval) { [unowned self] in self.checkTimes() } }
    }

    private func checkTimes() {
        if isOutOfDescriptors { accept() }
        for connection in Array(connections.values) {
            connection.checkTime()
        }
        // Without connections there is nothing to look at, and the thread can sleep.
        if connections.isEmpty, !isOutOfDescriptors, let timer = sweep {
            loop.cancelTimer(timer)
            sweep = nil
        }
    }

    /// The Date header of the present second.
    func dateLine() -> [UInt8] {
        var seconds = time(nil)
        if seconds == cachedDate.second { return cachedDate.line }
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let line = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            let count = strftime(buffer.baseAddress, 64, "date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts)
            return buffer[0..<count].map { UInt8(bitPattern: $0) }
        }
        cachedDate = (seconds, line)
        return line
    }

    // MARK: End

    /// Accepts no more, and lets what runs come to its end.
    func beginDrain() {
        if isDraining { return }
        // Who has connected already is in the kernel's queue, and may have sent a request.
        accept()
        isDraining = true
        listening?.cancel()
        listening = nil
        if listener >= 0 { close(listener) }
        listener = -1
        for connection in Array(connections.values) {
            connection.drain()
        }
    }

    /// Waits until there is no connection and no handler runs.
    func waitUntilEmpty() async {
        await withUnsafeContinuation { continuation in
            let isTaken = loop.execute {
                self.emptyWaiters.append(continuation)
                self.wakeWhenEmpty()
            }
            if !isTaken { continuation.resume() }
        }
    }

    private func wakeWhenEmpty() {
        guard connections.isEmpty, tasks == 0, !emptyWaiters.isEmpty else { return }
        let waiting = emptyWaiters
        emptyWaiters = []
        for continuation in waiting { continuation.resume() }
    }

    /// Ends every connection at once, and the loop with the last handler.
    func end() {
        beginDrain()
        isEnding = true
        for connection in Array(connections.values) {
            connection.kill()
        }
        if let sweep { loop.cancelTimer(sweep) }
        sweep = nil
        // Handlers have been cancelled; one that does not heed that keeps the thread, but not who waits for the end.
        for continuation in emptyWaiters { continuation.resume() }
        emptyWaiters = []
        if tasks == 0 { loop.stop() }
    }
}
