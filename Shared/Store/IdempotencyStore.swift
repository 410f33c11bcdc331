package import Postgres
import Synchronization

/// An answer as it is kept for a request that may come again.
package struct StoredAnswer: Sendable, Equatable {
    /// The HTTP status.
    package let status: Int
    /// The media type of the body.
    package let contentType: String
    /// The body.
    package let body: [UInt8]

    /// Makes an answer.
    package init(status: Int = 200, contentType: String = "application/json", body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }
}

/// A request that came with a key of the client's (the header `Idempotency-Key`): however often it comes, it has one
/// effect and one answer.
///
/// Whoever carries it out commits ``answered(_:openFor:)`` in the same transaction as the effect.
package final class IdempotentRequest: Sendable {
    /// Names a key: keys of different API keys never meet.
    package struct Key: Sendable, Hashable {
        /// The tenant.
        package let tenantID: String
        /// The public id of the API key.
        package let credentialID: String
        /// What the client sent.
        package let text: String

        /// Makes a name.
        package init(tenantID: String, credentialID: String, text: String) {
            self.tenantID = tenantID
            self.credentialID = credentialID
            self.text = text
        }
    }

    /// The most characters of a client's key; each is visible ASCII.
    package static let keyCharactersMax = 255

    /// The key.
    package let key: Key
    /// SHA-256 of everything that makes it this request and no other, in 64 hexadecimal digits.
    package let requestHash: String
    private let answers = Atomic(0)

    /// Makes a request.
    package init(key: Key, requestHash: String) {
        self.key = key
        self.requestHash = requestHash
    }

    /// Whether `text` may be a client's key.
    package static func isValid(_ text: String) -> Bool {
        (1...keyCharactersMax).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    /// Whether somebody has taken the commit of the answer on.
    package var isAnswered: Bool { answers.load(ordering: .relaxed) > 0 }

    /// What to commit in the transaction of the effect.
    /// - Parameters:
    ///   - answer: What the client gets, now and whenever it asks again.
    ///   - openFor: For how long the request may go on after the commit, where its answer can still change; the client
    ///     is told to wait meanwhile.
    /// - Returns: The row to write.
    package func answered(_ answer: StoredAnswer, openFor: Duration? = nil) -> IdempotencyRecord {
        answers.add(1, ordering: .relaxed)
        return IdempotencyRecord(request: self, answer: answer, openFor: openFor)
    }
}

/// The row that keeps a request's answer.
package struct IdempotencyRecord: Sendable {
    let request: IdempotentRequest
    let answer: StoredAnswer
    let openFor: Duration?

    /// Writes the row; belongs into the transaction of the effect, whose tenant must be the request's.
    ///
    /// Fails when the key has been used meanwhile, and with it the transaction: ``IdempotencyStore/isTaken(_:)`` tells.
    package var statement: (PostgresStatement, [PostgresParameter]) { (IdempotencySQL.insert, insertion) }

    var insertion: [PostgresParameter] { row + [.int(orNull: openFor?.milliseconds)] }

    var row: [PostgresParameter] {
        [
            .text(request.key.tenantID), .text(request.key.credentialID), .text(request.key.text),
            .text(request.requestHash), .int(answer.status), .text(answer.contentType), .bytes(answer.body),
        ]
    }
}

/// The answers of requests that came with a key.
package final class IdempotencyStore: Sendable {
    /// What is known of a request.
    package enum Found: Sendable, Equatable {
        /// Nothing: it is to be carried out.
        case nothing
        /// It was carried out, and got this answer.
        case answer(StoredAnswer)
        /// It is being carried out.
        case open
        /// The key belongs to another request.
        case otherRequest
    }

    private let database: PostgresClient
    private let configuration: StoreConfiguration

    /// Makes a store.
    package init(database: PostgresClient, configuration: StoreConfiguration) {
        self.database = database
        self.configuration = configuration
    }

    /// Whether a transaction failed because the key of one of its requests had been used.
    package static func isTaken(_ error: any Error) -> Bool {
        (error as? PostgresError)?.constraint == "idempotency_keys_pkey"
    }

    /// Looks a request up.
    package func find(_ request: IdempotentRequest) async throws -> Found {
        let key: [PostgresParameter] = [
            .text(request.key.tenantID), .text(request.key.credentialID), .text(request.key.text),
        ]
        let results = try await database.batch(
            settings: TenantScope.settings([request.key.tenantID]),
            [
                (IdempotencySQL.expire, key + [.int(configuration.idempotencyRetention.milliseconds)]),
                (IdempotencySQL.find, key),
            ]
        )
        guard let row = results[1].rows.first else { return .nothing }
        if try row.string("request_hash") != request.requestHash { return .otherRequest }
        if try row.bool("is_open") { return .open }
        return .answer(
            StoredAnswer(
                status: try row.int("status"),
                contentType: try row.string("content_type"),
                body: try row.bytes("body")
            )
        )
    }

    /// Keeps an answer whose effect was committed before: a crash between the two lets the request run twice.
    package func save(_ record: IdempotencyRecord) async throws {
        try await run(IdempotencySQL.insertIfFree, record.insertion, record)
    }

    /// Replaces the answer that was committed with the effect by the final one.
    package func settle(_ record: IdempotencyRecord) async throws {
        try await run(IdempotencySQL.settle, record.row, record)
    }

    private func run(
        _ statement: PostgresStatement,
        _ parameters: [PostgresParameter],
        _ record: IdempotencyRecord
    ) async throws {
        _ = try await database.batch(
            settings: TenantScope.settings([record.request.key.tenantID]),
            [(statement, parameters)]
        )
    }
}
