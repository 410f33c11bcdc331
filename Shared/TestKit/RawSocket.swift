import Dispatch
import Foundation
import Synchronization

/// A plain TCP connection on which a test writes and reads bytes, to see what a client library would hide.
///
/// Calls block on a queue of their own, never on the threads that Swift's tasks share.
package final class RawSocket: Sendable {
    private struct State {
        var descriptor: Int32?
        /// What was received and not handed out.
        var buffer: [UInt8] = []
    }

    private let state: Mutex<State>
    private let queue = DispatchQueue(label: "parley.testkit.raw-socket")

    private init(descriptor: Int32) {
        state = Mutex(State(descriptor: descriptor))
    }

    deinit {
        close()
    }

    /// Connects to a port of 127.0.0.1.
    /// - Parameters:
    ///   - port: The port.
    ///   - receiveBytes: How much the kernel may hold that was not read, to be a slow reader with little; nil: its
    ///     own choice.
    /// - Returns: The open connection.
    /// - Throws: When there is nobody at the port.
    package static func connect(port: UInt16, receiveBytes: Int32? = nil) async throws -> RawSocket {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw TestKitError(.socket, "socket: errno \(errno)") }
        if var receiveBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBytes, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in.loopback(port)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            let code = errno
            Foundation.close(descriptor)
            throw TestKitError(.socket, "cannot connect to 127.0.0.1:\(port): \(String(cString: strerror(code)))")
        }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        return RawSocket(descriptor: descriptor)
    }

    /// Sends all bytes.
    package func write(_ bytes: some Sequence<UInt8>, timeout: Duration = .seconds(45)) async throws {
        let bytes = Array(bytes)
        try await onQueue { socket in
            var sent = 0
            while sent < bytes.count {
                let descriptor = try socket.ready(for: POLLOUT, timeout: timeout)
                let count = bytes.withUnsafeBytes { buffer in
                    let rest = UnsafeRawBufferPointer(rebasing: buffer[sent...])
                    return send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                }
                guard count >= 0 else { throw TestKitError(.socket, "send: \(String(cString: strerror(errno)))") }
                sent += count
            }
        }
    }

    /// Sends a text as UTF-8.
    package func write(_ text: String, timeout: Duration = .seconds(45)) async throws {
        try await write(text.utf8, timeout: timeout)
    }

    /// Receives up to and with `end`; throws when the peer closes before it.
    package func read(until end: String, timeout: Duration = .seconds(45)) async throws -> [UInt8] {
        let end = Array(end.utf8)
        return try await onQueue { socket in
            while true {
                if let taken = socket.take(until: end) { return taken }
                guard try socket.receive(timeout: timeout) else {
                    throw TestKitError(.socket, "the peer closed before the expected bytes")
                }
            }
        }
    }

    /// Receives exactly `count` bytes; throws when the peer closes before them.
    package func read(count: Int, timeout: Duration = .seconds(45)) async throws -> [UInt8] {
        try await onQueue { socket in
            while true {
                if let taken = socket.take(count: count) { return taken }
                guard try socket.receive(timeout: timeout) else {
                    throw TestKitError(.socket, "the peer closed before \(count) bytes")
                }
            }
        }
    }

    /// Receives until the peer closes; a reset counts as closed.
    package func readToEnd(timeout: Duration = .seconds(45)) async throws -> [UInt8] {
        try await onQueue { socket in
            while try socket.receive(timeout: timeout) {}
            return socket.takeAll()
        }
    }

    /// Says that nothing more will be sent, and goes on receiving.
    package func finishWriting() {
        state.withLock { state in
            if let descriptor = state.descriptor { _ = shutdown(descriptor, Int32(SHUT_WR)) }
        }
    }

    /// Closes the connection; with `reset`, so that the peer sees a reset in place of an end.
    package func close(reset: Bool = false) {
        let descriptor = state.withLock { state in
            defer { state.descriptor = nil }
            return state.descriptor
        }
        guard let descriptor else { return }
        if reset {
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
        Foundation.close(descriptor)
    }

    private func onQueue<T: Sendable>(_ body: @escaping @Sendable (RawSocket) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                continuation.resume(with: Result { try body(self) })
            }
        }
    }

    /// Waits until the socket can be read or written, and gives its descriptor.
    private func ready(for events: Int32, timeout: Duration) throws -> Int32 {
        guard let descriptor = state.withLock({ $0.descriptor }) else {
            throw TestKitError(.socket, "the connection is closed")
        }
        var poller = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        let milliseconds = timeout.components.seconds * 1000 + timeout.components.attoseconds / 1_000_000_000_000_000
        guard poll(&poller, 1, Int32(clamping: milliseconds)) > 0 else {
            throw TestKitError(.timeout, "nothing came on the connection within \(timeout)")
        }
        return descriptor
    }

    /// Receives what there is; false when the peer has closed.
    private func receive(timeout: Duration) throws -> Bool {
        let descriptor = try ready(for: POLLIN, timeout: timeout)
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0 && errno != ECONNRESET {
            throw TestKitError(.socket, "recv: \(String(cString: strerror(errno)))")
        }
        guard count > 0 else { return false }
        state.withLock { [chunk] in $0.buffer += chunk[..<count] }
        return true
    }

    private func take(until end: [UInt8]) -> [UInt8]? {
        state.withLock { state in
            guard state.buffer.count >= end.count else { return nil }
            for start in 0...(state.buffer.count - end.count)
            where state.buffer[start..<(start + end.count)].elementsEqual(end) {
                let taken = Array(state.buffer[..<(start + end.count)])
                state.buffer.removeFirst(taken.count)
                return taken
            }
            return nil
        }
    }

    private func take(count: Int) -> [UInt8]? {
        state.withLock { state in
            guard state.buffer.count >= count else { return nil }
            defer { state.buffer.removeFirst(count) }
            return Array(state.buffer[..<count])
        }
    }

    private func takeAll() -> [UInt8] {
        state.withLock { state in
            defer { state.buffer = [] }
            return state.buffer
        }
    }
}
