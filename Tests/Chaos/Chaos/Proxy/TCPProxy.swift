import Foundation
import Synchronization
import TestKit

/// A TCP proxy between two parts that delays, throttles, cuts and half-closes their connections, or lets nothing
/// through.
///
/// With several targets a new connection goes to the next one that accepts it, as a load balancer does.
final class TCPProxy: Sendable {
    enum Command: Sendable {
        /// Resets every connection.
        case cut
        /// Ends one way of every connection, and leaves the other one open.
        case halfClose(Way)
        case stop
    }

    /// One way of a connection.
    enum Way: Sendable {
        /// From client to server.
        case up
        /// From server to client.
        case down
    }

    private struct State {
        var weather = ProxyWeather()
        var targets: [UInt16] = []
        var commands: [Command] = []
        var connections = 0
    }

    /// The port that it listens on.
    let port: UInt16
    private let state = Mutex(State())
    private let wakeup: Int32

    /// Starts a proxy; it lets everything through.
    init(seed: UInt64) throws {
        let (listener, port) = try Self.listen()
        self.port = port
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw ChaosError("no pipe for a proxy: errno \(errno)") }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        wakeup = ends[1]
        let readEnd = ends[0]
        Thread.detachNewThread { [self] in
            ProxyLoop(self, listener: listener, wakeup: readEnd, seed: seed).run()
        }
    }

    /// Where connections go, one port or several.
    func setTargets(_ ports: [UInt16]) {
        state.withLock { $0.targets = ports }
    }

    /// Changes what happens to bytes from now on.
    func setWeather(_ weather: ProxyWeather) {
        state.withLock { $0.weather = weather }
        wake()
    }

    /// Does something to all connections at once.
    func send(_ command: Command) {
        state.withLock { $0.commands.append(command) }
        wake()
    }

    /// How many connections there were.
    var connections: Int { state.withLock { $0.connections } }

    private func wake() {
        var byte: UInt8 = 1
        _ = write(wakeup, &byte, 1)
    }

    // MARK: What the loop asks

    /// Whether a connection that has just come is refused.
    ///
    /// Asked for each: who set another weather before it connected must be met by that.
    var isRefusing: Bool { state.withLock(\.weather.isRefusing) }

    func look() -> (weather: ProxyWeather, commands: [Command]) {
        state.withLock { state in
            defer { state.commands = [] }
            return (state.weather, state.commands)
        }
    }

    /// Connects to the next target that accepts.
    func connect() -> Int32? {
        let targets = state.withLock { state in
            state.connections += 1
            let start = state.connections % max(1, state.targets.count)
            return Array(state.targets[start...] + state.targets[..<start])
        }
        for target in targets {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { return nil }
            if Self.withAddress(target, { Foundation.connect(descriptor, $0, $1) }) == 0 { return descriptor }
            close(descriptor)
        }
        return nil
    }

    private static func listen() throws -> (Int32, UInt16) {
        let port = try LoopbackPort.free()
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_INET, flags, 0)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard withAddress(port, { bind(descriptor, $0, $1) }) == 0, Foundation.listen(descriptor, 1024) == 0 else {
            throw ChaosError("a proxy cannot listen on port \(port): errno \(errno)")
        }
        return (descriptor, port)
    }

    private static func withAddress<T>(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> T) -> T {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
