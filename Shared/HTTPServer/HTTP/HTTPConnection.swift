import EventLoop
import Glibc

/// One connection: bytes in, requests to the handler one after another, bytes out. Everything but ``onLoop(_:)`` happens
/// on the loop's thread; requests that are pipelined wait in the input until the answer before is on its way.
final class HTTPConnection: @unchecked Sendable {
    // Unchecked, because all of it is touched by the loop's thread alone.

    /// The present request and its answer.
    struct Exchange {
        var isActive = false
        var messageIsComplete = true
        var keepsAlive = true
        var hasResponded = false
        var sendsChunks = false
        var isHTTP10 = false
        var isHead = false
        var body: [UInt8] = []
        var bodyBytesSeen = 0
        var bodyFailed = false
        var wantsContinue = false
        var isCollecting = false
        var bodyStarted = ContinuousClock.now
    }

    unowned let server: HTTPServerLoop
    let slot: Int
    let transport: any Transport
    private var registration: EventLoop.Registration?
    var parser: HTTPRequestParser
    var input: [UInt8] = []
    var output: [UInt8] = []
    var outputOffset = 0
    var exchange = Exchange()
    var webSocket: WebSocketConnection?
    var task: Task<Void, Never>?
    var bodyWaiter: UnsafeContinuation<Void, Never>?
    var writeWaiter: UnsafeContinuation<Void, Never>?
    var isReadable = false
    var isWritable = true
    var isClosed = false
    var closesAfterWrite = false
    var isLingering = false
    var peerSendsNoMore = false
    var isDirty = false
    /// Whether ``deadline`` is that of a head whose first byte has come.
    var isTimingHead = false
    /// When the peer's silence is over; nil while none is expected to speak.
    var deadline: ContinuousClock.Instant?
    private var lastProgress = ContinuousClock.now

    var configuration: HTTPServerConfiguration { server.configuration }
    var now: ContinuousClock.Instant { server.loop.now }
    var queuedBytes: Int { output.count - outputOffset }

    init(server: HTTPServerLoop, transport: any Transport, slot: Int) {
        self.server = server
        self.transport = transport
        self.slot = slot
        parser = HTTPRequestParser(
            headBytesMax: server.configuration.headBytesMax,
            headersMax: server.configuration.headersMax
        )
        deadline = server.loop.now + server.configuration.headTimeout
    }

    func register() throws {
        registration = try server.loop.register(transport.descriptor) { [unowned self] ready in
            self.handle(ready)
        }
    }

    private func handle(_ ready: EventLoop.Readiness) {
        if ready.isBroken {
            kill()
            return
        }
        if ready.isWritable {
            isWritable = true
            if queuedBytes > 0 { flush() }
        }
        if ready.isHalfClosed {
            peerSendsNoMore = true
            // A client that has closed its sending side may still read: only a stream is ended by it.
            if exchange.sendsChunks { task?.cancel() }
        }
        if ready.isReadable {
            isReadable = true
            readInput()
        }
    }

    // MARK: Input

    /// Whether input must wait: the handler or the peer has enough to do.
    private var isPaused: Bool {
        if queuedBytes > configuration.highWaterBytes { return true }
        if let webSocket { return webSocket.isPaused }
        guard exchange.isActive else { return false }
        return exchange.messageIsComplete
            || exchange.body.count >= configuration.highWaterBytes && !exchange.isCollecting
    }

    /// Reads and parses until the kernel has no more, or somebody must wait.
    func readInput() {
        while isReadable, !isClosed, !isPaused {
            switch transport.read(into: server.readBuffer) {
            case .bytes(let count):
                take(UnsafeBufferPointer(rebasing: UnsafeBufferPointer(server.readBuffer)[0..<count]))
            case .end:
                isReadable = false
                handleEnd()
                return
            case .wouldBlock:
                isReadable = false
            case .failed:
                kill()
                return
            }
        }
    }

    private func take(_ bytes: UnsafeBufferPointer<UInt8>) {
        if isLingering { return }
        if let webSocket {
            webSocket.feed(bytes)
            return
        }
        if !input.isEmpty {
            input.append(contentsOf: bytes)
            parseInput()
            return
        }
        let used = parse(bytes)
        if used < bytes.count, !isClosed {
            input.append(contentsOf: UnsafeBufferPointer(rebasing: bytes[used...]))
            if webSocket != nil { parseInput() }
        }
    }

    /// Parses what waits: the next pipelined request, or frames behind an upgrade.
    func parseInput() {
        guard !input.isEmpty, !isClosed else { return }
        let waiting = input
        if let webSocket {
            input = []
            waiting.withUnsafeBufferPointer { webSocket.feed($0) }
            return
        }
        let used = waiting.withUnsafeBufferPointer { parse($0) }
        if used >= waiting.count {
            input = []
        } else {
            input.removeFirst(used)
        }
    }

