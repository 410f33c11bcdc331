import Foundation
import Synchronization

/// Finds TCP ports on which nothing listens.
package enum LoopbackPort {
    /// Every port that was given in this process.
    private static let given = Mutex<Set<UInt16>>([])

    /// A port of 127.0.0.1 that is free now, and that nobody else in this process was or will be given.
    ///
    /// It is its user's also while nothing listens there, such as before the start of a server or after its kill. It
    /// lies below the range from which the kernel takes ports for outgoing connections, so that none takes it either;
    /// and above that of the stack's test (`choose_ports` in `stack-test.sh`), which may run at the same time.
    package static func free() throws -> UInt16 {
        for _ in 0..<1000 {
            let port = UInt16.random(in: 15_000..<32_000)
            guard given.withLock({ $0.insert(port).inserted }) else { continue }
            if canBind(port) { return port }
        }
        throw TestKitError(.socket, "no free TCP port on 127.0.0.1")
    }

    /// Whether something accepts connections on a port of 127.0.0.1.
    package static func isListening(_ port: UInt16) -> Bool {
        withSocket(port) { descriptor, address, length in connect(descriptor, address, length) == 0 }
    }

    private static func canBind(_ port: UInt16) -> Bool {
        withSocket(port) { descriptor, address, length in bind(descriptor, address, length) == 0 }
    }

    private static func withSocket(
        _ port: UInt16,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Bool
    ) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in.loopback(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// A port of 127.0.0.1 that is free now; see ``LoopbackPort/free()``.
package func freePort() throws -> UInt16 {
    try LoopbackPort.free()
}

extension sockaddr_in {
    /// 127.0.0.1 with this port.
    static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
