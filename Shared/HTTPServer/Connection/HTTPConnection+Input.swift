import EventLoop

/// What comes from the client: bytes to the parser or the WebSocket, the body to who waits for it.
extension HTTPConnection {
    /// Whether input must wait: the handler or the peer has enough to do.
    private var isPaused: Bool {
        if isLingering { return false }
        if output.count > configuration.highWaterBytes { return true }
        if let webSocket { return webSocket.isPaused }
        guard exchange.isActive else { return false }
        return exchange.messageIsComplete || bodyIsPaused
    }

    private var bodyIsPaused: Bool {
        exchange.body.count >= configuration.highWaterBytes && !exchange.isCollecting
    }

    /// Whether the body does not come because the handler has not asked for it.
    var isWaitingForHandler: Bool {
        exchange.isActive && !exchange.messageIsComplete && !closesAfterWrite
            && (exchange.wantsContinue && exchange.bodyBytesSeen == 0 || bodyIsPaused)
    }

    /// Reads and parses until the kernel has no more, or somebody must wait.
    func readInput() {
        while isReadable, !isClosed, !isPaused {
            switch transport.read(into: server.readBuffer) {
            case .bytes(let count):
                // What comes later is a new event; but the end was told with the bytes before it.
                if count < server.readBuffer.count, transport.isEmptyAfterShortRead, !peerSendsNoMore {
                    isReadable = false
                }
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
        if isLingering || closesAfterWrite && webSocket == nil { return }
        if let webSocket {
            webSocket.feed(bytes)
            return
        }
        if !input.isEmpty {
            input.append(bytes)
            parseInput()
            return
        }
        let used = parse(bytes)
        if used < bytes.count, !isClosed {
            input.append(UnsafeBufferPointer(rebasing: bytes[used...]))
        }
    }

    /// Parses what waits: the next pipelined request, or frames behind an upgrade.
    func parseInput() {
        guard !input.isEmpty, !isClosed else { return }
        // Taken out while it is lent, so that it is not copied when it changes.
        var waiting = input
        input = ByteQueue()
        if let webSocket {
            waiting.withUnsafeBytes { webSocket.feed($0) }
            return
        }
        waiting.removeFirst(waiting.withUnsafeBytes { parse($0) })
        input = waiting
    }

    /// Parses up to the end of one request.
    /// - Returns: How many bytes were consumed.
    private func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var offset = 0
        while !isClosed, !closesAfterWrite, !(exchange.isActive && exchange.messageIsComplete) {
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
                bodyWaiters.wakeAll()
            case .failed(let failure):
                fail(failure.status, failure.detail)
            }
        }
        return closesAfterWrite ? bytes.count : offset
    }

    private func append(body: UnsafeBufferPointer<UInt8>) {
        exchange.bodyBytesSeen += body.count
        exchange.rateBytes += body.count
        if exchange.bodyBytesSeen > configuration.bodyBytesMax {
            fail(413, "The body is larger than \(configuration.bodyBytesMax) bytes.")
            return
        }
        exchange.body.append(contentsOf: body)
        bodyWaiters.wakeAll()
    }

    /// A pause, and an average rate: a timeout alone does not stop a slow drip.
    private var bodyDeadline: ContinuousClock.Instant {
        let idle = now + configuration.bodyIdleTimeout
        let earned = Duration.milliseconds(exchange.rateBytes * 1000 / configuration.bodyBytesPerSecondMin)
        return min(idle, exchange.rateStart + configuration.bodyIdleTimeout + earned)
    }

    /// Gives the body all of its time from now on.
    func restartBodyClock() {
        exchange.rateStart = now
        exchange.rateBytes = 0
        deadline = now + configuration.bodyIdleTimeout
    }

    private func handleEnd() {
        peerSendsNoMore = true
        if isLingering {
            kill()
        } else if let webSocket {
            webSocket.transportEnded()
            kill()
        } else if exchange.isActive {
            exchange.keepsAlive = false
            if !exchange.messageIsComplete {
                exchange.bodyFailed = true
                exchange.messageIsComplete = true
                bodyWaiters.wakeAll()
                task?.cancel()
            }
        } else if output.isEmpty {
            kill()
        } else {
            closesAfterWrite = true
        }
    }

    // MARK: The body, for the handler

    func collectBody(bytesMax: Int, exchange number: Int) async throws -> [UInt8] {
        while true {
            let (isOver, failed, count) = await onLoop {
                if self.exchange.number != number { return (true, true, 0) }
                self.exchange.isCollecting = true
                self.askForBody()
                return (self.exchange.messageIsComplete, self.exchange.bodyFailed, self.exchange.body.count)
            }
            if failed { throw HTTPConnectionError.closed }
            if count > bytesMax { throw HTTPConnectionError.bodyTooLarge(bytesMax: bytesMax) }
            if isOver { return await onLoop { self.takeBody() } }
            try Task.checkCancellation()
            // Each piece wakes, so that a limit is seen when it is passed and not when all has come.
            await bodyWaiters.wait {
                self.exchange.messageIsComplete || self.exchange.bodyFailed || self.exchange.body.count != count
            }
        }
    }

    func nextBodyPiece(exchange number: Int) async throws -> [UInt8]? {
        while true {
            let (piece, isOver, failed): ([UInt8], Bool, Bool) = await onLoop {
                if self.exchange.number != number { return ([], true, true) }
                self.askForBody()
                let piece = self.takeBody()
                if !piece.isEmpty, self.isReadable { self.readInput() }
                return (piece, self.exchange.messageIsComplete && self.exchange.body.isEmpty, self.exchange.bodyFailed)
            }
            if failed { throw HTTPConnectionError.closed }
            if !piece.isEmpty { return piece }
            if isOver { return nil }
            try Task.checkCancellation()
            await bodyWaiters.wait {
                self.exchange.messageIsComplete || self.exchange.bodyFailed || !self.exchange.body.isEmpty
            }
        }
    }

    private func takeBody() -> [UInt8] {
        let body = exchange.body
        exchange.body = []
        return body
    }

    private func askForBody() {
        if exchange.messageIsComplete { return }
        if isWaitingForHandler { restartBodyClock() }
        if exchange.wantsContinue {
            exchange.wantsContinue = false
            if exchange.bodyBytesSeen == 0 { enqueue(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
        }
        if isReadable { readInput() }
    }
}
