import Glibc

/// Tells when a socket is ready.
///
/// Used on the loop's thread only.
final class SocketWatch {
    private let loop: SocketLoop
    private let descriptor: Int32
    private let generation: UInt64

    /// Begins to watch; a socket that is ready already is told at once.
    ///
    /// Nil when the kernel refuses.
    init?(_ descriptor: Int32, loop: SocketLoop, handler: @escaping SocketLoop.Handler) {
        guard let generation = loop.watch(descriptor, handler: handler) else { return nil }
        self.loop = loop
        self.descriptor = descriptor
        self.generation = generation
    }

    /// Ends the watch; to be called before the descriptor is closed.
    func cancel() {
        loop.unwatch(descriptor, generation)
    }

    /// Whether a read would not block: bytes wait, or the end of the stream.
    static func hasInput(_ descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) > 0
    }
}
