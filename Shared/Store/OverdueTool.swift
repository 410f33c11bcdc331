package import Domain
import JSON
import Postgres

/// A call of a tool that its turn has waited for longer than it may: the request or the result was lost on the way, or
/// no executor is there.
package struct OverdueTool: Sendable {
    /// How the call's run stands.
    package enum Run: Sendable, Equatable {
        /// No executor has taken it, as far as is recorded; an idempotent tool is recorded at its end only.
        case unknown
        /// An executor is at it and has time left.
        case running
        /// An executor had it and is lost.
        case lost
        /// It has ended, but the turn was not told.
        case ended(ToolResult)
    }

    /// What is to be done about it.
    package enum Decision: Sendable, Equatable {
        /// Look again later.
        case wait
        /// End the run with this, unless it ends by itself before.
        case giveUp(ToolResult)
        /// Tell the turn again what came of it.
        case tell(ToolResult)
    }

    /// The turn that waits.
    package let key: TurnKey
    /// What it asked for.
    package let request: ToolRequest
    /// The trace that it belongs to.
    package let traceparent: String?
    /// How the run stands.
    package let run: Run

    /// Makes a call; outside tests only the store does.
    package init(key: TurnKey, request: ToolRequest, traceparent: String? = nil, run: Run) {
        self.key = key
        self.request = request
        self.traceparent = traceparent
        self.run = run
    }

    /// What is to be done.
    package var decision: Decision {
        switch run {
        case .unknown:
            .giveUp(failure(.timeout, "No executor answered in time."))
        case .running:
            .wait
        case .lost:
            .giveUp(failure(.interrupted, "The run was cut off and is not repeated: it may have had its effect."))
        case .ended(let result):
            .tell(result)
        }
    }

    private func failure(_ status: ToolStatus, _ reason: String) -> ToolResult {
        ToolResult(to: request, status: status, payload: [:], error: reason)
    }

    init(row: PostgresRow) throws {
        key = TurnKey(
            tenantID: try row.string("tenant_id"),
            sessionID: try row.string("session_id"),
            turnID: try row.string("turn_id")
        )
        guard let bytes = try row.jsonOrNil("request") else {
            throw StoreError(code: .corrupt, message: "A call of a tool has no request.")
        }
        request = try ToolRequest(json: JSONValue.parse(bytes))
        traceparent = try row.stringOrNil("traceparent")
        switch try row.stringOrNil("status") {
        case nil:
            run = .unknown
        case "running":
            run = try row.bool("is_lost") ? .lost : .running
        case let name?:
            guard let status = ToolStatus(rawValue: name) else {
                throw StoreError(code: .corrupt, message: "tool_runs has the unknown status \(name)")
            }
            let payload = try row.jsonOrNil("payload").map { bytes in try JSONValue.parse(bytes) }
            var result = ToolResult(to: request, status: status, payload: payload ?? [:])
            result.error = try row.stringOrNil("error")
            result.executionTime = try row.doubleOrNil("seconds")
            result.tenantID = key.tenantID
            run = .ended(result)
        }
    }
}
