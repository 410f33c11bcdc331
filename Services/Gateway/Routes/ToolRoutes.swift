import Domain
import HTTPServer
import JSON
import ServiceKit
import Store
import Tools

/// The tool registry, and direct calls of tools.
struct ToolRoutes: Sendable {
    let registry: ToolRegistry
    let runs: ToolRunStore
    let publisher: OutboxPublisher
    let idempotent: IdempotentRoutes

    /// How long a client may wait for a result in the same request, in seconds.
    static let waitSecondsMax: Int64 = 30

    /// How much longer than the wait a request counts as being carried out: if the gateway is lost meanwhile, a repeat
    /// gets the answer `accepted` after that.
    private static let waitSlack = Duration.seconds(2)

    /// `GET /v1/tools`.
    func list(_ routed: RoutedRequest) async throws -> HTTPResponse {
        .json(["tools": .array(registry.definitions.map(\.json))])
    }

    /// `POST /v1/tool/request?wait`.
    func request(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let wait = try routed.request.queryInteger("wait", in: 0...Self.waitSecondsMax) ?? 0
        let call = try read(try await routed.jsonBody(), tenantID: routed.tenantID)
        let event = OutboxEvent(
            tenantID: routed.tenantID,
            topic: .toolRequests,
            eventID: call.eventID,
            sessionID: call.sessionID,
            payload: call.serialized(),
            traceparent: routed.traceparent
        )
        guard event.payload.count <= EventLimits.bytesMax else { throw Problem.tooLarge }
        do {
            _ = try EventSchema.toolRequest.parse(event.payload)
        } catch {
            throw Problem(status: 422, code: "invalid_request", detail: error.reason)
        }
        let accepted: JSONValue = [
            "session_id": .string(call.sessionID), "event_id": .string(call.eventID),
            "tool_name": .string(call.toolName), "status": "accepted",
        ]
        try await runs.enqueue(
            event,
            idempotency: routed.idempotency?.answered(
                StoredAnswer(body: accepted.serialized()),
                openFor: wait > 0 ? .seconds(wait) + Self.waitSlack : nil
            )
        )
        publisher.enqueue([event])
        if wait == 0 { return .json(accepted) }
        let answer = try await result(of: call, routed.tenantID, within: .seconds(wait))?.json ?? accepted
        if let request = routed.idempotency {
            await idempotent.settle(request.answered(StoredAnswer(body: answer.serialized())))
        }
        return .json(answer)
    }

    /// `GET /v1/tool/runs/{event_id}`.
    func run(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let eventID = try routed.parameter("event_id")
        guard Identifier.isValid(eventID),
            let view = try await runs.result(of: eventID, tenantID: routed.tenantID)
        else { throw Problem.unknown("tool run; it may not have been taken yet") }
        return .json(view.json)
    }

    private func read(_ json: JSONValue, tenantID: String) throws -> ToolRequest {
        guard let object = json.objectValue else {
            throw Problem.invalid([(name: "body", reason: "must be a JSON object")])
        }
        var problems: [(name: String, reason: String)] = []
        let names: Set<String> = ["session_id", "persona_id", "tool_name", "args", "metadata"]
        for member in object where !names.contains(member.key) {
            problems.append((name: String(member.key.prefix(64)), reason: "is not a member of a tool request"))
        }
        let name = object["tool_name"]?.stringValue
        if name == nil { problems.append((name: "tool_name", reason: "is required and must be a string")) }
        let arguments = object["args"] ?? [:]
        if arguments.objectValue == nil { problems.append((name: "args", reason: "must be an object")) }
        for key in ["session_id", "persona_id"] {
            guard let value = object[key], !value.isNull else { continue }
            if !(value.stringValue.map(Identifier.isValid) ?? false) {
                problems.append((name: key, reason: "must be 1 to 128 characters out of A-Z a-z 0-9 . _ : -"))
            }
        }
        if let metadata = object["metadata"], metadata.objectValue == nil {
            problems.append((name: "metadata", reason: "must be an object"))
        }
        if problems.isEmpty, let name {
            guard registry.definition(name) != nil else { throw Problem.unknown("tool") }
            do {
                try registry.validate(arguments, for: name)
            } catch {
                problems.append((name: "args", reason: error.description))
            }
        }
        guard problems.isEmpty, let name else { throw Problem.invalid(problems) }
        var call = ToolRequest(
            eventID: Identifier.make(),
            sessionID: object["session_id"]?.stringValue ?? Identifier.make(),
            toolName: name,
            arguments: arguments
        )
        call.personaID = object["persona_id"]?.stringValue
        call.metadata = object["metadata"]
        call.tenantID = tenantID
        return call
    }

    private func result(of call: ToolRequest, _ tenantID: String, within limit: Duration) async throws -> ToolRunView? {
        let deadline = ContinuousClock.now + limit
        var pause = Duration.milliseconds(5)
        while .now < deadline {
            if let view = try await runs.result(of: call.eventID, tenantID: tenantID), view.isFinished { return view }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(100))
        }
        return nil
    }
}
