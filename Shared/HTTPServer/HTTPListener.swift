import EventLoop
import Glibc
package import Observability
import OpenSSL
import Synchronization

/// An HTTP/1.1 and WebSocket server on event loops of its own.
///
/// HTTP/2 and the open internet belong to the proxy in front; this server is strict enough to stand behind any. Whoever
/// made it keeps it while it is to serve: with the last reference to it everything that it serves is cut off.
package final class HTTPListener: Sendable {
    private struct State {
        var loops: [HTTPServerLoop] = []
        var port: UInt16 = 0
    }

    private let configuration: HTTPServerConfiguration
    private let handler: HTTPHandler
    private let logger: Logger?
    private let state = Mutex(State())

    /// Makes a server that does not listen yet.
    /// - Parameters:
    ///   - configuration: Where it listens, and its limits.
    ///   - logger: Told of handlers that fail with an error that knows no answer, and of a lack of descriptors.
    ///   - handler: Answers every request.
    package init(configuration: HTTPServerConfiguration, logger: Logger? = nil, handler: @escaping HTTPHandler) {
        self.configuration = configuration
        self.handler = handler
        self.logger = logger
    }

    deinit {
        // Nobody can shut it down any more: what its loops serve is cut off, as at the end of a grace period.
        for loop in state.withLock(\.loops) {
            loop.loop.execute { loop.end() }
        }
    }

    /// The port that it listens on; 0 before ``start()``.
    package var port: UInt16 { state.withLock(\.port) }

    /// Begins to listen.
    /// - Returns: The port.
    /// - Throws: ``HTTPServerError`` when the configuration contradicts itself, the port is taken or the certificate
    ///   cannot be loaded; `EventLoopError` when threads or descriptors have run out.
    @discardableResult
    package func start() async throws -> UInt16 {
        let problems = configuration.problems()
        guard problems.isEmpty else {
            throw HTTPServerError(code: .configuration, description: problems.joined(separator: "; "))
        }
        signal(SIGPIPE, SIG_IGN)
        let shared = HTTPServerShared(
            configuration: configuration,
            handler: handler,
            tls: try loadCertificate(),
            logger: logger
        )
        let (descriptors, port) = try listen()
        var loops: [HTTPServerLoop] = []
        for (index, descriptor) in descriptors.enumerated() {
            do {
                let loop = HTTPServerLoop(loop: try EpollLoop.start(name: "http-\(index)"), shared: shared)
                loops.append(loop)
                try await start(loop, on: descriptor)
            } catch {
                for loop in loops { loop.loop.execute { loop.end() } }
                for descriptor in descriptors[index...] { close(descriptor) }
                throw error
            }
        }
        state.withLock { [loops] state in
            state.port = port
            state.loops = loops
        }
        return port
    }

    /// Accepts no more, closes WebSockets with 1001, lets requests that run come to their end, then stops.
    ///
    /// Streamed answers are requests that run: who streams without end should end when the program does.
    /// - Parameter gracePeriod: How long that may take; what still runs then is cut off and its task cancelled.
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
                // Ends early by cancellation when all is done; ended by the caller's, it is as if time had run out.
                try? await Task.sleep(for: gracePeriod)
                for loop in loops {
                    loop.loop.execute { loop.end() }
                }
            }
            for _ in loops {
                await group.next()
            }
            group.cancelAll()
        }
    }

    private func loadCertificate() throws(HTTPServerError) -> TLSContext? {
        guard let paths = configuration.tls else { return nil }
        do {
            return try TLSContext(certificatePath: paths.certificatePath, keyPath: paths.keyPath)
        } catch {
            throw HTTPServerError(code: .certificate, description: error.description)
        }
    }

    /// A listening socket for each loop.
    private func listen() throws(HTTPServerError) -> (descriptors: [Int32], port: UInt16) {
        let host = configuration.host
        var port = configuration.port
        let isShared = configuration.sharesPort || configuration.loops > 1
        if isShared, !configuration.sharesPort {
            // The loops' sockets share the port, which would let another process take a part of the connections, or
            // this one a part of another's: so the port is first taken alone.
            let (probe, free) = try SocketAddress.listen(host: host, port: port, sharesPort: false)
            close(probe)
            port = free
        }
        var descriptors: [Int32] = []
        do {
            for _ in 0..<configuration.loops {
                let (descriptor, bound) = try SocketAddress.listen(host: host, port: port, sharesPort: isShared)
                descriptors.append(descriptor)
                port = bound
            }
        } catch {
            for descriptor in descriptors { close(descriptor) }
            throw error
        }
        return (descriptors, port)
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
}
