import EventLoop
import Glibc

/// Requests and answers of a connection.
extension HTTPConnection {
    // MARK: Requests

    /// A head is complete: the handler starts, while the body may still come.
    func begin() {
        exchange = Exchange()
        isTimingHead = false
        exchange.isActive = true
        exchange.messageIsComplete = false
        exchange.isHTTP10 = parser.minorVersion == 0
        exchange.isHead = parser.method == "HEAD"
        exchange.keepsAlive = parser.keepsAlive && !server.isDraining
        exchange.bodyStarted = now
        exchange.wantsContinue = parser.headers["expect"]?.lowercased() == "100-continue"
        if let length = parser.contentLength, length > configuration.bodyBytesMax {
            fail(413, "The body is larger than \(configuration.bodyBytesMax) bytes.")
            return
        }
        deadline = now + configuration.bodyIdleTimeout
        let request = HTTPRequest(
            method: parser.method,
            target: parser.target,
            headers: parser.headers,
            body: HTTPRequestBody(connection: self)
        )
        let handler = server.handler
        // unstructured: it lives as long as the exchange, which ends it, and hops from a callback into async code.
        task = Task(executorPreference: server.loop.executor) {
            let response: HTTPResponse
            do {
                response = try await handler(request)
            } catch let error as any HTTPErrorConvertible {
                response = error.response
            } catch {
                response = .problem(status: 500, detail: "The server failed.")
            }
            await self.send(response, to: request)
        }
    }

    /// Answers a broken request by itself and ends the connection.
    func fail(_ status: Int, _ detail: String) {
        guard !isClosed, !closesAfterWrite else { return }
        exchange.keepsAlive = false
        exchange.bodyFailed = true
        exchange.messageIsComplete = true
        if !exchange.hasResponded {
            exchange.hasResponded = true
            let response = HTTPResponse.problem(status: status, detail: detail)
            guard case .bytes(let body) = response.body else { return }
            enqueue(head(of: response, length: body.count) + (exchange.isHead ? [] : body))
        }
        closesAfterWrite = true
        wakeBodyWaiter()
        task?.cancel()
        flush()
    }

    func collectBody() async throws -> [UInt8] {
        while true {
            let isThere = await onLoop {
                self.exchange.isCollecting = true
                self.askForBody()
                return self.exchange.messageIsComplete || self.exchange.bodyFailed
            }
            if isThere { break }
            await waitForBody()
        }
        let (body, failed) = await onLoop {
            let body = self.exchange.body
            self.exchange.body = []
            return (body, self.exchange.bodyFailed)
        }
        if failed { throw HTTPConnectionError.closed }
        return body
    }

    func nextBodyPiece() async throws -> [UInt8]? {
        while true {
            let (piece, isOver, failed) = await onLoop {
                self.askForBody()
                let piece = self.exchange.body
                self.exchange.body = []
                if !piece.isEmpty, self.isReadable { self.readInput() }
                return (piece, self.exchange.messageIsComplete, self.exchange.bodyFailed)
            }
            if failed { throw HTTPConnectionError.closed }
            if !piece.isEmpty { return piece }
            if isOver { return nil }
            await waitForBody()
        }
    }

