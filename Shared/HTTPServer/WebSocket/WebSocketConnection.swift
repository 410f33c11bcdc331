import EventLoop

/// What a WebSocket's client sent.
package enum WebSocketMessage: Sendable, Equatable {
    /// Text.
    case text(String)
    /// Bytes.
    case binary([UInt8])
}

/// The server's side of a WebSocket (RFC 6455).
///
/// Pings are answered, and sent to quiet clients, by itself. Several tasks may send at once; one receives.
package final class WebSocketConnection: @unchecked Sendable {
    // Unchecked, because all of it is touched by the loop's thread alone; the async calls go there first.

    /// How many messages may wait for the application before the client is made to wait.
    private static let inboxMax = 64

    let connection: HTTPConnection
    private let receivers: LoopWaiters
    private var decoder: WebSocketFrameDecoder
    private var inbox = MessageQueue<WebSocketMessage>()
    private var inboxBytes = 0
    private var answer: (@Sendable (WebSocketMessage) async -> Void)?
    private var isAnswering = false
    private var hasEnded = false
    private var hasSentClose = false
    private var peerCode: UInt16?
    private var awaitsClose = false
    private var lastHeard: ContinuousClock.Instant
    private var lastPing: ContinuousClock.Instant

    init(connection: HTTPConnection) {
        self.connection = connection
        receivers = LoopWaiters(loop: connection.server.loop)
        decoder = WebSocketFrameDecoder(messageBytesMax: connection.configuration.messageBytesMax)
        lastHeard = connection.now
        lastPing = connection.now
    }

    // MARK: For the application

    /// The next message.
    ///
    /// While nobody receives, the client is made to wait.
    /// - Returns: nil when the connection is over or the task is cancelled.
    package func receive() async -> WebSocketMessage? {
        while true {
            let (message, isOver) = await connection.onLoop { self.takeMessage() }
            if let message { return message }
            if isOver || Task.isCancelled { return nil }
            await receivers.wait { self.hasEnded || !self.inbox.isEmpty }
        }
    }

    /// Has every message answered, one after another, instead of being received.
    ///
    /// A task is there only while a message is: a quiet client costs none. When the connection is over, the task that
    /// serves it is cancelled. While messages wait for their answers, the client is made to wait.
    /// - Parameter answer: Answers a message.
    package func onMessage(_ answer: @escaping @Sendable (WebSocketMessage) async -> Void) async {
        await connection.onLoop {
            self.answer = answer
            if self.hasEnded { self.connection.task?.cancel() }
            self.answerMessages()
        }
    }

    /// Sends a text; waits while the client is slow.
    /// - Throws: ``HTTPConnectionError/closed`` when the connection is over or the task is cancelled.
    package func send(text: String) async throws {
        try await send(WebSocketFrameEncoder.frame(opcode: WebSocketFrameEncoder.text, payload: text.utf8))
    }

    /// Sends bytes; waits while the client is slow.
    /// - Throws: ``HTTPConnectionError/closed`` when the connection is over or the task is cancelled.
    package func send(binary: [UInt8]) async throws {
        try await send(WebSocketFrameEncoder.frame(opcode: WebSocketFrameEncoder.binary, payload: binary))
    }

    /// Ends the connection; further times it does nothing.
    /// - Parameters:
    ///   - code: A code of RFC 6455 §7.4 that may be sent: 1000–1003, 1007–1014 or 3000–4999.
    ///   - reason: For people; what is over 123 bytes is left out.
    package func close(code: UInt16, reason: String) async {
        precondition(WebSocketCloseCode.isAllowed(code), "this close code must not be sent")
        await connection.onLoop { self.beginClose(code: code, reason: reason) }
    }

    /// How many bytes wait for the client.
    package var queuedBytes: Int {
        get async { await connection.onLoop { self.connection.output.count } }
    }

    /// The code that the client closed with; nil while it has not, and when it gave none.
    package var closeCode: UInt16? {
        get async { await connection.onLoop { self.peerCode } }
    }

    private func send(_ frame: [UInt8]) async throws {
        let (isOver, isFull) = await connection.onLoop {
            if self.isOver { return (true, false) }
            self.connection.enqueue(frame)
            return (false, self.connection.isFull)
        }
        if isOver || Task.isCancelled { throw HTTPConnectionError.closed }
        guard isFull else { return }
        while await connection.onLoop({ self.connection.isFull && !self.isOver }), !Task.isCancelled {
            await connection.waitForRoom()
        }
        if await connection.onLoop({ self.isOver }) || Task.isCancelled { throw HTTPConnectionError.closed }
    }

    // MARK: On the loop

    private var isOver: Bool { hasEnded || hasSentClose || connection.isClosed }

    /// Whether the client must wait.
    var isPaused: Bool {
        // Behind its own close the server waits for the client's alone.
        if hasSentClose { return false }
        return inbox.count >= Self.inboxMax || inboxBytes >= connection.configuration.highWaterBytes
    }

    func feed(_ bytes: UnsafeBufferPointer<UInt8>) {
        lastHeard = connection.now
        for input in decoder.feed(bytes) {
            handle(input)
        }
        answerMessages()
    }

    private func answerMessages() {
        guard let answer, !isAnswering, !inbox.isEmpty else { return }
        isAnswering = true
        connection.server.tasks += 1
        // unstructured: it begins in a callback and ends with the messages that have come.
        Task(executorPreference: connection.server.loop.executor) {
            while let message = await self.connection.onLoop({ self.nextToAnswer() }) {
                await answer(message)
            }
            await self.connection.onLoop { self.connection.server.taskEnded() }
        }
    }

    private func nextToAnswer() -> WebSocketMessage? {
        let message = takeMessage().0
        if message == nil { isAnswering = false }
        return message
    }

    private func handle(_ input: WebSocketInput) {
        switch input {
        case .text where hasSentClose, .binary where hasSentClose:
            break
        case .text(let bytes):
            inboxBytes += bytes.count
            inbox.append(.text(String(decoding: bytes, as: UTF8.self)))
            receivers.wakeAll()
        case .binary(let bytes):
            inboxBytes += bytes.count
            inbox.append(.binary(bytes))
            receivers.wakeAll()
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
        let wasPaused = isPaused
        guard let message = inbox.popFirst() else { return (nil, hasEnded) }
        switch message {
        case .text(let text): inboxBytes -= text.utf8.count
        case .binary(let bytes): inboxBytes -= bytes.count
        }
        if wasPaused, !isPaused, connection.isReadable { connection.readInput() }
        return (message, hasEnded)
    }

    func beginClose(code: UInt16, reason: String) {
        if isOver { return }
        sendClose(code: code, reason: reason)
        awaitsClose = true
        connection.writeWaiters.wakeAll()
        if connection.isReadable { connection.readInput() }
    }

    private func sendClose(code: UInt16?, reason: String) {
        if hasSentClose { return }
        hasSentClose = true
        connection.enqueue(WebSocketFrameEncoder.close(code: code, reason: reason))
    }

    private func finish() {
        transportEnded()
        connection.closesAfterWrite = true
        connection.markDirty()
    }

    /// There will be no further message.
    func transportEnded() {
        hasEnded = true
        if answer != nil {
            // What came before the end is answered still; the handler holds the socket, and goes.
            answerMessages()
            answer = nil
            connection.task?.cancel()
        }
        receivers.wakeAll()
        connection.writeWaiters.wakeAll()
    }

    func checkTime() {
        let now = connection.now
        let interval = connection.configuration.webSocketPingInterval
        let silenceMax = interval * 2 + connection.configuration.webSocketSilenceGrace
        if isPaused {
            // What the application does not take is not the client's silence.
            lastHeard = now
        }
        if awaitsClose, connection.output.isEmpty,
            connection.lastProgress + connection.configuration.webSocketCloseTimeout < now
        {
            // As long as the close is on its way, behind what a slow reader has yet to take, the limit is the stall's.
            connection.kill()
        } else if lastHeard + silenceMax < now {
            connection.kill()
        } else if max(lastHeard, lastPing) + interval < now, !hasSentClose {
            lastPing = now
            connection.enqueue(WebSocketFrameEncoder.frame(opcode: WebSocketFrameEncoder.ping, payload: []))
        }
    }
}
