/// Where the database is, and the limits of the pool that talks to it.
package struct PostgresConfiguration: Sendable {
    /// A libpq connection URI (`postgresql://user:password@host:5432/database?sslmode=require`) or keyword string; the
    /// properties below win over what it says.
    ///
    /// Nil: only the properties count.
    package var url: String?
    /// Host name, address, or the folder of a Unix socket (begins with `/`).
    ///
    /// Names are resolved on the thread of the client.
    package var host: String?
    /// TCP port, or the number in the Unix socket's name.
    package var port: Int?
    /// Role to log in as.
    package var user: String?
    /// Password of the role; never logged.
    package var password: String?
    /// Database to use.
    package var database: String?
    /// Shown in `pg_stat_activity`.
    package var applicationName = "parley"
    /// Connections at most.
    package var poolSize = 16
    /// Connections that are kept open without demand.
    package var connectionsMin = 1
    /// How long a caller waits for a free connection.
    package var acquireTimeout: Duration = .seconds(5)
    /// Callers that may wait for a connection at the same moment; one more fails at once.
    package var waitersMax = 1024
    /// How long one attempt to connect may take.
    package var connectTimeout: Duration = .seconds(5)
    /// How long one statement may run, enforced by the server; the client gives up on the connection one
    /// `statementGrace` later.
    package var statementTimeout: Duration = .seconds(30)
    /// How much longer than `statementTimeout` the client waits for the server's word.
    package var statementGrace: Duration = .seconds(5)
    /// How long a connection may be unused before it is tried with an empty statement.
    package var healthCheckInterval: Duration = .seconds(30)
    /// Longest first pause after a failed attempt to connect; doubles each time, and the pause is drawn below it.
    package var reconnectDelayMin: Duration = .milliseconds(50)
    /// Where the doubling of pauses between attempts to connect ends.
    package var reconnectDelayMax: Duration = .seconds(2)
    /// Prepared statements kept per connection; one more is sent unprepared each time.
    package var preparedStatementsMax = 512
    /// Further libpq keywords, for example `sslmode`, `sslrootcert`, `target_session_attrs`.
    package var options: [String: String] = [:]
    /// Server settings for every connection, for example `search_path`.
    package var serverSettings: [String: String] = [:]

    /// Makes a configuration with the documented defaults.
    /// - Parameter url: A libpq connection URI; nil where the properties say all.
    package init(url: String? = nil) {
        self.url = url
    }

    /// Reports the first limit that makes no sense.
    /// - Throws: `PostgresError` with code `invalidParameter`, naming the property.
    package func validate() throws(PostgresError) {
        let checks: [(Bool, String)] = [
            (poolSize >= 1 && poolSize <= 10_000, "poolSize must be 1...10000"),
            (connectionsMin >= 0 && connectionsMin <= poolSize, "connectionsMin must be 0...poolSize"),
            (waitersMax >= 0, "waitersMax must not be negative"),
            (acquireTimeout > .zero, "acquireTimeout must be positive"),
            (connectTimeout > .zero, "connectTimeout must be positive"),
            (statementTimeout > .zero, "statementTimeout must be positive"),
            (healthCheckInterval > .zero, "healthCheckInterval must be positive"),
            (reconnectDelayMin > .zero, "reconnectDelayMin must be positive"),
            (reconnectDelayMax >= reconnectDelayMin, "reconnectDelayMax must be at least reconnectDelayMin"),
            (preparedStatementsMax >= 0, "preparedStatementsMax must not be negative"),
        ]
        for (holds, rule) in checks where !holds {
            throw PostgresError(.invalidParameter, "bad pool configuration: \(rule)")
        }
    }
}