    /// Parses up to the end of one request.
    /// - Returns: How many bytes were consumed.
    private func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var offset = 0
        while !isClosed, !closesAfterWrite, webSocket == nil, !(exchange.isActive && exchange.messageIsComplete) {
            if offset == bytes.count, !(exchange.isActive && parser.needsNoMoreBytes) { break }
            var used = 0
            let event = parser.feed(UnsafeBufferPointer(rebasing: bytes[offset...]), used: &used)
            offset += used
            if !parser.body.isEmpty { append(body: parser.body) }
            switch event {
            case .more:
                if exchange.isActive {
                    deadline = bodyDeadline
                } else if parser.hasBegun, !isTimingHead {
                    isTimingHead = true
                    deadline = now + configuration.headTimeout
                }
                if used == 0 { return offset }
            case .head:
                begin()
            case .done:
                exchange.messageIsComplete = true
                deadline = nil
                wakeBodyWaiter()
            case .failed(let failure):
                fail(failure.status, failure.detail)
                return bytes.count
            }
        }
        return closesAfterWrite ? bytes.count : offset
    }

    /// A pause, and an average rate from the body's first byte on: a timeout alone does not stop a slow drip.
    private var bodyDeadline: ContinuousClock.Instant {
        let idle = now + configuration.bodyIdleTimeout
        let earned = Duration.milliseconds(exchange.bodyBytesSeen * 1000 / max(1, configuration.bodyBytesPerSecondMin))
        return min(idle, exchange.bodyStarted + configuration.bodyIdleTimeout + earned)
    }

    private func append(body: UnsafeBufferPointer<UInt8>) {
        exchange.bodyBytesSeen += body.count
        if exchange.bodyBytesSeen > configuration.bodyBytesMax {
            fail(413, "The body is larger than \(configuration.bodyBytesMax) bytes.")
            return
        }
        exchange.body.append(contentsOf: body)
        wakeBodyWaiter()
    }

    private func handleEnd() {
        peerSendsNoMore = true
        if let webSocket {
            webSocket.transportEnded()
            kill()
        } else if exchange.isActive {
            exchange.keepsAlive = false
            if !exchange.messageIsComplete {
                exchange.bodyFailed = true
                exchange.messageIsComplete = true
                wakeBodyWaiter()
                task?.cancel()
            }
        } else if queuedBytes > 0 {
            closesAfterWrite = true
        } else {
            kill()
        }
    }

    func wakeBodyWaiter() {
        guard let waiter = bodyWaiter else { return }
        bodyWaiter = nil
        waiter.resume()
    }

    // MARK: Output

    /// Queues bytes; they are written at the end of the loop's round, together with what else comes.
    func enqueue(_ bytes: [UInt8]) {
        if isClosed { return }
        if queuedBytes == 0 {
            output = bytes
            outputOffset = 0
            lastProgress = now
        } else {
            output.append(contentsOf: bytes)
        }
        markDirty()
    }

    func markDirty() {
        if isDirty { return }
        isDirty = true
        server.dirty.append(self)
    }

    /// Writes as much as the kernel takes.
    func flush() {
        while queuedBytes > 0, isWritable, !isClosed {
            switch output.withUnsafeBytes({ transport.write(UnsafeRawBufferPointer(rebasing: $0[outputOffset...])) }) {
            case .bytes(let count):
                outputOffset += count
                lastProgress = now
            case .wouldBlock:
                isWritable = false
            case .end, .failed:
                kill()
                return
            }
        }
        if isClosed { return }
        if queuedBytes == 0 {
            output = []
            outputOffset = 0
            if closesAfterWrite {
                closeSending()
                return
            }
        }
        if queuedBytes <= configuration.highWaterBytes / 2 {
            if let waiter = writeWaiter {
                writeWaiter = nil
                waiter.resume()
            }
            webSocket?.outputHasRoom()
            if isReadable { readInput() }
        }
    }

    /// Ends the sending side and reads on for a moment what the peer still sends: a reset would destroy the answer.
    func closeSending() {
        if isLingering { return }
        isLingering = true
        transport.closeSending()
        deadline = now + .seconds(1)
        if peerSendsNoMore { kill() }
    }

    // MARK: Time and end

    /// Looks at the time limits; called twice a second.
    func checkTime() {
        if let webSocket {
            webSocket.checkTime()
            if isClosed { return }
        }
        if queuedBytes > 0, lastProgress + configuration.writeStallTimeout < now {
            kill()
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
        } else if exchange.isActive {
            exchange.keepsAlive = false
        } else {
            kill()
        }
    }

    /// Ends the connection at once.
    func kill() {
        if isClosed { return }
        isClosed = true
        exchange.bodyFailed = true
        exchange.messageIsComplete = true
        wakeBodyWaiter()
        if let waiter = writeWaiter {
            writeWaiter = nil
            waiter.resume()
        }
        task?.cancel()
        webSocket?.transportEnded()
        registration?.cancel()
        registration = nil
        transport.close()
        server.remove(self)
    }

    /// Runs `work` on the loop's thread; at once, where the caller is there already.
    func onLoop<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        if server.loop.isOnLoop { return work() }
        return await withUnsafeContinuation { continuation in
            server.loop.execute { continuation.resume(returning: work()) }
        }
    }
}
