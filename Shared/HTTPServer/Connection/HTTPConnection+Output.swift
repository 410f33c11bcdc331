import EventLoop

/// What goes to the client: bytes in order, at its pace.
extension HTTPConnection {
    /// Whether who writes must wait until the client has read.
    var isFull: Bool { output.count >= configuration.highWaterBytes }

    /// Queues bytes; they are written at the end of the loop's round, together with what else comes.
    func enqueue(_ bytes: [UInt8]) {
        if isClosed { return }
        if output.isEmpty { lastProgress = now }
        output.append(bytes)
        markDirty()
    }

    func markDirty() {
        if isDirty { return }
        isDirty = true
        server.dirty.append(self)
    }

    /// Writes as much as the kernel takes.
    func flush() {
        while !output.isEmpty, isWritable, !isClosed {
            switch output.withUnsafeBytes({ transport.write(UnsafeRawBufferPointer($0)) }) {
            case .bytes(let count):
                output.removeFirst(count)
                lastProgress = now
            case .wouldBlock:
                isWritable = false
            case .end, .failed:
                kill()
            }
        }
        if isClosed { return }
        if output.isEmpty, closesAfterWrite {
            closeSending()
        } else if output.count <= configuration.highWaterBytes / 2 {
            writeWaiters.wakeAll()
            if isReadable { readInput() }
        }
    }

    /// Waits while as much as may be is on its way to the client.
    func waitForRoom() async {
        await writeWaiters.wait { self.isClosed || !self.isFull }
    }

    /// Sends a piece of a streamed body.
    func writeBodyPiece(_ bytes: [UInt8], exchange number: Int) async throws {
        let (isOver, isFull) = await onLoop {
            if self.isClosed || self.peerSendsNoMore || !self.exchange.isStreaming || self.exchange.number != number {
                return (true, false)
            }
            if !bytes.isEmpty { self.enqueue(self.exchange.sendsChunks ? Self.chunk(bytes) : bytes) }
            return (false, self.isFull)
        }
        if isOver || Task.isCancelled { throw HTTPConnectionError.closed }
        guard isFull else { return }
        while await onLoop({ self.isFull && !self.isClosed }), !Task.isCancelled {
            await waitForRoom()
        }
        if Task.isCancelled { throw HTTPConnectionError.closed }
        if await onLoop({ self.isClosed || self.peerSendsNoMore }) { throw HTTPConnectionError.closed }
    }

    /// One chunk of the chunked coding (RFC 9112 §7.1).
    private static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        var chunk: [UInt8] = []
        chunk.reserveCapacity(bytes.count + 20)
        chunk.append(hexadecimal: bytes.count)
        chunk.append("\r\n")
        chunk += bytes
        chunk.append("\r\n")
        return chunk
    }
}
