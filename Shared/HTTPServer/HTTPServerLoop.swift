import CSystem
import EventLoop
import Glibc
import OpenSSL

/// The part of a server that lives on one event loop: its listener and its connections.
final class HTTPServerLoop: @unchecked Sendable {
    // Unchecked, because all of it is touched by the loop's thread alone, but for what is set before it starts.

    let loop: EventLoop
    let configuration: HTTPServerConfiguration
    let handler: HTTPHandler
    let readBuffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 64 << 10)
    var dirty: [HTTPConnection] = []
    private(set) var isDraining = false
    private let tls: TLSContext?
    private var listener: Int32 = -1
    private var listening: EventLoop.Registration?
    private var connections: [Int: HTTPConnection] = [:]
    private var nextSlot = 0
    private var sweep: UInt64?
    private var cachedDate: (second: Int, line: [UInt8]) = (-1, [])
    private var whenEmpty: [UnsafeContinuation<Void, Never>] = []

    init(loop: EventLoop, configuration: HTTPServerConfiguration, tls: TLSContext?, handler: @escaping HTTPHandler) {
        self.loop = loop
        self.configuration = configuration
        self.handler = handler
        self.tls = tls
    }

    deinit {
        readBuffer.deallocate()
    }

    /// How many connections there are.
    var connectionCount: Int { connections.count }

    /// Begins to accept. On the loop's thread.
    func start(listener: Int32) throws(EventLoopError) {
        self.listener = listener
        listening = try loop.register(listener) { [unowned self] ready in
            if ready.isReadable { self.accept() }
        }
        loop.afterEachRound { [weak self] in self?.flushDirty() }
        sweep = loop.every(.milliseconds(250)) { [unowned self] in self.checkTimes() }
    }

    private func accept() {
        if listener < 0 { return }
        while true {
            let descriptor = csystem_accept(listener)
            if descriptor < 0 {
                if errno == EINTR || errno == ECONNABORTED { continue }
                // Out of descriptors: the sweep tries again, because edge-triggered readiness comes only once.
                return
            }
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            open(descriptor)
        }
    }

    private func open(_ descriptor: Int32) {
        let perLoop = max(1, configuration.connectionsMax / max(1, configuration.loops))
        guard let transport = transport(for: descriptor) else {
            close(descriptor)
            return
        }
        nextSlot += 1
        let connection = HTTPConnection(server: self, transport: transport, slot: nextSlot)
        connections[nextSlot] = connection
        do {
            try connection.register()
        } catch {
            connections[nextSlot] = nil
            transport.close()
            return
        }
        if connections.count > perLoop { refuse(connection) }
    }

    private func refuse(_ connection: HTTPConnection) {
        var response = HTTPResponse.problem(status: 503, detail: "The server has as many connections as it may have.")
        response.headers.append(("retry-after", "1"))
        guard case .bytes(let body) = response.body else { return }
        connection.exchange.keepsAlive = false
        connection.enqueue(connection.head(of: response, length: body.count) + body)
        connection.closesAfterWrite = true
        connection.flush()
    }

    private func transport(for descriptor: Int32) -> (any Transport)? {
        guard let tls else { return SocketTransport(descriptor: descriptor) }
        return TLSTransport(descriptor: descriptor, context: tls)
    }

    private func flushDirty() {
        while !dirty.isEmpty {
            let connections = dirty
            dirty.removeAll(keepingCapacity: true)
            for connection in connections {
                connection.isDirty = false
                if connection.isClosed { continue }
                connection.flush()
            }
        }
    }

    private func checkTimes() {
        accept()
        for connection in Array(connections.values) {
            connection.checkTime()
        }
    }

    /// Forgets a connection that has ended.
    func remove(_ connection: HTTPConnection) {
        connections[connection.slot] = nil
        if connections.isEmpty {
            for waiter in whenEmpty {
                waiter.resume()
            }
            whenEmpty = []
        }
    }

    /// Accepts no more, and lets what runs come to its end.
    func beginDrain() {
        if isDraining { return }
        isDraining = true
        listening?.cancel()
        listening = nil
        if listener >= 0 { close(listener) }
        listener = -1
        for connection in Array(connections.values) {
            connection.drain()
        }
    }

    /// Waits until there is no connection.
    func waitUntilEmpty() async {
        await withUnsafeContinuation { continuation in
            loop.execute {
                if self.connections.isEmpty {
                    continuation.resume()
                } else {
                    self.whenEmpty.append(continuation)
                }
            }
        }
    }

    /// Ends every connection at once.
    func cutAll() {
        for connection in Array(connections.values) {
            connection.kill()
        }
    }

    /// Gives up the loop.
    func end() {
        cutAll()
        if let sweep { loop.cancelTimer(sweep) }
        loop.stop()
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
}
