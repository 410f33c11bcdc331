package import Domain
import JSON
package import Postgres

/// Which tool requests were taken, and what came of them: the executor's mark that an event was processed.
package final class ToolRunStore: Sendable {
    /// Whether a request may be run.
    package enum Permission: Sendable, Equatable {
        /// Nobody has taken it: it is ours.
        case granted
        /// It was run to its end; its answer is on its way.
        case finished
        /// Somebody runs it.
        case running
        /// Somebody ran it and was lost: it may have had its effect, and must not be run again.
        case interrupted
    }

    private struct Finish: Sendable {
        let request: ToolRequest
        let tenantID: String
        let result: ToolResult
        let event: OutboxEvent
    }

    private let database: PostgresClient
    private let owner: String
    private let ownersAreMembers: Bool
    private let configuration: StoreConfiguration
    private let finishes: GroupCommit<Finish, Bool>

    /// Makes a store.
    /// - Parameters:
    ///   - database: The pool.
    ///   - configuration: Deadlines and limits.
    ///   - owner: Names this executor; a new one for each process.
    ///   - ownersAreMembers: Whether every executor that lives is a member of a group in ``GroupStore`` by that name:
    ///     the runs of one that is none are known to be lost before their time is over.
    package init(
        database: PostgresClient,
        configuration: StoreConfiguration,
        owner: String,
        ownersAreMembers: Bool = false
    ) {
        self.database = database
        self.owner = owner
        self.ownersAreMembers = ownersAreMembers
        self.configuration = configuration
        finishes = GroupCommit(
            configuration: configuration.commits(concurrency: 2)
        ) { finishes in
            do {
                return try await Self.write(finishes, to: database, owner, ownersAreMembers, configuration)
            } catch {
                return finishes.map { _ in .failure(error) }
            }
        }
    }

    /// Takes a request before it is run, for a tool that must not run twice.
    /// - Parameters:
    ///   - request: The request.
    ///   - tenantID: Its tenant.
    ///   - timeout: How long the run may take; after it a run without an end counts as interrupted.
    /// - Returns: Whether it may be run.
    /// - Throws: `PostgresError`.
    package func begin(_ request: ToolRequest, tenantID: String, timeout: Duration) async throws -> Permission {
        let results = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [
                (
                    ToolRunSQL.begin,
                    [
                        .text(tenantID), .text(request.eventID), .text(request.sessionID),
                        .text(orNull: request.turnID),
                        .text(request.toolName), .text(request.arguments.string), .text(owner),
                        .int(timeout.milliseconds),
                    ]
                ),
                (ToolRunSQL.state, [.text(tenantID), .text(request.eventID), .bool(ownersAreMembers)]),
            ]
        )
        if !results[0].rows.isEmpty { return .granted }
        guard let row = results[1].rows.first else {
            throw StoreError(code: .corrupt, message: "A tool run is neither new nor known.")
        }
        if try row.string("status") != "running" { return .finished }
        return try row.bool("is_lost") ? .interrupted : .running
    }

    /// Records the end of a run and queues its result.
    /// - Returns: Whether this end is the one that counts; false when another had been recorded before.
    package func finish(
        _ request: ToolRequest,
        tenantID: String,
        result: ToolResult,
        event: OutboxEvent
    ) async throws -> Bool {
        try await finishes.submit(Finish(request: request, tenantID: tenantID, result: result, event: event))
    }

    /// Makes a direct call durable: its row in the outbox is what an executor will be sent.
    /// - Parameters:
    ///   - event: The request.
    ///   - idempotency: The answer to keep, where the client named the call by a key of its own.
    /// - Throws: `PostgresError`, also when the key is taken.
    package func enqueue(_ event: OutboxEvent, idempotency: IdempotencyRecord? = nil) async throws {
        let request: [PostgresParameter] = [
            .text(event.tenantID), .text(event.eventID), .text(event.sessionID),
            .text(String(decoding: event.payload, as: UTF8.self)), .text(orNull: event.traceparent),
            .int(configuration.publishAfter.milliseconds),
        ]
        var statements = [(ToolRunSQL.request, request)]
        if let idempotency { statements.append(idempotency.statement) }
        _ = try await database.batch(settings: TenantScope.settings([event.tenantID]), statements)
    }

    /// The result of a run, for whoever asked directly.
    /// - Returns: The status and, once it has ended, the result; nil when no executor has taken the request.
    package func result(of eventID: String, tenantID: String) async throws -> ToolRunView? {
        let results = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [(ToolRunSQL.view, [.text(tenantID), .text(eventID)])]
        )
        return try results[0].rows.first.map { row in try ToolRunView(row: row) }
    }

    /// The calls that turns have waited for longer than they may.
    /// - Parameters:
    ///   - tenants: The tenants to look at.
    ///   - limits: How long each tool's answer may be waited for.
    ///   - otherwise: How long that of any other tool may be.
    ///   - limit: The most calls to return.
    /// - Returns: The calls, with what is known of their runs.
    /// - Throws: `PostgresError`.
    package func overdue(
        tenants: [String],
        limits: [String: Duration],
        otherwise: Duration,
        limit: Int
    ) async throws -> [OverdueTool] {
        if tenants.isEmpty { return [] }
        let names = limits.keys.sorted()
        let results = try await database.batch(
            settings: TenantScope.settings(tenants),
            [
                (
                    ToolRunSQL.overdue,
                    [
                        .textArray(tenants), .textArray(names),
                        .intArray(names.map { limits[$0]?.milliseconds }), .int(otherwise.milliseconds), .int(limit),
                    ]
                )
            ]
        )
        return try results[0].rows.map { row in try OverdueTool(row: row) }
    }

    /// Carries out what is submitted until the store is closed, then what still waits.
    package func run() async {
        await finishes.run()
    }

    /// Takes no more requests; ``run()`` returns after the last one.
    package func close() {
        finishes.close()
    }

    private static func write(
        _ finishes: [Finish],
        to database: PostgresClient,
        _ owner: String,
        _ ownersAreMembers: Bool,
        _ configuration: StoreConfiguration
    ) async throws -> [Result<Bool, any Error>] {
        let tenants = PostgresParameter.textArray(finishes.map(\.tenantID))
        let events = PostgresParameter.textArray(finishes.map(\.request.eventID))
        let results = try await database.batch(
            settings: TenantScope.settings(finishes.map(\.tenantID)),
            [
                (
                    ToolRunSQL.finish,
                    [
                        tenants, events, .textArray(finishes.map(\.request.sessionID)),
                        .textArray(finishes.map(\.request.turnID)), .textArray(finishes.map(\.request.toolName)),
                        .textArray(finishes.map(\.request.arguments.string)),
                        .textArray(finishes.map(\.result.status.rawValue)),
                        .textArray(finishes.map(\.result.payload.string)), .textArray(finishes.map(\.result.error)),
                        .textArray(finishes.map { String(decoding: $0.event.payload, as: UTF8.self) }),
                        .textArray(finishes.map(\.event.traceparent)), .text(owner),
                        .int(configuration.publishAfter.milliseconds), .bool(ownersAreMembers),
                    ]
                ),
                (
                    OutboxSQL.delete,
                    [tenants, .textArray(finishes.map { _ in Topic.toolRequests.rawValue }), events]
                ),
            ]
        )
        var counted = [Bool](repeating: false, count: finishes.count)
        for row in results[0].rows {
            counted[try row.int("n") - 1] = true
        }
        return counted.map { .success($0) }
    }
}
