import EventLoop
import Observability

/// Requests and answers of a connection.
extension HTTPConnection {
    /// A head is complete: the handler starts, while the body may still come.
    func begin() {
        exchange = Exchange(number: exchange.number + 1, rateStart: now)
        isTimingHead = false
        exchange.isActive = true
        exchange.messageIsComplete = false
        exchange.isHTTP10 = parser.minorVersion == 0
        exchange.isHead = parser.method == "HEAD"
        exchange.keepsAlive = parser.keepsAlive && !server.isDraining
        // RFC 9110 §10.1.1: an expectation from HTTP/1.0 is ignored.
        exchange.wantsContinue = !exchange.isHTTP10 && parser.headers["expect"]?.lowercased() == "100-continue"
        if let length = parser.contentLength, length > configuration.bodyBytesMax {
            fail(413, "The body is larger than \(configuration.bodyBytesMax) bytes.")
            return
        }
        deadline = now + configuration.bodyIdleTimeout
        let request = HTTPRequest(
            method: parser.method,
            target: parser.target,
            headers: parser.headers,
            body: HTTPRequestBody(connection: self, exchange: exchange.number),
            remoteAddress: remoteAddress
        )
        server.tasks += 1
        // unstructured: it lives as long as the exchange, which ends it, and hops from a callback into async code.
        task = Task(executorPreference: server.loop.executor) {
            await self.send(await self.answer(request), to: request)
            await self.onLoop { self.server.taskEnded() }
        }
    }

    private func answer(_ request: HTTPRequest) async -> HTTPResponse {
        do {
            return try await server.handler(request)
        } catch let error as any HTTPErrorConvertible {
            return error.response
        } catch {
            if !(error is CancellationError) { server.logger?.error("a request failed", [.error: .error(error)]) }
            return .problem(status: 500, detail: "The server failed.")
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
            if case .bytes(let body) = response.body { enqueue(response, body: body) }
        }
        closesAfterWrite = true
        markDirty()
        bodyWaiters.wakeAll()
        task?.cancel()
    }

    /// Answers before there is a request, and ends the connection.
    func refuse(_ response: HTTPResponse) {
        guard case .bytes(let body) = response.body else { return }
        exchange.keepsAlive = false
        enqueue(response, body: body)
        closesAfterWrite = true
    }

    /// Queues a whole answer.
    func enqueue(_ response: HTTPResponse, body: [UInt8]) {
        var bytes = head(of: response, length: body.count)
        if !exchange.isHead, !HTTPResponseHead.hasNoBody(response.status) { bytes += body }
        enqueue(bytes)
    }

    private func head(of response: HTTPResponse, length: Int?) -> [UInt8] {
        HTTPResponseHead.bytes(
            of: response,
            .init(length: length, isHTTP10: exchange.isHTTP10, keepsAlive: exchange.keepsAlive),
            dateLine: server.dateLine()
        )
    }

