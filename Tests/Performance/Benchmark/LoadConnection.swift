import EventLoop
import Glibc

/// A client's connection for load: bytes in and out on an event loop, without anything that would cost more than the
/// server that is measured.
///
/// To be used on the loop's thread alone.
final class LoadConnection {
    private static let readSize = 16 << 10

    private let descriptor: Int32
    private var registration: EpollLoop.Registration?
    private var output: [UInt8] = []
    private(set) var input: [UInt8] = []

    /// Called when bytes have come.
    var onInput: (LoadConnection) -> Void = { _ in }

    /// Called when the server has ended the connection.
    var onEnd: () -> Void = {}

    /// Connects to a port of this machine.
    init(port: UInt16, loop: EpollLoop) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw BenchmarkError("no socket is to be had") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw BenchmarkError("port \(port) does not answer") }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        registration = try loop.register(descriptor) { [weak self] readiness in
            if readiness.isWritable { self?.flush() }
            if readiness.isReadable { self?.read() }
        }
    }

    /// Sends bytes.
    func send(_ bytes: some Collection<UInt8>) {
        output.append(contentsOf: bytes)
        flush()
    }

    /// Forgets the first bytes that have come.
    func consume(_ count: Int) {
        input.removeFirst(count)
    }

    /// Ends the connection.
    func end() {
        registration?.cancel()
        registration = nil
        close(descriptor)
    }

    private func flush() {
        while !output.isEmpty {
            let count = output.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count <= 0 { return }
            output.removeFirst(count)
        }
    }

    private func read() {
        let isOver = withUnsafeTemporaryAllocation(byteCount: Self.readSize, alignment: 1) { buffer in
            while true {
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if count > 0 { input.append(contentsOf: buffer[0..<count]) }
                // Less than there was room for was all there is.
                if count != buffer.count { return count == 0 }
            }
        }
        if isOver { onEnd() } else { onInput(self) }
    }
}

/// Why a benchmark could not be run.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
