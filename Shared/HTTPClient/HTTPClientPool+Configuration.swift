extension HTTPClientPool {
    /// The limits and habits of a client; every limit has a default that suits calls between services.
    package struct Configuration: Sendable, Hashable {
        /// The longest time for name lookup, TCP connect and TLS handshake together.
        package var connectTimeout: Duration = .seconds(5)
        /// The longest time for a whole exchange when the request does not name one.
        package var timeout: Duration = .seconds(60)
        /// Connections to one host and port; further requests wait for a free one within their timeout.
        package var connectionsPerHostMax: Int = 128
        /// Connections in total.
        package var connectionsMax: Int = 512
        /// Exchanges under way or waiting for a connection; the next one fails with `overloaded`.
        package var transfersMax: Int = 4096
        /// The longest body that `send` collects, in bytes.
        package var collectedBodyBytesMax: Int = 8 << 20
        /// Bytes of a streamed body that wait for the reader before the socket is no longer read.
        package var streamBufferBytesMax: Int = 256 << 10
        /// All header lines of a response together, in bytes.
        package var headerBytesMax: Int = 64 << 10
        /// Header lines of a response.
        package var headerCountMax: Int = 200
        /// The `User-Agent` of requests that do not set one.
        package var userAgent: String = "parley"
        /// Redirects that are followed when a request asks for that.
        package var redirectsMax: Int = 5
        /// Whether HTTP/2 may be negotiated over TLS; off, because HTTP/1.1 is what every endpoint speaks.
        package var isHTTP2Allowed: Bool = false
        /// Whether the certificate and the host name of a TLS peer are checked.
        package var isTLSVerified: Bool = true
        /// A PEM file with the certificates to trust instead of the system's.
        package var tlsCAFile: String?
        /// A proxy URL.
        ///
        /// The proxy variables of the environment are never read.
        package var proxy: String?

        /// The defaults.
        package init() {}

        /// The defaults, with room for so many exchanges with one host at once: none of them waits for another's
        /// connection.
        package init(exchangesMax: Int) {
            connectionsPerHostMax = max(connectionsPerHostMax, exchangesMax)
            connectionsMax = max(connectionsMax, exchangesMax)
            transfersMax = max(transfersMax, exchangesMax)
        }
    }
}
