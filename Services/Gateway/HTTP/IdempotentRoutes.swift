import HTTPServer
import JSON
import Observability
import OpenSSL
import Postgres
import Store
import Synchronization

/// Lets clients repeat a request: one with the header `Idempotency-Key` has one effect and one answer, however often it
/// comes (the IETF's draft "The Idempotency-Key HTTP Header Field").
///
/// ```swift
/// .init("POST", "/v1/things", idempotent.once(things.create))
///
/// func create(_ routed: RoutedRequest) async throws -> HTTPResponse {
///     let json = try await routed.jsonBody()
///     let answer: JSONValue = ["thing_id": .string(id)]
///     // The record's statement goes into the transaction of the effect, so that both are there or neither.
///     let record = routed.idempotency?.answered(StoredAnswer(status: 201, body: answer.serialized()))
///     try await store.insert(thing, idempotency: record)
///     return .json(answer, status: 201)
/// }
/// ```
///
/// A handler that commits no record is served too, less well: its answer is kept after it, so that a crash between its
/// effect and that lets the effect come twice.
struct IdempotentRoutes: Sendable {
    private let store: IdempotencyStore
    private let logger: Logger
    private let running = RunningKeys()

    /// Makes a wrapper; one for all routes.
    init(store: IdempotencyStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Wraps the handler of a route.
    func once(_ handler: @escaping Router.Handler) -> Router.Handler {
        { routed in
            guard let text = routed.request.header("idempotency-key") else { return try await handler(routed) }
            return try await answer(routed, key: text, handler)
        }
    }

    /// Carries out what a client named by a key, unless that was done before.
    /// - Parameters:
    ///   - request: The request.
    ///   - work: Carries it out.
    /// - Returns: The answer, and whether it is one of before.
    /// - Throws: `Problem` 409 while it is being carried out, 422 when the key belongs to another request; what `work`
    ///   throws.
    func once(
        _ request: IdempotentRequest,
        _ work: () async throws -> StoredAnswer
    ) async throws -> (answer: StoredAnswer, isRepeated: Bool) {
        guard running.insert(request.key) else { throw Self.inProgress }
        defer { running.remove(request.key) }
        if let answer = try await known(request) { return (answer, true) }
        do {
            let answer = try await work()
            if !request.isAnswered { await keep(request.answered(answer)) }
            return (answer, false)
        } catch  where IdempotencyStore.isTaken(error) {
            // Another gateway was faster, and the effect of this try is undone.
            guard let answer = try await known(request) else { throw Self.inProgress }
            return (answer, true)
        }
    }

    /// Keeps the final answer of a request whose record said that it would be open for a while.
    func settle(_ record: IdempotencyRecord) async {
        do {
            try await store.settle(record)
        } catch {
            // A repeat gets the first answer, which is right too, only older.
            logger.warning("an answer could not be settled", [.error: .error(error)])
        }
    }

    /// The request that a client named by a key.
    /// - Throws: `Problem` when the key may not be one.
    static func request(
        key text: String,
        tenantID: String,
        credentialID: String,
        parts: [[UInt8]]
    ) throws -> IdempotentRequest {
        guard IdempotentRequest.isValid(text) else {
            throw Problem(
                status: 400,
                code: "idempotency_key_invalid",
                detail: "An idempotency key is 1 to \(IdempotentRequest.keyCharactersMax) visible ASCII characters."
            )
        }
        return IdempotentRequest(
            key: .init(tenantID: tenantID, credentialID: credentialID, text: text),
            requestHash: Digest.sha256Hex(Array(parts.joined(separator: [0])))
        )
    }

    /// What names the session of a call that has none in its path: the same body to another session is another request.
    private static func sessionHeaders(of request: HTTPRequest) -> [[UInt8]] {
        ["x-session-id", "x-user-id"].compactMap { name in
            request.header(name).map { Array("\(name):\($0)".utf8) }
        }
    }

    private func answer(_ routed: RoutedRequest, key: String, _ handler: Router.Handler) async throws -> HTTPResponse {
        var routed = routed
        let http = routed.request
        let body = try await http.body.collect()
        let request = try Self.request(
            key: key,
            tenantID: routed.tenantID,
            credentialID: routed.credentialID,
            parts: [Array(http.method.utf8), Array(http.target.utf8), body] + Self.sessionHeaders(of: http)
        )
        routed.body = body
        routed.idempotency = request
        let call = routed
        do {
            let (answer, isRepeated) = try await once(request) {
                let response = try await handler(call)
                guard case .bytes(let bytes) = response.body, 200..<300 ~= response.status else {
                    throw NotKept(response: response)
                }
                let type = response.headers.first { $0.0.lowercased() == "content-type" }?.1
                return StoredAnswer(
                    status: response.status,
                    contentType: type ?? "application/octet-stream",
                    body: bytes
                )
            }
            var response = HTTPResponse(
                status: answer.status,
                headers: [("content-type", answer.contentType)],
                body: .bytes(answer.body)
            )
            if isRepeated { response.headers.append(("idempotency-replayed", "true")) }
            return response
        } catch let other as NotKept {
            return other.response
        }
    }

    private func known(_ request: IdempotentRequest) async throws -> StoredAnswer? {
        switch try await store.find(request) {
        case .nothing:
            return nil
        case .answer(let answer):
            return answer
        case .open:
            throw Self.inProgress
        case .otherRequest:
            throw Problem(
                status: 422,
                code: "idempotency_key_reused",
                detail: "The idempotency key belongs to another request: take a new key for each."
            )
        }
    }

    private func keep(_ record: IdempotencyRecord) async {
        do {
            try await store.save(record)
        } catch {
            logger.warning("an answer could not be kept", [.error: .error(error)])
        }
    }

    private static let inProgress = Problem(
        status: 409,
        code: "idempotency_in_progress",
        detail: "The request with this idempotency key is being carried out: ask again later.",
        retryAfterSeconds: 1
    )
}

/// An answer that is passed on and not kept: a refusal, or a stream.
private struct NotKept: Error {
    let response: HTTPResponse
}

/// The keys of the requests that this process is carrying out.
private final class RunningKeys: Sendable {
    private let keys = Mutex<Set<IdempotentRequest.Key>>([])

    func insert(_ key: IdempotentRequest.Key) -> Bool {
        keys.withLock { $0.insert(key).inserted }
    }

    func remove(_ key: IdempotentRequest.Key) {
        keys.withLock { _ = $0.remove(key) }
    }
}