    func send(_ response: HTTPResponse, to request: HTTPRequest) async {
        switch response.body {
        case .bytes(let body):
            await onLoop {
                if !self.isClosed, !self.exchange.hasResponded {
                    self.exchange.hasResponded = true
                    // An answer before the end of the body: what still comes is not worth reading.
                    if !self.exchange.messageIsComplete { self.exchange.keepsAlive = false }
                    self.enqueue(response, body: body)
                }
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
        let (hasBody, number) = await onLoop {
            let number = self.exchange.number
            guard !self.isClosed, !self.exchange.hasResponded else { return (false, number) }
            self.exchange.hasResponded = true
            if self.exchange.isHTTP10 { self.exchange.keepsAlive = false }
            self.enqueue(self.head(of: response, length: nil))
            if self.exchange.isHead || HTTPResponseHead.hasNoBody(response.status) { return (false, number) }
            self.exchange.isStreaming = true
            self.exchange.sendsChunks = !self.exchange.isHTTP10
            if self.peerSendsNoMore { self.task?.cancel() }
            return (true, number)
        }
        var isWhole = true
        if hasBody {
            do {
                try await write(HTTPBodyWriter(connection: self, exchange: number))
            } catch {
                isWhole = false
                if !(error is CancellationError), !(error is HTTPConnectionError) {
                    server.logger?.error("a streamed answer failed", [.error: .error(error)])
                }
            }
        }
        await onLoop { [isWhole] in
            if self.exchange.sendsChunks, isWhole {
                self.enqueue(Array("0\r\n\r\n".utf8))
            } else if !isWhole {
                // Without the last chunk the client sees that the body is not whole.
                self.exchange.keepsAlive = false
            }
            self.exchange.isStreaming = false
            self.exchange.sendsChunks = false
            self.endExchange()
        }
    }

    /// The answer is on its way: on to the next request, or to the end.
    func endExchange() {
        task = nil
        guard !isClosed else { return }
        let nothingFollows = peerSendsNoMore && input.isEmpty && !isReadable
        if !exchange.keepsAlive || !exchange.messageIsComplete || server.isDraining || nothingFollows {
            closesAfterWrite = true
            markDirty()
            return
        }
        exchange = Exchange(number: exchange.number, rateStart: now)
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
        if let refusal = await onLoop({ self.refusal(ofUpgrade: request) }) {
            await send(refusal, to: request)
            return
        }
        let accept = WebSocketHandshake.accept(key: request.header("sec-websocket-key") ?? "")
        let socket = await onLoop { () -> WebSocketConnection? in
            guard !self.isClosed, !self.exchange.hasResponded else {
                self.endExchange()
                return nil
            }
            self.exchange.hasResponded = true
            self.enqueue(HTTPResponseHead.webSocket(accept: accept, headers: response.headers))
            self.deadline = nil
            let socket = WebSocketConnection(connection: self)
            self.webSocket = socket
            if self.server.isDraining { socket.beginClose(code: 1001, reason: "going away") }
            // Frames that came right behind the request are in the input.
            self.parseInput()
            if self.isReadable { self.readInput() }
            return socket
        }
        guard let socket else { return }
        await onLoop { self.startServing(socket, serve) }
    }

    /// Serves a WebSocket in a task of its own: that of the request would keep, for as long as the client is connected,
    /// the request and the room that answering it took.
    private func startServing(
        _ socket: WebSocketConnection,
        _ serve: @escaping @Sendable (WebSocketConnection) async -> Void
    ) {
        let isCancelled = task?.isCancelled ?? false
        server.tasks += 1
        // unstructured: it lives as long as the connection, which ends it.
        task = Task(executorPreference: server.loop.executor) {
            await serve(socket)
            await socket.close(code: 1000, reason: "")
            await self.onLoop { self.server.taskEnded() }
        }
        if isCancelled || isClosed { task?.cancel() }
    }

    /// Why a request does not become a WebSocket; nil when it does (RFC 6455 §4.2.1).
    private func refusal(ofUpgrade request: HTTPRequest) -> HTTPResponse? {
        guard request.method == "GET", request.isWebSocketUpgrade, parser.asksUpgrade else {
            var refusal = HTTPResponse.problem(status: 426, detail: "This path is a WebSocket.")
            refusal.headers.append(("upgrade", "websocket"))
            return refusal
        }
        guard request.header("sec-websocket-version") == "13" else {
            var refusal = HTTPResponse.problem(status: 426, detail: "Only version 13 of WebSocket is spoken here.")
            refusal.headers.append(("sec-websocket-version", "13"))
            return refusal
        }
        guard let key = request.header("sec-websocket-key"), WebSocketHandshake.isValid(key: key) else {
            return .problem(status: 400, detail: "The Sec-WebSocket-Key is not valid.")
        }
        // Its bytes would be taken for frames.
        guard exchange.messageIsComplete, !parser.isChunked, parser.contentLength ?? 0 == 0 else {
            return .problem(status: 400, detail: "A request for a WebSocket has no body.")
        }
        return nil
    }
}
