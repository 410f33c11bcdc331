import EventLoop

/// What a WebSocket's client sent.
package enum WebSocketMessage: Sendable, Equatable {
    /// Text.
    case text(String)
    /// Bytes.
    case binary([UInt8])
}

/// The server's side of a WebSocket (RFC 6455). Pings are answered, and sent to quiet clients, by itself.
package final class WebSocketConnection: @unchecked Sendable {
    // Unchecked, because all of it is touched by the loop's thread alone; the async calls go there first.

    /// How many messages may wait for the application before the client is made to wait.
    private static let inboxMax = 64

    unowned let connection: HTTPConnection
    private var decoder: WebSocketFrameDecoder
    private var inbox: [WebSocketMessage] = []
    private var inboxBytes = 0
    private var receiver: UnsafeContinuation<Void, Never>?
    private var sender: UnsafeContinuation<Void, Never>?
    private var hasEnded = false
    private var hasSentClose = false
    private var peerCode: UInt16?
    private var closeDeadline: ContinuousClock.Instant?
    private var lastHeard: ContinuousClock.Instant
    private var lastPing: ContinuousClock.Instant

    init(connection: HTTPConnection) {
        self.connection = connection
        decoder = WebSocketFrameDecoder(messageBytesMax: connection.configuration.messageBytesMax)
        lastHeard = connection.now
        lastPing = connection.now
    }

    // MARK: For the application

    /// The next message; nil when the connection is over.
    package func receive() async -> WebSocketMessage? {
        await withTaskCancellationHandler {
            while true {
                let (message, isOver) = await connection.onLoop { self.takeMessage() }
                if let message { return message }
                if isOver || Task.isCancelled { return nil }
                await withUnsafeContinuation { continuation in
                    connection.server.loop.execute {
                        if self.hasEnded || !self.inbox.isEmpty || self.isCancelled {
                            continuation.resume()
                        } else {
                            self.receiver = continuation
                        }
                    }
                }
            }
        } onCancel: {
            connection.server.loop.execute {
                self.isCancelled = true
                self.wakeReceiver()
            }
        }
    }

    /// Sends a text; waits while the client is slow.
    /// - Throws: ``HTTPConnectionError/closed`` when the connection is over.
    package func send(text: String) async throws {
        try await send(WebSocketFrameEncoder.frame(opcode: WebSocketFrameEncoder.text, payload: text.utf8))
    }

    /// Sends bytes; waits while the client is slow.
    /// - Throws: ``HTTPConnectionError/closed`` when the connection is over.
    package func send(binary: [UInt8]) async throws {
        try await send(WebSocketFrameEncoder.frame(opcode: WebSocketFrameEncoder.binary, payload: binary))
    }

    /// Ends the connection with a code (RFC 6455 §7.4) and a reason of at most 123 bytes; further times it does nothing.
    package func close(code: UInt16, reason: String) async {
        await connection.onLoop { self.beginClose(code: code, reason: reason) }
    }

    /// How many bytes wait for the client.
    package var queuedBytes: Int {
        get async { await connection.onLoop { self.connection.queuedBytes } }
    }

    /// The code that the client closed with, if it did.
    package var closeCode: UInt16? {
        get async { await connection.onLoop { self.peerCode } }
    }

    // MARK: On the loop

    private var isCancelled = false

    /// Whether the client must wait.
    var isPaused: Bool {
        inbox.count >= Self.inboxMax || inboxBytes >= connection.configuration.highWaterBytes
    }

    func feed(_ bytes: UnsafeBufferPointer<UInt8>) {
        lastHeard = connection.now
        for input in decoder.feed(bytes) {
            handle(input)
        }
    }

    private func handle(_ input: WebSocketInput) {
        switch input {
        case .text(let bytes):
            inboxBytes += bytes.count
            inbox.append(.text(String(decoding: bytes, as: UTF8.self)))
            wakeReceiver()
        case .binary(let bytes):
            inboxBytes += bytes.count
            inbox.append(.binary(bytes))
            wakeReceiver()
        case .ping(let payload):
            if !hasSentClose {
                connection.enqueue(WebSocketFrameEncoder.frame(opcode: WebSocketFrameEncoder.pong, payload: payload))
            }
        case .pong:
            break
        case .close(let code):
            peerCode = code
            sendClose(code: code, reason: "")
            finish()
        case .violation(let code):
            sendClose(code: code.rawValue, reason: "")
            finish()
        }
    }

    private func takeMessage() -> (WebSocketMessage?, isOver: Bool) {
        guard !inbox.isEmpty else { return (nil, hasEnded) }
        let wasPaused = isPaused
        let message = inbox.removeFirst()
        switch message {
        case .text(let text): inboxBytes -= text.utf8.count
        case .binary(let bytes): inboxBytes -= bytes.count
        }
        if wasPaused, !isPaused, connection.isReadable { connection.readInput() }
        return (message, hasEnded)
    }

    private func send(_ frame: [UInt8]) async throws {
        let mustWait = await connection.onLoop {
            if self.hasEnded || self.hasSentClose || self.connection.isClosed { return false }
            self.connection.enqueue(frame)
            return self.connection.queuedBytes >= self.connection.configuration.highWaterBytes
        }
        if mustWait {
            await withUnsafeContinuation { continuation in
                connection.server.loop.execute {
                    self.connection.flush()
                    if self.hasEnded || self.connection.queuedBytes < self.connection.configuration.highWaterBytes {
                        continuation.resume()
                    } else {
                        self.sender = continuation
                    }
                }
            }
        }
        if await connection.onLoop({ self.hasEnded || self.hasSentClose }) { throw HTTPConnectionError.closed }
    }

    func beginClose(code: UInt16, reason: String) {
        if hasEnded || hasSentClose || connection.isClosed { return }
        sendClose(code: code, reason: reason)
        closeDeadline = connection.now + connection.configuration.webSocketCloseTimeout
        connection.flush()
    }

    private func sendClose(code: UInt16?, reason: String) {
        if hasSentClose { return }
        hasSentClose = true
        var payload: [UInt8] = []
        if let code {
            payload = [UInt8(code >> 8), UInt8(code & 0xFF)]
            payload += String(decoding: reason.utf8.prefix(123), as: UTF8.self).utf8.prefix(123)
        }
        connection.enqueue(WebSocketFrameEncoder.frame(opcode: WebSocketFrameEncoder.close, payload: payload))
    }

    private func finish() {
        transportEnded()
        connection.closesAfterWrite = true
        connection.markDirty()
    }

    func transportEnded() {
        hasEnded = true
        wakeReceiver()
        outputHasRoom()
    }

    func outputHasRoom() {
        guard let waiting = sender, hasEnded || connection.queuedBytes < connection.configuration.highWaterBytes else {
            return
        }
        sender = nil
        waiting.resume()
    }

    private func wakeReceiver() {
        guard let waiting = receiver else { return }
        receiver = nil
        waiting.resume()
    }

    func checkTime() {
        let (now, interval) = (connection.now, connection.configuration.webSocketPingInterval)
        if let closeDeadline, closeDeadline < now {
            connection.kill()
        } else if lastHeard + interval * 2 + .seconds(5) < now {
            connection.kill()
        } else if max(lastHeard, lastPing) + interval < now, !hasSentClose {
            lastPing = now
            connection.enqueue(WebSocketFrameEncoder.frame(opcode: WebSocketFrameEncoder.ping, payload: []))
        }
    }
}
