import Foundation
import TestKit

/// The thread of a proxy: all its connections, driven by poll(2).
final class ProxyLoop {
    private final class Connection {
        let client: Int32
        let server: Int32
        var up = ProxyDirection()
        var down = ProxyDirection()

        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
            for descriptor in [client, server] {
                var one: Int32 = 1
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
                _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            }
        }

        var isOver: Bool { up.isWriteClosed && down.isWriteClosed }

        func end(reset: Bool) {
            for descriptor in [client, server] {
                if reset {
                    var option = linger(l_onoff: 1, l_linger: 0)
                    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
                }
                close(descriptor)
            }
        }
    }

    private let proxy: TCPProxy
    private let listener: Int32
    private let wakeup: Int32
    private var random: SeededRandom
    private var connections: [Connection] = []
    private var weather = ProxyWeather()
    private var lastCuts = ContinuousClock.now

    init(_ proxy: TCPProxy, listener: Int32, wakeup: Int32, seed: UInt64) {
        self.proxy = proxy
        self.listener = listener
        self.wakeup = wakeup
        random = SeededRandom(seed: seed)
    }

    /// Runs until the proxy is stopped.
    func run() {
        while step() {}
        for connection in connections { connection.end(reset: true) }
        close(listener)
        close(wakeup)
    }

    private func step() -> Bool {
        var descriptors = [
            pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0),
        ]
        let now = ContinuousClock.now
        var wait = Duration.milliseconds(weather.cutsPerSecond > 0 ? 20 : 500)
        for connection in connections {
            for (descriptor, source, sink) in [
                (connection.client, connection.up, connection.down),
                (connection.server, connection.down, connection.up),
            ] {
                var events: Int32 = 0
                if !weather.isSilent {
                    if !source.isReadClosed, source.size < ProxyDirection.sizeMax { events |= POLLIN }
                    if sink.front(now) != nil { events |= POLLOUT }
                    if let due = sink.due, due > now { wait = min(wait, now.duration(to: due)) }
                }
                descriptors.append(pollfd(fd: events == 0 ? -1 : descriptor, events: Int16(events), revents: 0))
            }
        }
        let milliseconds = Int32((wait.seconds * 1000).rounded(.up))
        _ = poll(&descriptors, nfds_t(descriptors.count), max(0, milliseconds))
        if descriptors[1].revents != 0 {
            var bytes = [UInt8](repeating: 0, count: 256)
            _ = read(wakeup, &bytes, bytes.count)
        }
        guard obey() else { return false }
        if !weather.isSilent { forward(descriptors) }
        cutAtRandom()
        if descriptors[0].revents != 0 { accept() }
        return true
    }

    /// Does what was asked since the last time; false to stop.
    private func obey() -> Bool {
        let (weather, commands) = proxy.look()
        self.weather = weather
        for command in commands {
            switch command {
            case .stop:
                return false
            case .cut:
                for connection in connections { connection.end(reset: true) }
                connections = []
            case .halfClose(.up):
                for connection in connections { connection.up.abandon() }
            case .halfClose(.down):
                for connection in connections { connection.down.abandon() }
            }
        }
        return true
    }

    private func cutAtRandom() {
        let now = ContinuousClock.now
        let chance = weather.chanceOfCut(within: lastCuts.duration(to: now))
        lastCuts = now
        guard chance > 0 else { return }
        connections.removeAll { connection in
            let isCut = Double.random(in: 0..<1, using: &random) < chance
            if isCut { connection.end(reset: true) }
            return isCut
        }
    }

    private func accept() {
        while true {
            let client = Foundation.accept(listener, nil, nil)
            guard client >= 0 else { return }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            let server = proxy.isRefusing ? nil : proxy.connect()
            let connection = Connection(client: client, server: server ?? -1)
            if server == nil {
                connection.end(reset: true)
            } else {
                connections.append(connection)
            }
        }
    }

    private func forward(_ descriptors: [pollfd]) {
        var rest: [Connection] = []
        // A cut since the poll leaves nothing to forward; what is there otherwise is in the order of the poll.
        guard descriptors.count == 2 + 2 * connections.count else { return }
        for (index, connection) in connections.enumerated() {
            let client = Int32(descriptors[2 + 2 * index].revents)
            let server = Int32(descriptors[3 + 2 * index].revents)
            let now = ContinuousClock.now
            var isWhole = true
            if client & ~POLLOUT != 0 { isWhole = take(connection.client, &connection.up, now) }
            if isWhole, server & ~POLLOUT != 0 { isWhole = take(connection.server, &connection.down, now) }
            if isWhole { isWhole = give(connection.server, &connection.up, now) }
            if isWhole { isWhole = give(connection.client, &connection.down, now) }
            if !isWhole || connection.isOver {
                connection.end(reset: !isWhole)
            } else {
                rest.append(connection)
            }
        }
        connections = rest
    }

    private func take(_ descriptor: Int32, _ direction: inout ProxyDirection, _ now: ContinuousClock.Instant) -> Bool {
        guard !direction.isReadClosed else { return true }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count == 0 { direction.isReadClosed = true }
        if count < 0 { return errno == EAGAIN }
        if count > 0 {
            if weather.failures > 0, Double.random(in: 0..<1, using: &random) < weather.failures { return false }
            direction.push(buffer[..<count], weather, now: now)
        }
        return true
    }

    private func give(_ descriptor: Int32, _ direction: inout ProxyDirection, _ now: ContinuousClock.Instant) -> Bool {
        while !direction.isWriteClosed, let bytes = direction.front(now) {
            let count = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0 { return errno == EAGAIN }
            direction.pop(count)
        }
        if direction.mustClose {
            direction.isWriteClosed = true
            _ = shutdown(descriptor, Int32(SHUT_WR))
        }
        return true
    }
}
