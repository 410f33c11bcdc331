import JSON
import Memory
import Postgres
import Store

/// A session that goes from one version to the next.
struct MemoryStep: Sendable {
    /// As it was.
    let before: MemorySessionState
    /// As it is to be.
    let after: MemorySessionState
    /// What follows for the database.
    let change: MemoryChange
    /// The answers to keep for requests that may come again.
    let records: [IdempotencyRecord]
}

/// Writes the steps of many sessions in one transaction.
enum MemoryWriting {
    /// Writes steps.
    /// - Parameters:
    ///   - steps: One for each of some sessions.
    ///   - signature: Names this write; another one for each call.
    ///   - database: The pool.
    ///   - ending: Why the sessions end with this write, which they may then have outlived; nil: they live on.
    /// - Returns: For each that was written the number of its node's last change; the others, which have nil, were
    ///   changed or ended by somebody else.
    /// - Throws: `PostgresError`; then none was.
    static func write(
        _ steps: [MemoryStep],
        signature: String,
        to database: PostgresClient,
        ending: MemoryEnding.Reason? = nil
    ) async throws -> [Int64?] {
        var statements = [(MemorySQL.change, sessions(steps) + [.text(signature), .bool(ending != nil)])]
        let name = PostgresParameter.text(signature)
        if let rows = observations(steps) { statements.append((MemorySQL.observe, rows + [name])) }
        if let rows = forgotten(steps) { statements.append((MemorySQL.forget, rows + [name])) }
        if let nodes = lockedFirst(steps) { statements.append((MemorySQL.lockNodes, nodes)) }
        statements += cleared(steps, name)
        if let rows = vectors(steps) { statements.append((MemorySQL.learnVectors, rows + [name])) }
        for round in rounds(of: steps) {
            statements.append((MemorySQL.learn, patterns(round) + [name]))
        }
        for step in steps {
            for record in step.records {
                statements.append(
                    record.statement(
                        tenantID: step.before.key.tenantID,
                        memorySessionID: step.before.key.sessionID,
                        writtenBy: signature
                    )
                )
            }
        }
        if let ending {
            let tenants = PostgresParameter.textArray(steps.map(\.before.key.tenantID))
            let ids = PostgresParameter.textArray(steps.map(\.before.key.sessionID))
            statements.append((MemorySQL.deleteSigned, [tenants, ids, name, .text(ending.rawValue)]))
        }
        let results = try await database.batch(
            settings: TenantScope.settings(steps.map(\.before.key.tenantID)),
            statements
        )
        var written = [Int64?](repeating: nil, count: steps.count)
        for row in results[0].rows {
            written[try row.int("n") - 1] = try row.int64("node_seq")
        }
        return written
    }

    private static func sessions(_ steps: [MemoryStep]) -> [PostgresParameter] {
        [
            .textArray(steps.map(\.before.key.tenantID)), .textArray(steps.map(\.before.key.sessionID)),
            .intArray(steps.map(\.before.version)), .intArray(steps.map { Int64($0.after.memory.time) }),
            .intArray(steps.map(\.after.lastSeq)), .intArray(steps.map(\.after.eventsFrom)),
            .intArray(steps.map(\.after.emotivesFrom)), .intArray(steps.map(\.after.metadataFrom)),
            .textArray(steps.map { $0.change.percept.map(MemoryRows.percept) }),
            .textArray(steps.map { $0.change.setsSettings ? JSONValue.object($0.after.settings.json).string : nil }),
            .intArray(steps.map { Int64($0.after.ttlSeconds) }), .intArray(steps.map(\.after.turnSeq)),
        ]
    }

    /// What was observed and is still held.
    private static func observations(_ steps: [MemoryStep]) -> [PostgresParameter]? {
        var tenants: [String?] = []
        var sessions: [String?] = []
        var seqs: [Int64?] = []
        var symbols: [String?] = []
        var emotives: [String?] = []
        var metadata: [String?] = []
        for step in steps {
            let after = step.after
            for observed in step.change.observations where observed.seq >= after.heldFrom {
                let hasEvent = !observed.event.isEmpty && observed.seq >= after.eventsFrom
                let hasEmotives = !observed.emotives.isEmpty && observed.seq >= after.emotivesFrom
                let hasMetadata = !observed.metadata.isEmpty && observed.seq >= after.metadataFrom
                guard hasEvent || hasEmotives || hasMetadata else { continue }
                tenants.append(after.key.tenantID)
                sessions.append(after.key.sessionID)
                seqs.append(observed.seq)
                symbols.append(hasEvent ? MemoryRows.text(observed.event) : nil)
                emotives.append(hasEmotives ? MemoryRows.text(observed.emotives) : nil)
                metadata.append(hasMetadata ? JSONValue.object(observed.metadata).string : nil)
            }
        }
        if tenants.isEmpty { return nil }
        return [
            .textArray(tenants), .textArray(sessions), .intArray(seqs), .textArray(symbols), .textArray(emotives),
            .textArray(metadata),
        ]
    }

