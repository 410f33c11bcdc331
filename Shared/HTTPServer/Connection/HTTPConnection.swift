import EventLoop
import Glibc

/// One connection: bytes in, requests to the handler one after another, bytes out.
///
/// Everything but ``onLoop(_:)`` happens on the loop's thread. Requests that are pipelined wait in the input until the
/// answer before is on its way.
final class HTTPConnection: @unchecked Sendable {
    // Unchecked, because all of it is touched by the loop's thread alone.

    /// The present request and its answer.
    struct Exchange {
        /// Its number on this connection: a body or writer that a handler has kept is of no use in a later exchange.
        var number = 0
        var isActive = false
        var messageIsComplete = true
        var keepsAlive = true
        var hasResponded = false
        var sendsChunks = false
        var isStreaming = false
        var isHTTP10 = false
        var isHead = false
        var body: [UInt8] = []
        var bodyBytesSeen = 0
        var bodyFailed = false
        var wantsContinue = false
        var isCollecting = false
        /// Since when the body must come at its least rate, and how much came since.
        var rateStart = ContinuousClock.now
        var rateBytes = 0
    }

    /// How long the receiving side stays open for what the client still sends, once the sending side is closed.
    private static let lingerTimeout = Duration.seconds(1)

    let server: HTTPServerLoop
    let slot: Int
    let transport: any Transport
    let remoteAddress: String
    let bodyWaiters: LoopWaiters
    let writeWaiters: LoopWaiters
    private var registration: EpollLoop.Registration?
    var parser: HTTPRequestParser
    var input = ByteQueue()
    var output = ByteQueue()
    var exchange = Exchange()
    var webSocket: WebSocketConnection?
    var task: Task<Void, Never>?
    var isReadable = false
    var isWritable = true
    var isClosed = false
    var closesAfterWrite = false
    var isLingering = false
    var peerSendsNoMore = false
    var isDirty = false
    /// Whether ``deadline`` is that of a head whose first byte has come.
    var isTimingHead = false
    /// When the patience with the peer's silence is over; nil while none is expected to speak.
    var deadline: ContinuousClock.Instant?
    var lastProgress: ContinuousClock.Instant

    var configuration: HTTPServerConfiguration { server.configuration }
    var now: ContinuousClock.Instant { server.loop.now }

    init(server: HTTPServerLoop, transport: any Transport, slot: Int, remoteAddress: String) {
        self.server = server
        self.transport = transport
        self.slot = slot
        self.remoteAddress = remoteAddress
        bodyWaiters = LoopWaiters(loop: server.loop)
        writeWaiters = LoopWaiters(loop: server.loop)
        parser = HTTPRequestParser(
            headBytesMax: server.configuration.headBytesMax,
            headersMax: server.configuration.headersMax
        )
        deadline = server.loop.now + server.configuration.headTimeout
        lastProgress = server.loop.now
    }

    func register() throws(EventLoopError) {
        registration = try server.loop.register(transport.descriptor) { [unowned self] ready in
            self.handle(ready)
        }
    }

    private func handle(_ ready: EpollLoop.Readiness) {
        if ready.isBroken {
            kill()
            return
        }
        if ready.isWritable {
            isWritable = true
            if !output.isEmpty { flush() }
        }
        if ready.isHalfClosed {
            peerSendsNoMore = true
            // A client that has closed its sending side may still read an answer; one that listens to a stream is gone.
            if exchange.isStreaming { task?.cancel() }
        }
        if ready.isReadable {
            isReadable = true
            readInput()
        }
    }

    // MARK: Time and end

    /// Looks at the time limits; called several times a second.
    func checkTime() {
        if let webSocket {
            webSocket.checkTime()
            if isClosed { return }
        }
        if !output.isEmpty, lastProgress + configuration.writeStallTimeout < now {
            kill()
            return
        }
        if isWaitingForHandler {
            // What the handler takes is not the client's time: the body has all of its own once it is read again.
            restartBodyClock()
            return
        }
        guard let deadline, deadline <= now else { return }
        if isLingering {
            kill()
        } else if exchange.isActive, !exchange.messageIsComplete {
            fail(408, "The body came too slowly.")
        } else if !exchange.isActive, parser.hasBegun {
            fail(408, "The request's head came too slowly.")
        } else if !exchange.isActive {
            kill()
        }
    }

    /// Takes no further request.
    func drain() {
        if let webSocket {
            webSocket.beginClose(code: 1001, reason: "going away")
            return
        }
        // A request that has come and was not looked at yet is served.
        if isReadable { readInput() }
        if isClosed { return }
        if exchange.isActive {
            exchange.keepsAlive = false
        } else {
            closesAfterWrite = true
            markDirty()
        }
    }

    /// Ends the sending side and reads on for a moment what the peer still sends: a reset would destroy the answer.
    func closeSending() {
        if isLingering { return }
        isLingering = true
        transport.closeSending()
        deadline = now + Self.lingerTimeout
        if isReadable {
            // Closing with unread bytes would be a reset, also when the end is behind them.
            readInput()
        } else if peerSendsNoMore {
            kill()
        }
    }

    /// Ends the connection at once.
    func kill() {
        if isClosed { return }
        isClosed = true
        exchange.bodyFailed = !exchange.messageIsComplete || exchange.bodyFailed
        exchange.messageIsComplete = true
        task?.cancel()
        bodyWaiters.wakeAll()
        writeWaiters.wakeAll()
        webSocket?.transportEnded()
        webSocket = nil
        registration?.cancel()
        registration = nil
        transport.close()
        server.remove(self)
    }

    /// Runs `work` on the loop's thread; at once, where the caller is there already.
    func onLoop<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        if server.loop.isOnLoop { return work() }
        return await withUnsafeContinuation { continuation in
            let isTaken = server.loop.execute { continuation.resume(returning: work()) }
            // When the loop has ended so has the connection: all that is left to do is to see that.
            if !isTaken { continuation.resume(returning: work()) }
        }
    }
}
