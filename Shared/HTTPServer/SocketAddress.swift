import Glibc

/// Listening sockets and the addresses of sockets.
enum SocketAddress {
    /// How many connections may wait to be accepted; the kernel's own limit may be lower (`net.core.somaxconn`).
    private static let backlog: Int32 = 4096

    /// A socket that listens, in non-blocking mode.
    /// - Parameters:
    ///   - host: A name or a numeric address.
    ///   - port: The port; 0 takes a free one.
    ///   - sharesPort: Whether other sockets may listen on the port too; the kernel spreads connections over them.
    /// - Returns: The socket, and its port.
    /// - Throws: ``HTTPServerError``.
    static func listen(
        host: String,
        port: UInt16,
        sharesPort: Bool
    ) throws(HTTPServerError) -> (descriptor: Int32, port: UInt16) {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let address = found else {
            throw HTTPServerError(
                code: .address,
                description: "the address \(host) is not known: set one of this machine to listen on"
            )
        }
        defer { freeaddrinfo(found) }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.pointee.ai_family, kind, 0)
        guard descriptor >= 0 else {
            throw HTTPServerError(
                code: .socket,
                description: "no socket is to be had (\(reason())): raise the limit of open files (ulimit -n)"
            )
        }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        if sharesPort { setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, size) }
        guard bind(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0,
            Glibc.listen(descriptor, backlog) == 0
        else {
            let reason = reason()
            close(descriptor)
            throw HTTPServerError(
                code: .listening,
                description: "cannot listen on \(host):\(port) (\(reason)): end what listens there or set another port"
            )
        }
        return (descriptor, self.port(of: descriptor))
    }

    /// The port that a socket is bound to.
    private static func port(of descriptor: Int32) -> UInt16 {
        let storage = address { getsockname(descriptor, $0, $1) }
        return withUnsafeBytes(of: storage) { bytes in
            // The port stands at the same place in both address families.
            UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        }
    }

    /// The numeric address of a socket's other end, without its port; empty when it is not known.
    static func remote(of descriptor: Int32) -> String {
        let storage = address { getpeername(descriptor, $0, $1) }
        let family = Int32(storage.ss_family)
        // Where the address stands (netinet/in.h): behind family and port, and in IPv6 behind the flow label too.
        let offset = family == AF_INET ? 4 : 8
        guard family == AF_INET || family == AF_INET6 else { return "" }
        return withUnsafeBytes(of: storage) { bytes in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
                guard let base = bytes.baseAddress, let start = text.baseAddress,
                    inet_ntop(family, base + offset, start, socklen_t(text.count)) != nil
                else { return "" }
                return String(cString: start)
            }
        }
    }

    private static func address(
        _ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> sockaddr_storage {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask($0, &size) }
        }
        return status == 0 ? storage : sockaddr_storage()
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
