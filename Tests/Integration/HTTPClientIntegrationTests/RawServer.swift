import Glibc
import Synchronization

/// A TCP server that does exactly what a test says, also what no HTTP server would: cut, stall, talk nonsense.
///
/// Each connection runs the script on a thread of its own with blocking calls.
final class RawServer: Sendable {
    let port: Int
    private let listener: Int32
    private let state = Mutex(State())

    private struct State {
        var accepted = 0
        var closedByPeer = 0
    }

    /// Connections that were accepted.
    var acceptedCount: Int { state.withLock { $0.accepted } }
    /// Connections whose peer closed while a script waited for that.
    var closedByPeerCount: Int { state.withLock { $0.closedByPeer } }

    init(script: @escaping @Sendable (RawConnection) -> Void) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(listener, pointer, length) == 0 && listen(listener, 128) == 0
                && getsockname(listener, pointer, &length) == 0
        }
        guard bound else { throw RawServerError(errno: errno) }
        self.listener = listener
        self.port = Int(UInt16(bigEndian: address.sin_port))
        runOnThread { [weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                self?.state.withLock { $0.accepted += 1 }
                runOnThread { [weak self] in
                    let connection = RawConnection(descriptor: descriptor)
                    script(connection)
                    if connection.wasClosedByPeer {
                        self?.state.withLock { $0.closedByPeer += 1 }
                    }
                    _ = close(descriptor)
                }
            }
        }
    }

    deinit {
        // shutdown wakes the blocked accept; close alone would not.
        _ = shutdown(listener, Int32(SHUT_RDWR))
        _ = close(listener)
    }

    func url(_ path: String = "/") -> String { "http://127.0.0.1:\(port)\(path)" }
}

struct RawServerError: Error {
    var errno: Int32
}

/// One accepted connection, used by its script's thread.
final class RawConnection {
    private let descriptor: Int32
    private(set) var wasClosedByPeer = false

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Reads one request: its head, and as much body as `Content-Length` says.
    ///
    /// Nil when the peer closed.
    func readRequest() -> String? {
        var text = ""
        while !text.utf8.contains("\r\n\r\n".utf8) {
            guard let more = receive() else { return nil }
            text += more
        }
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        let lengthLine = lines.first { $0.lowercased().hasPrefix("content-length:") }
        let bodyLength = lengthLine.flatMap { Int($0.dropFirst(15).filter(\.isNumber)) } ?? 0
        let headLength = lines.prefix { !$0.isEmpty }.reduce(2) { $0 + $1.utf8.count + 2 }
        while text.utf8.count < headLength + bodyLength {
            guard let more = receive() else { return nil }
            text += more
        }
        return text
    }

    /// Sends all of it; false when the peer is gone.
    @discardableResult
    func send(_ text: String) -> Bool {
        send(Array(text.utf8)) == text.utf8.count
    }

    /// Sends as much as the peer takes; returns how much that was.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Int {
        var offset = 0
        let noSignal = Int32(truncatingIfNeeded: MSG_NOSIGNAL)
        while offset < bytes.count {
            let sent = bytes.withUnsafeBytes { buffer in
                let rest = buffer[offset...]
                return Glibc.send(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count, noSignal)
            }
            guard sent > 0 else { break }
            offset += sent
        }
        return offset
    }

    /// Makes `send` give up when nothing could be sent for so long.
    func setSendTimeout(milliseconds: Int) {
        var time = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Blocks until the peer closes the connection.
    func waitForClose() {
        while receive() != nil {}
        wasClosedByPeer = true
    }

    private func receive() -> String? {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}

private final class ThreadBody {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

private func runOnThread(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    pthread_create(
        &thread,
        nil,
        { context in
            guard let context else { return nil }
            Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
            return nil
        },
        Unmanaged.passRetained(ThreadBody(body)).toOpaque()
    )
    pthread_detach(thread)
}
