package import Domain
package import JSON
package import Postgres

/// The durable life of turns: claim, journal, rest while tools run, go on, end.
///
/// Every write of many turns that is ready at the same moment shares one transaction.
package final class TurnStore: Sendable {
    /// An event of the inbound topic that asks for its session to be worked on.
    package struct Claim: Sendable {
        /// The session and the turn that the event names.
        package var key: TurnKey

        /// Makes a claim.
        package init(key: TurnKey) {
            self.key = key
        }
    }

    /// What came of a claim.
    package struct ClaimOutcome: Sendable {
        /// The turn that is ours now: the session's first unfinished one, which need not be the one named.
        package var turn: ClaimedTurn?
        /// Whether the named turn is in the database at all.
        package var isKnown: Bool
    }

    /// An answer of a tool.
    package struct ToolAnswer: Sendable {
        /// The turn that asked.
        package var key: TurnKey
        /// The request's event_id.
        package var eventID: String
        /// The result as JSON.
        package var response: JSONValue

        /// Makes an answer.
        package init(key: TurnKey, eventID: String, response: JSONValue) {
            self.key = key
            self.eventID = eventID
            self.response = response
        }
    }

    /// What came of an answer.
    package struct AnswerOutcome: Sendable {
        /// Where the answer stands in the turn's stream; nil when it had been recorded before.
        package var resultIndex: Int64?
        /// The turn's place in its session; nil when the answer had been recorded before.
        package var turnSeq: Int64?
        /// The turn, if this was the last answer it waited for: it is ours and goes on.
        package var turn: ClaimedTurn?
    }

    /// What came of the end of a turn.
    package struct CompletionOutcome: Sendable {
        /// Whether the lease was gone: nothing was written, somebody else has the turn or has ended it.
        package var isFenced: Bool
        /// The session's next turn, which is ours now.
        package var next: ClaimedTurn?
    }

    /// Names this worker in leases.
    package let owner: String
    private let database: PostgresClient
    private let configuration: StoreConfiguration
    private let claims: GroupCommit<Claim, ClaimOutcome>
    private let suspensions: GroupCommit<TurnWrite, Void>
    private let answers: GroupCommit<ToolAnswer, AnswerOutcome>
    private let completions: GroupCommit<TurnCompletion, CompletionOutcome>

    /// Makes a store.
    /// - Parameters:
    ///   - database: The pool.
    ///   - configuration: Leases, deadlines and limits.
    ///   - owner: Names this worker in leases; a new one for each process.
    package init(database: PostgresClient, configuration: StoreConfiguration, owner: String) {
        self.database = database
        self.configuration = configuration
        self.owner = owner
        let batches = TurnBatches(database: database, configuration: configuration, owner: owner)
        claims = GroupCommit(configuration: configuration.commits(concurrency: 2)) { requests in
            await batches.results(of: requests, from: batches.claim)
        }
        suspensions = GroupCommit(configuration: configuration.commits(concurrency: 2)) { requests in
            await batches.results(of: requests, from: batches.suspend)
        }
        answers = GroupCommit(configuration: configuration.commits(concurrency: 2)) { requests in
            await batches.results(of: requests, from: batches.record)
        }
        completions = GroupCommit(configuration: configuration.commits(concurrency: 2)) { requests in
            await batches.results(of: requests, from: batches.complete)
        }
    }

    /// Takes the first unfinished turn of a session, if nobody works on it.
    package func claim(_ key: TurnKey) async throws -> ClaimOutcome {
        try await claims.submit(Claim(key: key))
    }

    /// Puts a turn to rest until its tools have answered: its pending steps and their requests are durable afterwards.
    /// - Throws: `StoreError` of code `fenced` when the lease is gone.
    package func suspend(_ write: TurnWrite) async throws {
        try await suspensions.submit(write)
    }

    /// Writes the journal of a turn that goes on at once: steps without one that is pending are durable afterwards.
    ///
    /// It may be repeated when nobody knows whether it was done.
    /// - Throws: `StoreError` of code `fenced` when the lease is gone.
    package func keep(_ write: TurnWrite) async throws {
        precondition(write.steps.allSatisfy(\.isDone), "a turn with pending steps rests until they are done")
        try await suspensions.submit(write)
    }

    /// Records an answer of a tool.
    package func record(_ answer: ToolAnswer) async throws -> AnswerOutcome {
        try await answers.submit(answer)
    }

    /// Ends a turn: its last event, its charge and its outbox rows are durable afterwards.
    package func complete(_ completion: TurnCompletion) async throws -> CompletionOutcome {
        try await completions.submit(completion)
    }

    /// Begins another attempt at a turn under the same lease: text that clients have seen is void.
    ///
    /// The number is durable before anything of the attempt is shown, so that a successor never takes it again.
    /// - Returns: The turn with its new attempt.
    /// - Throws: `StoreError` of code `fenced` when the lease is gone; `PostgresError`.
    package func restart(_ turn: ClaimedTurn) async throws -> ClaimedTurn {
        let key = turn.key
        let results = try await database.batch(
            settings: TenantScope.settings([key.tenantID]),
            [(TurnSQL.restart, [.text(key.tenantID), .text(key.turnID), .text(key.sessionID), .int(turn.epoch)])]
        )
        guard let row = results[0].rows.first else { throw StoreError.fenced }
        return turn.restarted(attempt: try row.int("attempt"))
    }

    /// What came of a heartbeat.
    package struct HeartbeatOutcome: Sendable {
        /// The turns whose leases were prolonged; one that is being written just now is missing.
        package var held: Set<TurnKey> = []
        /// The turns that another worker has by now.
        package var lost: [ClaimedTurn] = []
    }

    /// Prolongs the leases of turns, and says which are lost.
    package func heartbeat(_ turns: [ClaimedTurn]) async throws -> HeartbeatOutcome {
        if turns.isEmpty { return HeartbeatOutcome() }
        let owners = TurnParameters.owners(turns)
        let results = try await database.batch(
            settings: TenantScope.settings(turns.map(\.key.tenantID)),
            [
                (TurnSQL.heartbeat, owners + [.text(owner), .int(configuration.leaseDuration.milliseconds)]),
                (TurnSQL.lost, owners),
            ]
        )
        return HeartbeatOutcome(
            held: Set(try results[0].rows.map(TurnBatches.key(of:))),
            lost: try results[1].rows.map { row in turns[try row.int("n") - 1] }
        )
    }

    /// Gives up turns that this worker will not end, so that another can take them over at once.
    /// - Returns: Those that were still ours.
    @discardableResult
    package func release(_ turns: [ClaimedTurn]) async throws -> Set<TurnKey> {
        if turns.isEmpty { return [] }
        let results = try await database.batch(
            settings: TenantScope.settings(turns.map(\.key.tenantID)),
            [(TurnSQL.release, TurnParameters.owners(turns) + [.text(owner)])]
        )
        return Set(try results[0].rows.map(TurnBatches.key(of:)))
    }

    /// Sessions whose first unfinished turn nobody works on.
    ///
    /// One that was accepted counts from when its event should have been published: a turn needs no event to run, and
    /// ``StoreConfiguration/republishAfter`` may be far longer than a user waits.
    /// - Parameters:
    ///   - tenants: The tenants to look at.
    ///   - limit: The most sessions to return.
    /// - Returns: Their keys, without a turn.
    /// - Throws: `PostgresError`.
    package func abandonedSessions(tenants: [String], limit: Int) async throws -> [TurnKey] {
        if tenants.isEmpty { return [] }
        let results = try await database.batch(
            settings: TenantScope.settings(tenants),
            [
                (
                    TurnSQL.abandoned,
                    [.textArray(tenants), .int(configuration.publishAfter.milliseconds), .int(limit)]
                )
            ]
        )
        return try results[0].rows.map { row in
            TurnKey(tenantID: try row.string("tenant_id"), sessionID: try row.string("session_id"), turnID: "")
        }
    }

    /// How often a turn has rested for tools; while it does not rest, it was taken up again as often.
    ///
    /// Its epoch without these is how often it was claimed. Reads no request or answer of the journal.
    package func restCount(of key: TurnKey) async throws -> Int {
        let results = try await database.batch(
            settings: TenantScope.settings([key.tenantID]),
            [(TurnSQL.rests, [.text(key.tenantID), .text(key.turnID), .text(key.sessionID)])]
        )
        return try results[0].rows.first?.int("rests") ?? 0
    }

    /// The journal of a turn, in order.
    package func journal(of key: TurnKey) async throws -> [TurnStep] {
        let results = try await database.batch(
            settings: TenantScope.settings([key.tenantID]),
            [(TurnSQL.journal, [.text(key.tenantID), .text(key.turnID), .text(key.sessionID)])]
        )
        return try results[0].rows.map { row in try TurnStep(row: row) }
    }

    /// The newest messages of a session before a turn, oldest first.
    /// - Parameters:
    ///   - key: The turn.
    ///   - seq: The turn's place.
    ///   - limit: The most messages to return.
    /// - Returns: The messages that were found.
    /// - Throws: `PostgresError`.
    package func history(before key: TurnKey, seq: Int64, limit: Int) async throws -> [HistoryMessage] {
        let results = try await database.batch(
            settings: TenantScope.settings([key.tenantID]),
            [(TurnSQL.history, [.text(key.tenantID), .text(key.sessionID), .int(seq), .int(limit)])]
        )
        return try results[0].rows.map { row in
            HistoryMessage(role: Role(rawValue: try row.string("role")) ?? .user, text: try row.string("message"))
        }
    }

    /// Carries out what is submitted until the store is closed, then what still waits.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.claims.run() }
            group.addTask { await self.suspensions.run() }
            group.addTask { await self.answers.run() }
            group.addTask { await self.completions.run() }
        }
    }

    /// Takes no more requests; ``run()`` returns after the last one.
    package func close() {
        claims.close()
        suspensions.close()
        answers.close()
        completions.close()
    }
}

/// One message of a session's history, as a model sees it.
package struct HistoryMessage: Sendable, Equatable {
    /// Who said it.
    package let role: Role
    /// The text.
    package let text: String

    /// Makes a message.
    package init(role: Role, text: String) {
        self.role = role
        self.text = text
    }
}
