/// Where Redis is, and the limits of the client.
package struct RedisConfiguration: Sendable {
    /// How the server is reached.
    package enum Address: Sendable, Hashable {
        /// Host name or address, and port. A name is resolved on the client's thread.
        case tcp(host: String, port: Int)
        /// The path of a Unix socket.
        case unix(path: String)
    }

    /// How the server is reached.
    package var address: Address
    /// The user for `AUTH`; nil: the default user.
    package var username: String?
    /// The password for `AUTH`; nil: none is sent.
    ///
    /// Never logged.
    package var password: String?
    /// The number of the database for `SELECT`.
    package var database = 0
    /// How long a command may wait for its answer.
    package var commandTimeout: Duration = .milliseconds(250)
    /// How long one attempt to connect may take, the login included.
    package var connectTimeout: Duration = .seconds(1)
    /// Commands that may wait for their answers at the same moment; one more fails at once.
    package var pendingMax = 10_000
    /// How long the server may be silent while commands wait before the connection is given up.
    package var silenceMax: Duration = .seconds(1)
    /// Longest first pause after a failed attempt to connect; doubles each time, and the pause is drawn below it.
    package var reconnectDelayMin: Duration = .milliseconds(50)
    /// Where the doubling of pauses between attempts to connect ends.
    package var reconnectDelayMax: Duration = .seconds(2)

    /// Makes a configuration with the documented defaults.
    package init(address: Address) {
        self.address = address
    }

    /// Reads `redis://[user[:password]@]host[:port][/database]` or `unix:///path[?db=n]`.
    /// - Throws: `RedisError` with code `invalidConfiguration`; it does not quote the URL, which may hold a password.
    package init(url: String) throws(RedisError) {
        if url.hasPrefix("unix://") {
            let parts = url.dropFirst(7).split(separator: "?", maxSplits: 1)
            guard let path = parts.first, path.hasPrefix("/") else { throw Self.badURL }
            self.init(address: .unix(path: String(path)))
            if parts.count == 2 {
                guard parts[1].hasPrefix("db="), let number = Int(parts[1].dropFirst(3)) else { throw Self.badURL }
                database = number
            }
            return
        }
        guard url.hasPrefix("redis://") else { throw Self.badURL }
        var rest = url.dropFirst(8)
        var number = 0
        if let slash = rest.lastIndex(of: "/") {
            let text = rest[rest.index(after: slash)...]
            rest = rest[..<slash]
            if !text.isEmpty {
                guard let parsed = Int(text), parsed >= 0 else { throw Self.badURL }
                number = parsed
            }
        }
        var credentials: Substring?
        if let at = rest.lastIndex(of: "@") {
            credentials = rest[..<at]
            rest = rest[rest.index(after: at)...]
        }
        self.init(address: try Self.address(rest))
        database = number
        if let credentials {
            let parts = credentials.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if let user = parts.first, !user.isEmpty { username = String(user) }
            if parts.count == 2 { password = String(parts[1]) }
        }
    }

    private static func address(_ text: Substring) throws(RedisError) -> Address {
        if text.hasPrefix("["), let bracket = text.firstIndex(of: "]") {
            let host = text[text.index(after: text.startIndex)..<bracket]
            return .tcp(host: String(host), port: try port(text[text.index(after: bracket)...]))
        }
        let host = text.prefix { $0 != ":" }
        guard !host.isEmpty else { throw badURL }
        return .tcp(host: String(host), port: try port(text.dropFirst(host.count)))
    }

    private static func port(_ text: Substring) throws(RedisError) -> Int {
        if text.isEmpty { return 6379 }
        guard text.first == ":", let port = Int(text.dropFirst()), (1...65_535).contains(port) else { throw badURL }
        return port
    }

    private static let badURL = RedisError(
        .invalidConfiguration,
        "the Redis URL is not like redis://user:password@host:6379/0 or unix:///path?db=0"
    )
}
