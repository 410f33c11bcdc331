import CPostgres
import Dispatch
import Glibc

/// The limits that a single connection keeps.
struct LibPQLimits {
    var connectTimeout: Duration
    var statementTimeout: Duration
    var statementGrace: Duration
    var preparedStatementsMax: Int
    /// How long the server may take to obey a cancel request before the connection is dropped.
    var cancelGrace: Duration = .seconds(2)

    init(_ configuration: PostgresConfiguration) {
        connectTimeout = configuration.connectTimeout
        statementTimeout = configuration.statementTimeout
        statementGrace = configuration.statementGrace
        preparedStatementsMax = configuration.preparedStatementsMax
    }
}

/// Translates between this module's words and libpq's.
enum LibPQParameters {
    /// The keywords for `PQconnectStartParams`; later ones win over earlier ones, the URL comes first.
    static func keywords(_ configuration: PostgresConfiguration) -> [(String, String)] {
        var pairs: [(String, String)] = []
        if let url = configuration.url { pairs.append(("dbname", url)) }
        if let host = configuration.host { pairs.append(("host", host)) }
        if let port = configuration.port { pairs.append(("port", "\(port)")) }
        if let user = configuration.user { pairs.append(("user", user)) }
        if let password = configuration.password { pairs.append(("password", password)) }
        // A URL is given as `dbname`, so a database besides it goes after it: libpq expands only the first.
        if let database = configuration.database { pairs.append(("dbname", database)) }
        pairs.append(("application_name", configuration.applicationName))
        pairs.append(("client_encoding", "UTF8"))
        for (keyword, value) in configuration.options.sorted(by: { $0.key < $1.key }) {
            pairs.append((keyword, value))
        }
        var settings = configuration.serverSettings
        settings["TimeZone"] = settings["TimeZone"] ?? "UTC"
        settings["statement_timeout"] = "\(milliseconds(configuration.statementTimeout))"
        let options = settings.sorted { $0.key < $1.key }.map { "-c \($0.key)=\(escaped($0.value))" }
        pairs.append(("options", options.joined(separator: " ")))
        return pairs
    }

    /// `options` splits at spaces; a backslash keeps one.
    private static func escaped(_ value: String) -> String {
        var text = ""
        for character in value {
            if character == " " || character == "\\" { text.append("\\") }
            text.append(character)
        }
        return text
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }

    static func withCStrings<Result>(
        _ pairs: [(String, String)],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        let keywords = pairs.map { UnsafePointer(strdup($0.0)) } + [nil]
        let values = pairs.map { UnsafePointer(strdup($0.1)) } + [nil]
        defer {
            for pointer in keywords + values { free(UnsafeMutablePointer(mutating: pointer)) }
        }
        return keywords.withUnsafeBufferPointer { keywords in
            values.withUnsafeBufferPointer { values in
                guard let first = keywords.baseAddress, let second = values.baseAddress else {
                    preconditionFailure("the lists end with a null pointer, so they are not empty")
                }
                return body(first, second)
            }
        }
    }

    /// libpq's last word on a connection; may name hosts and roles.
    static func errorMessage(_ handle: OpaquePointer?) -> String {
        PQerrorMessage(handle).map { String(cString: $0) } ?? ""
    }

    /// The error in a result.
    static func serverError(_ result: OpaquePointer, statementIndex: Int?) -> PostgresError {
        func field(_ code: Unicode.Scalar) -> String? {
            PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
        }
        let detail = PQresultErrorMessage(result).map { String(cString: $0) } ?? ""
        // Without an SQLSTATE libpq itself made the error up, because the connection is gone.
        guard let sqlState = field("C") else {
            return PostgresError(.connection, "the database connection was lost", detail: detail)
        }
        return PostgresError(
            .server(sqlState: sqlState),
            "the database refused the statement",
            detail: detail,
            statementIndex: statementIndex,
            constraint: field("n")
        )
    }
}

/// A request to stop what a connection runs, which libpq sends by a second, blocking connection.
final class LibPQCancelRequest: @unchecked Sendable {
    private static let queue = DispatchQueue(label: "postgres.cancel")
    /// Made on the loop, used by the queue alone afterwards, freed after both.
    private let handle: OpaquePointer

    init?(_ connection: OpaquePointer?) {
        guard let handle = PQgetCancel(connection) else { return nil }
        self.handle = handle
    }

    deinit {
        PQfreeCancel(handle)
    }

    /// Sends the request from a thread of its own.
    ///
    /// A failure is of no consequence: the deadline drops the connection.
    func send() {
        Self.queue.async { [self] in
            var reason = [CChar](repeating: 0, count: 256)
            _ = PQcancel(handle, &reason, Int32(reason.count))
        }
    }
}
