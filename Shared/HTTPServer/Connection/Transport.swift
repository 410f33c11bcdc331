import Glibc

/// What a read or write on a connection came to.
enum TransportResult {
    /// So many bytes.
    case bytes(Int)
    /// The peer sends no more.
    case end
    /// Nothing now; the loop tells when.
    case wouldBlock
    /// The connection is broken.
    case failed
}

/// The bytes of a connection: a socket, or TLS over one.
protocol Transport {
    /// The socket.
    var descriptor: Int32 { get }
    /// Whether a read that does not fill its buffer has emptied the socket.
    var isEmptyAfterShortRead: Bool { get }
    /// Reads what is there.
    func read(into buffer: UnsafeMutableBufferPointer<UInt8>) -> TransportResult
    /// Writes what fits.
    func write(_ bytes: UnsafeRawBufferPointer) -> TransportResult
    /// Says that nothing more will be sent.
    func closeSending()
    /// Gives the socket back.
    func close()
}

/// A socket without TLS.
struct SocketTransport: Transport {
    let descriptor: Int32
    // As epoll(7) says of edge-triggered streams; it saves a read for each request.
    let isEmptyAfterShortRead = true

    func read(into buffer: UnsafeMutableBufferPointer<UInt8>) -> TransportResult {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .failed
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> TransportResult {
        while true {
            // MSG_NOSIGNAL: a peer that has gone is an error here, not a SIGPIPE that ends the process.
            let count = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .failed
        }
    }

    func closeSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    func close() {
        _ = Glibc.close(descriptor)
    }
}
