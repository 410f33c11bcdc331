import JSON
import Postgres
import Resilience
import Store

/// Whose fault it is that a record was not handled.
enum RecordFault: Equatable {
    /// That of something the handler needs: the record waits, however long, and it does not count.
    case dependency
    /// The record's, and it will be the same the next time.
    case hopeless(DeadLetterReason, detail: String)
    /// The record's, as far as can be told: it is tried again, a few times.
    case unknown(detail: String)

    /// Judges what a handler threw.
    init(_ error: any Error) {
        switch error {
        case is CancellationError:
            self = .dependency
        case let error as RecordRefusal:
            self = .hopeless(error.reason, detail: error.detail)
        case let error as PostgresError:
            self.init(error)
        case let error as StoreError where error.code == .corrupt:
            self = .hopeless(.unprocessable, detail: error.description)
        case let error as JSONError:
            self = .hopeless(.invalid, detail: error.description)
        case is any DependencyError:
            self = .dependency
        default:
            // Its words may quote the record; its type does not.
            self = .unknown(detail: "\(type(of: error))")
        }
    }

    /// SQLSTATE classes (PostgreSQL manual, appendix A) that are about the server, its state or its schema: connection,
    /// authorization, catalog and schema names, rollback, access rules and unknown tables, resources, objects in use,
    /// operators, the system, its configuration.
    private static let serverClasses: Set<String> = [
        "08", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0",
    ]
    /// 22 data exception, 23 integrity constraint violation, 54 program limit exceeded: the same will come again.
    private static let dataClasses: Set<String> = ["22", "23", "54"]

    private init(_ error: PostgresError) {
        let sqlClass = error.sqlState.map { String($0.prefix(2)) } ?? ""
        if error.isConnectionFailure || error.isRetriable || error.code == .migration
            || Self.serverClasses.contains(sqlClass) || error.sqlState == "25006"
        {
            // 25006: the server is read-only, as a standby is.
            self = .dependency
        } else if error.code == .invalidParameter || Self.dataClasses.contains(sqlClass) {
            self = .hopeless(.unprocessable, detail: error.description)
        } else {
            self = .unknown(detail: error.description)
        }
    }
}
