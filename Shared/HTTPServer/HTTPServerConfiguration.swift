/// Where a server listens, and every limit of it.
package struct HTTPServerConfiguration: Sendable {
    /// The address to listen on.
    ///
    /// Default 127.0.0.1: only this machine.
    package var host = "127.0.0.1"
    /// The port; 0 takes a free one.
    ///
    /// Default 0.
    package var port: UInt16 = 0
    /// How many event loops serve connections, each on a thread of its own.
    ///
    /// Default 1.
    package var loops = 1
    /// Whether another process may listen on the same port and take a part of the connections (SO_REUSEPORT).
    ///
    /// Default false: a port that is taken is an error at the start.
    package var sharesPort = false
    /// The largest request head (request line and headers), in bytes.
    ///
    /// Default 16 KB; over it: 431.
    package var headBytesMax = 16 << 10
    /// The most headers of a request.
    ///
    /// Default 100; over it: 431.
    package var headersMax = 100
    /// The largest request body, in bytes.
    ///
    /// Default 1 MB; over it: 413.
    package var bodyBytesMax = 1 << 20
    /// The largest WebSocket message, in bytes, fragments together.
    ///
    /// Default 1 MB; over it: close code 1009.
    package var messageBytesMax = 1 << 20
    /// The most connections.
    ///
    /// Default 10,000; over it: 503 with Retry-After, and the end of the connection.
    package var connectionsMax = 10_000
    /// How long a head may take from its first byte, and a connection up to it.
    ///
    /// Default 5 s; over it: 408.
    package var headTimeout = Duration.seconds(5)
    /// How long a body may pause.
    ///
    /// Default 5 s; over it: 408. Time in which the handler does not read does not count.
    package var bodyIdleTimeout = Duration.seconds(5)
    /// How fast a body must come on average after the pause that is allowed, in bytes a second.
    ///
    /// Default 500; below it: 408.
    package var bodyBytesPerSecondMin = 500
    /// How long a connection may rest between two requests.
    ///
    /// Default 60 s.
    package var keepAliveTimeout = Duration.seconds(60)
    /// How long a peer may read nothing while something is to be sent.
    ///
    /// Default 20 s; then the connection is cut.
    package var writeStallTimeout = Duration.seconds(20)
    /// How often a quiet WebSocket is asked whether it lives.
    ///
    /// Default 20 s; a peer silent for twice as long and ``webSocketSilenceGrace`` more is cut off.
    package var webSocketPingInterval = Duration.seconds(20)
    /// How much longer than two pings a WebSocket's silent peer is waited for.
    ///
    /// Default 5 s; then the connection is cut.
    package var webSocketSilenceGrace = Duration.seconds(5)
    /// How long a WebSocket's peer may take to answer a close once it is sent.
    ///
    /// Default 5 s; then the connection is cut.
    package var webSocketCloseTimeout = Duration.seconds(5)
    /// How much may wait in either direction before the faster side is made to wait, in bytes.
    ///
    /// Default 256 KB.
    package var highWaterBytes = 256 << 10
    /// Certificate chain and key in PEM files; nil serves plain HTTP.
    ///
    /// Default nil.
    package var tls: (certificatePath: String, keyPath: String)?

    /// The defaults.
    package init() {}

    /// What contradicts itself, for people; empty when all is well.
    func problems() -> [String] {
        var problems: [String] = []
        let counts = [
            ("loops", loops), ("headBytesMax", headBytesMax), ("headersMax", headersMax),
            ("bodyBytesMax", bodyBytesMax), ("messageBytesMax", messageBytesMax), ("connectionsMax", connectionsMax),
            ("bodyBytesPerSecondMin", bodyBytesPerSecondMin), ("highWaterBytes", highWaterBytes),
        ]
        for (name, value) in counts where value < 1 { problems.append("\(name) must be at least 1") }
        let times = [
            ("headTimeout", headTimeout), ("bodyIdleTimeout", bodyIdleTimeout), ("keepAliveTimeout", keepAliveTimeout),
            ("writeStallTimeout", writeStallTimeout), ("webSocketPingInterval", webSocketPingInterval),
            ("webSocketSilenceGrace", webSocketSilenceGrace), ("webSocketCloseTimeout", webSocketCloseTimeout),
        ]
        for (name, value) in times where value <= .zero { problems.append("\(name) must be more than 0") }
        return problems
    }
}