    /// What was held and is not any more.
    private static func forgotten(_ steps: [MemoryStep]) -> [PostgresParameter]? {
        let shorter = steps.filter {
            $0.before.heldFrom <= $0.before.lastSeq && $0.after.heldFrom > $0.before.heldFrom
        }
        if shorter.isEmpty { return nil }
        return [
            .textArray(shorter.map(\.after.key.tenantID)), .textArray(shorter.map(\.after.key.sessionID)),
            .intArray(shorter.map(\.after.heldFrom)),
        ]
    }

    /// The nodes to lock before any statement locks its own, so that two transactions wait for each other in turn; nil
    /// when one statement locks all that are locked.
    private static func lockedFirst(_ steps: [MemoryStep]) -> [PostgresParameter]? {
        let changing = steps.filter {
            $0.change.clearsNode || !$0.change.vectors.isEmpty || !$0.change.patterns.isEmpty
        }
        let kinds = [
            changing.contains { $0.change.clearsNode }, changing.contains { !$0.change.vectors.isEmpty },
            changing.contains { !$0.change.patterns.isEmpty },
        ]
        let nodes = Set(changing.map { MemoryNodeKey(tenantID: $0.after.key.tenantID, nodeID: $0.after.nodeID) })
        guard nodes.count > 1, kinds.count(where: \.self) > 1 else { return nil }
        return [.textArray(nodes.map(\.tenantID)), .textArray(nodes.map(\.nodeID))]
    }

    private static func cleared(
        _ steps: [MemoryStep],
        _ signature: PostgresParameter
    ) -> [(PostgresStatement, [PostgresParameter])] {
        let cleared = steps.filter(\.change.clearsNode)
        if cleared.isEmpty { return [] }
        let tenants = PostgresParameter.textArray(cleared.map(\.after.key.tenantID))
        let nodes = PostgresParameter.textArray(cleared.map(\.after.nodeID))
        return [
            (MemorySQL.clearNodes, [tenants, .textArray(cleared.map(\.after.key.sessionID)), nodes, signature]),
            (MemorySQL.deletePatterns, [tenants, nodes]),
            (MemorySQL.deleteVectors, [tenants, nodes]),
        ]
    }

    private static func vectors(_ steps: [MemoryStep]) -> [PostgresParameter]? {
        let rows = steps.flatMap { step in step.change.vectors.map { (step.after, $0) } }
        if rows.isEmpty { return nil }
        return [
            .textArray(rows.map(\.0.key.tenantID)), .textArray(rows.map(\.0.key.sessionID)),
            .textArray(rows.map(\.0.nodeID)), .textArray(rows.map { VectorSymbol.make($0.1) }),
            .textArray(rows.map { MemoryRows.text($0.1) }),
        ]
    }

    private struct Gain {
        let state: MemorySessionState
        let gain: PatternGain
    }

    private struct PatternKey: Hashable {
        let node: MemoryNodeKey
        let name: PatternName
    }

    /// Patterns in groups in which each is at most once: a statement can change a row once only.
    private static func rounds(of steps: [MemoryStep]) -> [[Gain]] {
        var rounds: [[Gain]] = []
        var counts: [PatternKey: Int] = [:]
        for step in steps {
            let node = MemoryNodeKey(tenantID: step.after.key.tenantID, nodeID: step.after.nodeID)
            for gain in step.change.patterns {
                let key = PatternKey(node: node, name: gain.name)
                let round = counts[key, default: 0]
                counts[key] = round + 1
                if round == rounds.count { rounds.append([]) }
                rounds[round].append(Gain(state: step.after, gain: gain))
            }
        }
        return rounds
    }

    private static func patterns(_ gains: [Gain]) -> [PostgresParameter] {
        [
            .textArray(gains.map(\.state.key.tenantID)), .textArray(gains.map(\.state.key.sessionID)),
            .textArray(gains.map(\.state.nodeID)), .textArray(gains.map(\.gain.name.hex)),
            .intArray(gains.map { Int64($0.gain.frequency) }),
            .textArray(gains.map { MemoryRows.text($0.gain.events) }),
            .textArray(gains.map { MemoryRows.text($0.gain.emotives) }), .intArray(gains.map { Int64($0.gain.kept) }),
            .textArray(gains.map { MemoryRows.text($0.gain.metadata) }),
            .textArray(gains.map { MemoryRows.text($0.gain.affinity) }),
        ]
    }
}
