import Domain
import EventBus
import HTTPServer
import JSON
import Observability
import ServiceKit
import Store

/// The dead letters of a tenant, for its operators: the scope `admin` is needed.
struct DeadLetterRoutes: Sendable {
    let letters: DeadLetterStore
    let redriver: DeadLetterRedriver
    let logger: Logger

    /// The most dead letters of a page.
    static let pageMax = Int64(DeadLetterStore.pageMax)

    /// The routes.
    func table(_ idempotent: IdempotentRoutes) -> [Router.Route] {
        [
            .init("GET", "/v1/admin/dlq", scope: .admin, list),
            .init("GET", "/v1/admin/dlq/{id}", scope: .admin, show),
            .init("POST", "/v1/admin/dlq/{id}/redrive", scope: .admin, idempotent.once(redrive)),
            .init("DELETE", "/v1/admin/dlq/{id}", scope: .admin, remove),
        ]
    }

    /// `GET /v1/admin/dlq?topic&reason&before&limit`.
    func list(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let request = routed.request
        let limit = try request.queryInteger("limit", in: 1...Self.pageMax) ?? 50
        let before = try request.queryInteger("before", in: 0...Int64.max)
        let filter = DeadLetterFilter(
            tenantID: routed.tenantID,
            topic: try choice("topic", of: request, among: Topic.allCases.map(\.rawValue)),
            reason: try choice("reason", of: request, among: DeadLetterReason.allCases.map(\.rawValue))
        )
        let found = try await letters.page(filter, before: before, limit: Int(limit) + 1)
        let page = found.prefix(Int(limit))
        var object: JSONObject = [:]
        object.set("dead_letters", .array(page.map { .object($0.json) }))
        object.set("has_more", .bool(found.count > page.count))
        if found.count > page.count, let last = page.last { object.set("next_before", .int(Int(last.id))) }
        return .json(.object(object))
    }

    /// `GET /v1/admin/dlq/{id}`.
    func show(_ routed: RoutedRequest) async throws -> HTTPResponse {
        guard let letter = try await letters.letter(try id(routed), tenantID: routed.tenantID) else {
            throw Self.unknown
        }
        return .json(letter.json)
    }

    /// `POST /v1/admin/dlq/{id}/redrive`.
    func redrive(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let id = try id(routed)
        do {
            let letter = try await redriver.redrive(id, tenantID: routed.tenantID) { letter in
                routed.idempotency?.answered(StoredAnswer(body: Self.redriven(letter).serialized()))
            }
            guard let letter else { throw Self.unknown }
            note("a dead letter was sent again", routed, id)
            return .json(Self.redriven(letter))
        } catch let error as BusError {
            logger.warning("a dead letter could not be sent again", [.error: .error(error)])
            throw Problem.unavailable("The broker did not take the record; it stays a dead letter. Try again later.")
        }
    }

    /// `DELETE /v1/admin/dlq/{id}`.
    func remove(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let id = try id(routed)
        guard try await letters.remove(id, tenantID: routed.tenantID) else { throw Self.unknown }
        note("a dead letter was removed", routed, id)
        return HTTPResponse(status: 204)
    }

    private static let unknown = Problem.unknown("dead letter")

    private static func redriven(_ letter: DeadLetter) -> JSONValue {
        ["id": .int(Int(letter.id)), "topic": .string(letter.topic), "status": "redriven"]
    }

    private func id(_ routed: RoutedRequest) throws -> Int64 {
        guard let id = Int64(try routed.parameter("id")) else { throw Self.unknown }
        return id
    }

    private func choice(_ name: String, of request: HTTPRequest, among known: [String]) throws -> String? {
        guard let text = request.query(name) else { return nil }
        guard known.contains(text) else {
            throw Problem.invalid([(name: name, reason: "must be one of \(known.joined(separator: ", "))")])
        }
        return text
    }

    /// Who did what to which dead letter, for whoever asks later.
    private func note(_ message: StaticString, _ routed: RoutedRequest, _ id: Int64) {
        logger.info(
            message,
            [.deadLetter: .integer(id), .tenantID: .string(routed.tenantID), .keyID: .string(routed.credentialID)]
        )
    }
}

extension LogKey {
    static let deadLetter = LogKey("dead_letter_id")
    static let keyID = LogKey("key_id")
}
