import Domain
package import Postgres

/// A message of a user on its way into the database.
package struct AcceptRequest: Sendable {
    /// The tenant, from the credential or the record's header.
    package var tenantID: String
    /// The conversation.
    package var sessionID: String
    /// The event's id, which becomes the turn's.
    package var eventID: String
    /// The persona that is spoken to.
    package var personaID: String?
    /// The text.
    package var message: String
    /// The attachments as JSON text.
    package var attachments: String?
    /// The metadata as JSON text.
    package var metadata: String?
    /// The whole event as JSON text, as it goes on the topic.
    package var payload: String
    /// The trace that the message belongs to.
    package var traceparent: String?
    /// The answer to keep, where the client named the request by a key of its own.
    package var idempotency: IdempotencyRecord?

    /// Makes a request.
    package init(
        tenantID: String,
        sessionID: String,
        eventID: String,
        personaID: String?,
        message: String,
        attachments: String?,
        metadata: String?,
        payload: String,
        traceparent: String?
    ) {
        self.tenantID = tenantID
        self.sessionID = sessionID
        self.eventID = eventID
        self.personaID = personaID
        self.message = message
        self.attachments = attachments
        self.metadata = metadata
        self.payload = payload
        self.traceparent = traceparent
    }
}

/// What became of a message.
package enum AcceptOutcome: Sendable, Equatable {
    /// It is committed, with this place in its session.
    case accepted(seq: Int64)
    /// It had been committed before.
    case duplicate
    /// The session has as many unfinished turns as it may have; nothing was written.
    case sessionFull
}

/// Where messages become durable: event, turn and outbox row in one transaction, shared by all messages that are ready
/// at the same moment.
package final class MessageStore: Sendable {
    private let commits: GroupCommit<AcceptRequest, AcceptOutcome>
    /// Requests with a key go by themselves: the others pay nothing for them, and a key that is taken ends no
    /// transaction of theirs.
    private let keyed: GroupCommit<AcceptRequest, AcceptOutcome>

    /// Makes a store.
    /// - Parameters:
    ///   - database: The pool.
    ///   - configuration: Limits and deadlines.
    ///   - mayRepeat: Whether a message can come twice, as one from a topic can. One that the gateway has just named
    ///     cannot, and saves a lock.
    package init(database: PostgresClient, configuration: StoreConfiguration, mayRepeat: Bool) {
        commits = GroupCommit(
            configuration: configuration.commits(concurrency: 1)
        ) { requests in
            await Self.write(requests, to: database, configuration, mayRepeat: mayRepeat)
        }
        keyed = GroupCommit(
            configuration: configuration.commits(concurrency: 1)
        ) { requests in
            await Self.write(requests, to: database, configuration, mayRepeat: mayRepeat)
        }
    }

    /// Commits a message, together with others.
    /// - Throws: `PostgresError`, also when too many wait already, or the request's idempotency key is taken.
    package func accept(_ request: AcceptRequest) async throws -> AcceptOutcome {
        try await (request.idempotency == nil ? commits : keyed).submit(request)
    }

    /// Carries out what is submitted until the store is closed, then what still waits.
    package func run() async {
        async let others: Void = keyed.run()
        await commits.run()
        await others
    }

    /// Takes no more requests; ``run()`` returns after the last one.
    package func close() {
        commits.close()
        keyed.close()
    }

    private static func write(
        _ requests: [AcceptRequest],
        to database: PostgresClient,
        _ configuration: StoreConfiguration,
        mayRepeat: Bool
    ) async -> [Result<AcceptOutcome, any Error>] {
        let outcomes: [Outcome]
        do {
            outcomes = try await attempt(requests, to: database, configuration, mayRepeat: mayRepeat)
        } catch {
            return requests.map { _ in .failure(error) }
        }
        var results: [Result<AcceptOutcome, any Error>] = []
        results.reserveCapacity(requests.count)
        for (request, outcome) in zip(requests, outcomes) {
            switch outcome {
            case .decided(let decision):
                results.append(.success(decision))
            case .fullTogether:
                // Together they were too many for the session; alone, some may still find room.
                do {
                    let alone = try await attempt([request], to: database, configuration, mayRepeat: mayRepeat)
                    results.append(.success(alone[0].decision))
                } catch {
                    results.append(.failure(error))
                }
            }
        }
        return results
    }

    private enum Outcome {
        case decided(AcceptOutcome)
        case fullTogether

        var decision: AcceptOutcome {
            switch self {
            case .decided(let outcome): outcome
            case .fullTogether: .sessionFull
            }
        }
    }

    private static func attempt(
        _ requests: [AcceptRequest],
        to database: PostgresClient,
        _ configuration: StoreConfiguration,
        mayRepeat: Bool
    ) async throws -> [Outcome] {
        let tenants = PostgresParameter.textArray(requests.map(\.tenantID))
        let sessions = PostgresParameter.textArray(requests.map(\.sessionID))
        let accept: [PostgresParameter] = [
            tenants, sessions,
            .textArray(requests.map(\.eventID)), .textArray(requests.map(\.personaID)),
            .textArray(requests.map(\.message)), .textArray(requests.map(\.attachments)),
            .textArray(requests.map(\.metadata)), .textArray(requests.map(\.payload)),
            .textArray(requests.map(\.traceparent)), .int(configuration.publishAfter.milliseconds),
            .int(configuration.openTurnsPerSessionMax),
        ]
        var statements: [(PostgresStatement, [PostgresParameter])] = []
        if mayRepeat { statements.append((AcceptSQL.lockSessions, [tenants, sessions])) }
        let acceptIndex = statements.count
        statements.append((mayRepeat ? AcceptSQL.acceptOnce : AcceptSQL.accept, accept))
        if requests.contains(where: { $0.idempotency != nil }) {
            statements.append((IdempotencySQL.insertAccepted, idempotency(of: requests)))
        }
        let results = try await database.batch(
            settings: TenantScope.settings(requests.map(\.tenantID)) + AcceptSQL.settings,
            statements
        )
        var outcomes = [Outcome](repeating: .decided(.duplicate), count: requests.count)
        for row in results[acceptIndex].rows {
            let index = try row.int("n") - 1
            if let seq = try row.int64OrNil("seq") {
                outcomes[index] = .decided(.accepted(seq: seq))
            } else {
                outcomes[index] = try row.int("added") > 1 ? .fullTogether : .decided(.sessionFull)
            }
        }
        return outcomes
    }

    private static func idempotency(of requests: [AcceptRequest]) -> [PostgresParameter] {
        let records = requests.map(\.idempotency)
        return [
            .textArray(requests.map(\.tenantID)), .textArray(requests.map(\.sessionID)),
            .textArray(requests.map(\.eventID)), .textArray(records.map { $0?.request.key.credentialID }),
            .textArray(records.map { $0?.request.key.text }), .textArray(records.map { $0?.request.requestHash }),
            .intArray(records.map { $0.map { Int64($0.answer.status) } }),
            .textArray(records.map { $0?.answer.contentType }),
            .textArray(records.map { $0.map { String(decoding: $0.answer.body, as: UTF8.self) } }),
        ]
    }
}

extension Duration {
    /// Whole milliseconds, rounded toward zero.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