    private func askForBody() {
        if exchange.wantsContinue {
            exchange.wantsContinue = false
            if !exchange.messageIsComplete, exchange.bodyBytesSeen == 0 {
                enqueue(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
            }
        }
        if isReadable, !exchange.messageIsComplete { readInput() }
    }

    private func waitForBody() async {
        await withUnsafeContinuation { continuation in
            let wait = { @Sendable in
                if self.exchange.messageIsComplete || self.exchange.bodyFailed
                    || !self.exchange.isCollecting && !self.exchange.body.isEmpty
                {
                    continuation.resume()
                } else {
                    self.bodyWaiter = continuation
                }
            }
            if server.loop.isOnLoop { wait() } else { server.loop.execute(wait) }
        }
    }

    // MARK: Answers

    private func send(_ response: HTTPResponse, to request: HTTPRequest) async {
        switch response.body {
        case .bytes(let body):
            await onLoop {
                guard !self.isClosed, !self.exchange.hasResponded else {
                    self.endExchange()
                    return
                }
                self.exchange.hasResponded = true
                // An answer before the end of the body: what still comes is not worth reading.
                if !self.exchange.messageIsComplete { self.exchange.keepsAlive = false }
                var bytes = self.head(of: response, length: body.count)
                if !self.exchange.isHead { bytes += body }
                self.enqueue(bytes)
                self.endExchange()
            }
        case .stream(let write):
            await stream(response, write)
        case .webSocket(let serve):
            await upgrade(response, request, serve)
        }
    }

    private func stream(
        _ response: HTTPResponse,
        _ write: @Sendable (HTTPBodyWriter) async throws -> Void
    ) async {
        let isHead = await onLoop {
            guard !self.isClosed, !self.exchange.hasResponded else { return true }
            self.exchange.hasResponded = true
            if self.exchange.isHTTP10 { self.exchange.keepsAlive = false }
            self.enqueue(self.head(of: response, length: nil))
            self.exchange.sendsChunks = !self.exchange.isHead
            return self.exchange.isHead
        }
        var isWhole = true
        if !isHead {
            do {
                try await write(HTTPBodyWriter(connection: self))
            } catch {
                isWhole = false
            }
        }
        await onLoop { [isWhole] in
            if self.exchange.sendsChunks {
                if isWhole, !self.exchange.isHTTP10 {
                    self.enqueue(Array("0\r\n\r\n".utf8))
                } else {
                    // Without the last chunk the client sees that the body is not whole.
                    self.exchange.keepsAlive = false
                }
                self.exchange.sendsChunks = false
            }
            self.endExchange()
        }
    }

    func writeBodyPiece(_ bytes: [UInt8]) async throws {
        if bytes.isEmpty { return }
        let mustWait = await onLoop {
            if self.isClosed { return false }
            if self.exchange.isHTTP10 {
                self.enqueue(bytes)
            } else {
                self.enqueue(Array("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + [13, 10])
            }
            return self.queuedBytes >= self.configuration.highWaterBytes
        }
        if mustWait {
            await withUnsafeContinuation { continuation in
                server.loop.execute {
                    if self.isClosed || self.queuedBytes < self.configuration.highWaterBytes {
                        continuation.resume()
                    } else {
                        self.writeWaiter = continuation
                    }
                }
            }
        }
        if await onLoop({ self.isClosed || self.peerSendsNoMore }) || Task.isCancelled {
            throw HTTPConnectionError.closed
        }
    }

    /// The head of an answer; without a length, of one in chunks.
    func head(of response: HTTPResponse, length: Int?) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256 + (length ?? 0))
        bytes += "HTTP/1.1 \(response.status) \(HTTPResponse.reason(of: response.status))\r\n".utf8
        bytes += server.dateLine()
        for (name, value) in response.headers {
            bytes += name.utf8
            bytes += ": ".utf8
            // A line break in a value would begin a header of somebody else's choice.
            bytes += value.utf8.filter { $0 != .carriageReturn && $0 != .lineFeed }
            bytes += "\r\n".utf8
        }
        if let length {
            if response.status != 204, response.status != 304 { bytes += "content-length: \(length)\r\n".utf8 }
        } else if !exchange.isHTTP10 {
            bytes += "transfer-encoding: chunked\r\n".utf8
        }
        if !exchange.keepsAlive {
            bytes += "connection: close\r\n".utf8
        } else if exchange.isHTTP10 {
            bytes += "connection: keep-alive\r\n".utf8
        }
        bytes += "\r\n".utf8
        return bytes
    }

    func endExchange() {
        task = nil
        guard !isClosed else { return }
        if !exchange.keepsAlive || !exchange.messageIsComplete || server.isDraining || peerSendsNoMore && input.isEmpty
        {
            closesAfterWrite = true
            if queuedBytes == 0 { closeSending() }
            return
        }
        exchange.isActive = false
        deadline = now + configuration.keepAliveTimeout
        parseInput()
        if !exchange.isActive, !isClosed, isReadable { readInput() }
    }

    // MARK: WebSocket

    private func upgrade(
        _ response: HTTPResponse,
        _ request: HTTPRequest,
        _ serve: @escaping @Sendable (WebSocketConnection) async -> Void
    ) async {
        guard request.method == "GET", request.isWebSocketUpgrade, await onLoop({ self.parser.asksUpgrade }) else {
            await send(.problem(status: 426, detail: "This path is a WebSocket."), to: request)
            return
        }
        guard request.header("sec-websocket-version") == "13" else {
            var refusal = HTTPResponse.problem(status: 426, detail: "Only version 13 of WebSocket is spoken here.")
            refusal.headers.append(("sec-websocket-version", "13"))
            await send(refusal, to: request)
            return
        }
        guard let key = request.header("sec-websocket-key"), key.utf8.count == 24 else {
            await send(.problem(status: 400, detail: "The Sec-WebSocket-Key is not valid."), to: request)
            return
        }
        let socket = await onLoop { () -> WebSocketConnection? in
            guard !self.isClosed, !self.exchange.hasResponded else { return nil }
            self.exchange.hasResponded = true
            self.exchange.messageIsComplete = true
            var head = Array("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n".utf8)
            head += "sec-websocket-accept: \(WebSocketHandshake.accept(key: key))\r\n".utf8
            for (name, value) in response.headers {
                head += "\(name): \(value)\r\n".utf8
            }
            head += "\r\n".utf8
            self.enqueue(head)
            self.deadline = nil
            let socket = WebSocketConnection(connection: self)
            self.webSocket = socket
            // Frames that came right behind the request are in the input.
            self.parseInput()
            if self.isReadable { self.readInput() }
            return socket
        }
        guard let socket else { return }
        await serve(socket)
        await socket.close(code: 1000, reason: "")
    }
}
