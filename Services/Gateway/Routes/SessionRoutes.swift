import Domain
import HTTPServer
import JSON
import Store

/// What clients may look up about sessions and turns.
struct SessionRoutes: Sendable {
    let store: ReadStore

    /// The most events of a page.
    static let pageMax: Int64 = 500

    /// `GET /v1/sessions/{id}/events?after&before&limit&order`.
    func events(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let request = routed.request
        let sessionID = try routed.parameter("id")
        let order = request.query("order") ?? "desc"
        guard order == "desc" || order == "asc" else {
            throw Problem.invalid([(name: "order", reason: "must be desc (newest first) or asc")])
        }
        let limit = try request.queryInteger("limit", in: 1...Self.pageMax) ?? 50
        let page = HistoryPage(
            after: try request.queryInteger("after", in: 0...Int64.max),
            before: try request.queryInteger("before", in: 0...Int64.max),
            limit: Int(limit) + 1,
            isNewestFirst: order == "desc"
        )
        guard Identifier.isValid(sessionID),
            let found = try await store.events(of: sessionID, tenantID: routed.tenantID, page: page)
        else { throw Problem.unknown("session") }
        let events = found.prefix(Int(limit))
        var writer = JSONWriter(capacity: 4096)
        writer.beginObject()
        writer.member("session_id", sessionID)
        writer.key("events")
        writer.beginArray()
        for event in events {
            writer.value(event.json)
        }
        writer.endArray()
        writer.member("has_more", found.count > events.count)
        if found.count > events.count, let last = events.last {
            writer.member(page.isNewestFirst ? "next_before" : "next_after", Int(last.seq))
        }
        writer.endObject()
        return .json(writer.bytes)
    }

    /// `GET /v1/turns/{event_id}`.
    func turn(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let eventID = try routed.parameter("event_id")
        guard Identifier.isValid(eventID), let turn = try await store.turn(eventID, tenantID: routed.tenantID) else {
            throw Problem.unknown("turn")
        }
        return .json(turn.json)
    }
}
