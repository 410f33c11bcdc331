import EventLoop
import Glibc
import OpenSSL
import Synchronization

/// Why a server could not start.
package struct HTTPServerError: Error, Sendable, CustomStringConvertible {
    /// What failed, and what to do.
    package let description: String
}

/// An HTTP/1.1 and WebSocket server on event loops of its own.
///
/// HTTP/2 and the open internet belong to the proxy in front; this server is strict enough to stand behind any.
package final class HTTPListener: Sendable {
    private struct State {
        var loops: [HTTPServerLoop] = []
        var port: UInt16 = 0
    }

    private let configuration: HTTPServerConfiguration
    private let handler: HTTPHandler
    private let state = Mutex(State())

    /// Makes a server that does not listen yet.
    package init(configuration: HTTPServerConfiguration, handler: @escaping HTTPHandler) {
        precondition(configuration.loops > 0, "a server needs a loop")
        self.configuration = configuration
        self.handler = handler
    }

    /// The port that it listens on; 0 before ``start()``.
    package var port: UInt16 { state.withLock(\.port) }

    /// Begins to listen.
    /// - Returns: The port.
    /// - Throws: ``HTTPServerError`` when the port is taken or the certificate cannot be loaded; `EventLoopError`.
    @discardableResult
    package func start() async throws -> UInt16 {
        signal(SIGPIPE, SIG_IGN)
        var tls: TLSContext?
        if let paths = configuration.tls {
            tls = try TLSContext(certificatePath: paths.certificatePath, keyPath: paths.keyPath)
        }
        var port = configuration.port
        var loops: [HTTPServerLoop] = []
        for index in 0..<configuration.loops {
            let listener = try Self.listen(host: configuration.host, port: port)
            port = listener.port
            let loop = HTTPServerLoop(
                loop: try EventLoop.start(name: "http-\(index)"),
                configuration: configuration,
                tls: tls,
                handler: handler
            )
            try await start(loop, on: listener.descriptor)
            loops.append(loop)
        }
        state.withLock { [port, loops] state in
            state.port = port
            state.loops = loops
        }
        return port
    }

    /// Accepts no more, closes WebSockets with 1001, lets requests that run come to their end, then stops.
    /// - Parameter gracePeriod: How long that may take; what still runs then is cut off.
    package func shutdown(gracePeriod: Duration) async {
        let loops = state.withLock { state in
            defer { state.loops = [] }
            return state.loops
        }
        for loop in loops {
            loop.loop.execute { loop.beginDrain() }
        }
        await withTaskGroup(of: Void.self) { group in
            for loop in loops {
                group.addTask { await loop.waitUntilEmpty() }
            }
            group.addTask {
                try? await Task.sleep(for: gracePeriod)
                for loop in loops {
                    loop.loop.execute { loop.cutAll() }
                }
            }
            for _ in loops {
                await group.next()
            }
            group.cancelAll()
        }
        for loop in loops {
            loop.loop.execute { loop.end() }
        }
    }

    private func start(_ loop: HTTPServerLoop, on descriptor: Int32) async throws {
        try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
            loop.loop.execute {
                do {
                    try loop.start(listener: descriptor)
                    continuation.resume()
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    /// A listening socket; several share a port by SO_REUSEPORT, and the kernel spreads connections over them.
    private static func listen(host: String, port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let address = found else {
            throw HTTPServerError(description: "The address \(host) is not known: set another one to listen on.")
        }
        defer { freeaddrinfo(found) }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.pointee.ai_family, kind, 0)
        if descriptor < 0 { throw HTTPServerError(description: "No socket is to be had: \(errorText()).") }
        var on: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, size)
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, size)
        guard bind(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0,
            Glibc.listen(descriptor, 4096) == 0
        else {
            let reason = errorText()
            close(descriptor)
            throw HTTPServerError(description: "Listening on \(host):\(port) failed: \(reason).")
        }
        return (descriptor, boundPort(descriptor))
    }

    private static func boundPort(_ descriptor: Int32) -> UInt16 {
        var address = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { internet in
                internet.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &size) }
                // The port stands at the same place in both address families.
                return UInt16(bigEndian: internet.pointee.sin_port)
            }
        }
    }

    private static func errorText() -> String { String(cString: strerror(errno)) }
}
