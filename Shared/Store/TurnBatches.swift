import Domain
import JSON
import Postgres

/// The transactions behind ``TurnStore``: each takes many requests of one kind.
struct TurnBatches: Sendable {
    let database: PostgresClient
    let configuration: StoreConfiguration
    let owner: String

    private var leaseMilliseconds: PostgresParameter { .int(configuration.leaseDuration.milliseconds) }

    /// Runs a batch; a failure of the transaction is a failure of every request in it.
    func results<Request, Response>(
        of requests: [Request],
        from batch: ([Request]) async throws -> [Result<Response, any Error>]
    ) async -> [Result<Response, any Error>] {
        do {
            return try await batch(requests)
        } catch {
            return requests.map { _ in .failure(error) }
        }
    }

    /// Takes turns.
    func claim(_ claims: [TurnStore.Claim]) async throws -> [Result<TurnStore.ClaimOutcome, any Error>] {
        let tenants = PostgresParameter.textArray(claims.map(\.key.tenantID))
        let sessions = PostgresParameter.textArray(claims.map(\.key.sessionID))
        let results = try await database.batch(
            settings: TenantScope.settings(claims.map(\.key.tenantID)),
            [
                (AcceptSQL.lockSessions, [tenants, sessions]),
                (TurnSQL.claim, [tenants, sessions, .text(owner), leaseMilliseconds]),
                (TurnSQL.known, [tenants, sessions, .textArray(claims.map(\.key.turnID))]),
                (TurnSQL.forgetInbound, [tenants, sessions, .textArray(claims.map(\.key.turnID))]),
            ]
        )
        var claimed = try bySession(results[1])
        var known = [Bool](repeating: false, count: claims.count)
        for row in results[2].rows {
            known[try row.int("n") - 1] = try !row.isNull("status")
        }
        return zip(claims, known).map { claim, isKnown in
            // Two claims of one session in a batch: the first gets the turn.
            let turn = claimed.removeValue(forKey: SessionKey(claim.key))
            return .success(TurnStore.ClaimOutcome(turn: turn, isKnown: isKnown))
        }
    }

    /// Puts turns to rest.
    func suspend(_ writes: [TurnWrite]) async throws -> [Result<Void, any Error>] {
        // The writes come before the change of status that they are guarded by: a repeat after a commit whose answer
        // was lost finds the turn changed, and writes nothing twice.
        var statements = [lock(writes)]
        appendWrites(writes, to: &statements)
        statements.append((TurnSQL.suspend, TurnParameters.suspend(writes)))
        let results = try await database.batch(
            settings: TenantScope.settings(writes.map(\.turn.key.tenantID)),
            statements
        )
        let kept = Set(try results[results.count - 1].rows.map(Self.key(of:)))
        return writes.map { kept.contains($0.turn.key) ? .success(()) : .failure(StoreError.fenced) }
    }

    /// Records answers of tools.
    func record(_ answers: [TurnStore.ToolAnswer]) async throws -> [Result<TurnStore.AnswerOutcome, any Error>] {
        let tenants = PostgresParameter.textArray(answers.map(\.key.tenantID))
        let sessions = PostgresParameter.textArray(answers.map(\.key.sessionID))
        let turns = PostgresParameter.textArray(answers.map(\.key.turnID))
        let events = PostgresParameter.textArray(answers.map(\.eventID))
        let results = try await database.batch(
            settings: TenantScope.settings(answers.map(\.key.tenantID)),
            [
                (TurnSQL.lockTurns, [tenants, sessions, turns]),
                (
                    TurnSQL.recordResults,
                    [
                        tenants, sessions, turns, events, .textArray(answers.map { $0.response.string }),
                        .text(owner), leaseMilliseconds,
                    ]
                ),
                (
                    OutboxSQL.delete,
                    [tenants, .textArray(answers.map { _ in Topic.toolResults.rawValue }), events]
                ),
            ]
        )
        var outcomes = answers.map { _ in TurnStore.AnswerOutcome() }
        var taken: Set<TurnKey> = []
        for row in results[1].rows {
            let index = try row.int("n") - 1
            let turn = try ClaimedTurn(row: row, isResumed: true)
            outcomes[index].resultIndex = try row.int64("result_index")
            outcomes[index].turnSeq = turn.seq
            // Of several answers to one turn in this batch, one takes it up.
            if try row.string("status") == "running", taken.insert(turn.key).inserted {
                outcomes[index].turn = turn
            }
        }
        return outcomes.map { .success($0) }
    }

    /// Ends turns, and takes the next ones of their sessions.
    func complete(_ completions: [TurnCompletion]) async throws -> [Result<TurnStore.CompletionOutcome, any Error>] {
        let writes = completions.map(\.write)
        let keys = writes.map(\.turn.key)
        var statements: [(PostgresStatement, [PostgresParameter])] = [
            (
                AcceptSQL.lockSessions,
                [.textArray(keys.map(\.tenantID)), .textArray(keys.map(\.sessionID))]
            ),
            lock(writes),
        ]
        appendWrites(writes, to: &statements)
        if writes.contains(where: { $0.usage.totalTokens > 0 }) {
            statements.append((TurnSQL.charge, TurnParameters.charge(writes)))
        }
        let completing = statements.count
        statements.append((TurnSQL.complete, TurnParameters.complete(completions)))
        let following = completions.filter(\.claimsNext).map(\.write.turn.key)
        if !following.isEmpty {
            statements.append(
                (
                    TurnSQL.claim,
                    [
                        .textArray(following.map(\.tenantID)), .textArray(following.map(\.sessionID)),
                        .text(owner), leaseMilliseconds,
                    ]
                )
            )
        }
        let results = try await database.batch(settings: TenantScope.settings(keys.map(\.tenantID)), statements)
        let ended = Set(try results[completing].rows.map(Self.key(of:)))
        var next = following.isEmpty ? [:] : try bySession(results[results.count - 1])
        return keys.map { key in
            .success(
                TurnStore.CompletionOutcome(
                    isFenced: !ended.contains(key),
                    next: next.removeValue(forKey: SessionKey(key))
                )
            )
        }
    }

    /// Reads the three names of a turn.
    static func key(of row: PostgresRow) throws -> TurnKey {
        TurnKey(
            tenantID: try row.string("tenant_id"),
            sessionID: try row.string("session_id"),
            turnID: try row.string("turn_id")
        )
    }

    private struct SessionKey: Hashable {
        let tenantID: String
        let sessionID: String

        init(_ key: TurnKey) {
            tenantID = key.tenantID
            sessionID = key.sessionID
        }
    }

    private func bySession(_ result: PostgresResult) throws -> [SessionKey: ClaimedTurn] {
        var turns: [SessionKey: ClaimedTurn] = [:]
        for row in result.rows {
            let turn = try ClaimedTurn(row: row)
            turns[SessionKey(turn.key)] = turn
        }
        return turns
    }

    /// Locks the rows of turns in one order, so that batches that share turns do not wait for each other in a ring.
    private func lock(_ writes: [TurnWrite]) -> (PostgresStatement, [PostgresParameter]) {
        (TurnSQL.lockTurns, Array(TurnParameters.owners(writes.map(\.turn)).prefix(3)))
    }

    private func appendWrites(
        _ writes: [TurnWrite],
        to statements: inout [(PostgresStatement, [PostgresParameter])]
    ) {
        if let steps = TurnParameters.steps(writes) { statements.append((TurnSQL.insertSteps, steps)) }
        if let events = TurnParameters.events(writes, publishAfter: configuration.publishAfter) {
            statements.append((TurnSQL.insertOutbox, events))
        }
    }
}
