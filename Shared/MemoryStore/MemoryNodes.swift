import JSON
package import Memory
package import Postgres
import Store
import Synchronization

/// What nodes have learned: each process keeps an index of the nodes that it uses, and brings it up to date before
/// each use, so that all processes answer the same.
package final class MemoryNodes: Sendable {
    private let database: PostgresClient
    let configuration: MemoryStoreConfiguration
    let threads: ComputeThreads
    private let nodes: NodesAtHand
    private let updates: GroupCommit<MemoryNodeKey, NodeAtHand>

    /// Makes a store; nothing is done before ``run()``.
    /// - Throws: `EventLoopError` when threads or descriptors have run out.
    package init(
        database: PostgresClient,
        configuration: MemoryStoreConfiguration = .init(),
        metrics: MemoryMetrics? = nil
    ) throws {
        self.database = database
        self.configuration = configuration
        threads = try ComputeThreads(
            count: configuration.threads ?? ComputeThreads.countByDefault,
            waitingMax: configuration.computationsMax
        )
        let nodes = NodesAtHand(bytesMax: configuration.nodeBytesMax, metrics: metrics)
        self.nodes = nodes
        let pieceMax = configuration.patternsPerRead
        updates = GroupCommit(
            configuration: .init(concurrency: 4, batchMax: configuration.batchMax, queueMax: configuration.queueMax),
            key: { "\($0.tenantID)/\($0.nodeID)" },
            execute: { keys in await Self.update(keys, nodes, from: database, pieceMax: pieceMax) }
        )
    }

    /// Carries out what is submitted until the store is closed, then what still waits.
    package func run() async {
        await updates.run()
        threads.stop()
    }

    /// Takes no more requests; ``run()`` returns after the last one.
    package func close() {
        updates.close()
    }

    /// Computes something from what a node knows now, on a thread that may take its time.
    /// - Parameters:
    ///   - key: The node.
    ///   - prepare: Takes from the patterns what is needed; fast.
    ///   - compute: Does the rest.
    /// - Returns: What `compute` returned.
    /// - Throws: `PostgresError`; ``MemoryError`` `indexFull`, and `busy` when it has not begun in time.
    package func compute<Input: Sendable, Value: Sendable>(
        _ key: MemoryNodeKey,
        prepare: @Sendable (PatternIndex) -> Input,
        _ compute: @escaping @Sendable (Input) -> Value
    ) async throws -> Value {
        let deadline = ContinuousClock.now.advanced(by: configuration.predictionTime)
        let node = try await upToDate(key, until: deadline, orElse: Self.late)
        let input = node.read { prepare($0.patterns) }
        guard let value = try await threads.run(until: deadline, { compute(input) }) else { throw Self.late }
        return value
    }

    private static let late = MemoryError(.busy, "others were computing for too long: try again later")

    /// A node as it is in the database now.
    /// - Parameters:
    ///   - key: The node.
    ///   - deadline: Until when to wait; the reading goes on for those who come later.
    ///   - late: What to throw then.
    /// - Returns: The node.
    /// - Throws: `PostgresError`; ``MemoryError`` `indexFull`, and the one given.
    func upToDate(
        _ key: MemoryNodeKey,
        until deadline: ContinuousClock.Instant,
        orElse late: MemoryError
    ) async throws -> NodeAtHand {
        guard let result = await TimeBound.wait(until: deadline, for: { try await self.upToDate(key) }) else {
            throw late
        }
        return try result.get()
    }

    /// A node as it is in the database now.
    func upToDate(_ key: MemoryNodeKey) async throws -> NodeAtHand {
        let node = try await updates.submit(key)
        try node.checkSize()
        return node
    }

    /// A node up to a number of which somebody has heard; the rest is as for ``upToDate(_:until:orElse:)``.
    func atHand(
        _ key: MemoryNodeKey,
        seq: Int64,
        until deadline: ContinuousClock.Instant,
        orElse late: MemoryError
    ) async throws -> NodeAtHand {
        let node = nodes.node(key)
        guard node.read({ $0.isUpToDate(seq) }) else { return try await upToDate(key, until: deadline, orElse: late) }
        try node.checkSize()
        return node
    }

    /// What vectors bring into their events that were observed one after another.
    /// - Parameters:
    ///   - vectors: The vectors.
    ///   - key: The node, of which all are compared with the same state.
    /// - Returns: What each brings.
    /// - Throws: `PostgresError`; ``MemoryError`` `indexFull`, and `busy` when it has not begun in time;
    ///   `CancellationError`.
    package func recall(_ vectors: [[Double]], in key: MemoryNodeKey) async throws -> [VectorRecall.Found] {
        let node = try await upToDate(key, until: .now.advanced(by: configuration.predictionTime), orElse: Self.late)
        var recall = VectorRecall(vectors, known: node.read { $0.vectors })
        while !recall.isDone {
            try Task.checkCancellation()
            let current = recall
            let deadline = ContinuousClock.now.advanced(by: configuration.predictionTime)
            let next = try await threads.run(until: deadline) {
                var next = current
                next.run(until: .now.advanced(by: Self.recallTime))
                return next
            }
            guard let next else { throw Self.late }
            recall = next
        }
        return recall.found
    }

    /// How long the vectors of one request keep a thread before others have their turn.
    private static let recallTime = Duration.milliseconds(20)

    /// What a session predicts, for those who keep nothing of it.
    /// - Parameters:
    ///   - state: The session.
    ///   - countMax: How many predictions are wanted; its settings may allow fewer.
    ///   - time: How long it may take; nil: as long as a prediction may that somebody asks for.
    /// - Returns: The predictions.
    /// - Throws: `PostgresError`; ``MemoryError`` `predictionTooLarge`, `predictionTooSlow`, `busy`, `indexFull`.
    package func predict(
        from state: MemorySessionState,
        atMost countMax: Int,
        within time: Duration? = nil
    ) async throws -> PredictionEnsemble {
        let deadline = ContinuousClock.now.advanced(by: time ?? configuration.predictionTime)
        let limits = configuration.limits(until: deadline)
        try limits.checkState(symbols: state.memory.symbolCount)
        let node = try await upToDate(state.node, until: deadline, orElse: .predictionTooSlow)
        var settings = state.settings
        settings.maxPredictions = min(countMax, settings.maxPredictions)
        let query = node.read { $0.patterns.query(state: state.memory.events, settings) }
        let result = try await threads.run(until: deadline) {
            Result { () throws(MemoryError) in try query.run(within: limits) }
        }
        guard let result else { throw MemoryError.predictionTooSlow }
        return try result.get()
    }

    /// A pattern, by its name with or without its mark; nil when the node has none of this name.
    /// - Throws: `PostgresError`.
    package func pattern(_ name: PatternName, in key: MemoryNodeKey) async throws -> Pattern? {
        let results = try await database.batch(
            settings: TenantScope.settings([key.tenantID]),
            [(MemoryUpkeepSQL.pattern, [.text(key.tenantID), .text(key.nodeID), .text(name.hex)])]
        )
        return try results[0].rows.first.map { try MemoryRows.pattern($0).pattern }
    }

    private static func update(
        _ keys: [MemoryNodeKey],
        _ nodes: NodesAtHand,
        from database: PostgresClient,
        pieceMax: Int
    ) async -> [Result<NodeAtHand, any Error>] {
        var results: [MemoryNodeKey: Result<NodeAtHand, any Error>] = [:]
        for key in keys { results[key] = .success(nodes.node(key)) }
        do {
            let reading = try await behind(Array(results.keys), nodes, in: database)
            await withTaskGroup(of: (MemoryNodeKey, Result<NodeAtHand, any Error>).self) { group in
                for (key, lastSeq) in reading {
                    let node = nodes.node(key)
                    group.addTask {
                        do {
                            try await read(key, into: node, upTo: lastSeq, nodes, from: database, pieceMax: pieceMax)
                            return (key, .success(node))
                        } catch {
                            return (key, .failure(error))
                        }
                    }
                }
                for await (key, result) in group {
                    results[key] = result
                }
            }
        } catch {
            return keys.map { _ in .failure(error) }
        }
        return keys.map { results[$0] ?? .success(nodes.node($0)) }
    }

    /// The nodes of which something is not here yet, with the number to get to.
    private static func behind(
        _ keys: [MemoryNodeKey],
        _ nodes: NodesAtHand,
        in database: PostgresClient
    ) async throws -> [(MemoryNodeKey, Int64)] {
        let heads = try await database.batch(
            settings: TenantScope.settings(keys.map(\.tenantID)),
            [(MemoryUpkeepSQL.heads, [.textArray(keys.map(\.tenantID)), .textArray(keys.map(\.nodeID))])]
        )
        return try heads[0].rows.compactMap { row in
            let key = keys[try row.int("n") - 1]
            let lastSeq = try row.int64("last_seq")
            let node = nodes.node(key)
            node.cleared(try row.int64("cleared_seq"))
            return node.read { $0.isUpToDate(lastSeq) } ? nil : (key, lastSeq)
        }
    }

    private static func read(
        _ key: MemoryNodeKey,
        into node: NodeAtHand,
        upTo lastSeq: Int64,
        _ nodes: NodesAtHand,
        from database: PostgresClient,
        pieceMax: Int
    ) async throws {
        while !node.read({ $0.isUpToDate(lastSeq) }) {
            let seen = node.read { ($0.patternsSeq, $0.vectorsSeq) }
            let name: [PostgresParameter] = [.text(key.tenantID), .text(key.nodeID)]
            let results = try await database.batch(
                settings: TenantScope.settings([key.tenantID]),
                [
                    (MemoryUpkeepSQL.patterns, name + [.int(seen.0), .int(pieceMax)]),
                    (MemoryUpkeepSQL.vectors, name + [.int(seen.1), .int(pieceMax)]),
                ]
            )
            if results[0].rows.isEmpty { return }
            guard let piece = try piece(results) else { continue }
            let weight = try node.take(piece, piecesMax: pieceMax, bytesMax: nodes.bytesMax)
            nodes.weigh(key, node, weight: weight)
        }
    }

    /// What was read; nil when the node was emptied between the two statements, which then do not belong together.
    private static func piece(_ results: [PostgresResult]) throws -> MemoryNode.Piece? {
        guard let head = results[0].rows.first, let later = results[1].rows.first,
            try head.int64("cleared_seq") == later.int64("cleared_seq")
        else { return nil }
        // Both are read up to the earlier head at least: more vectors than that do no harm.
        var piece = MemoryNode.Piece(
            lastSeq: try head.int64("last_seq"),
            clearedSeq: try head.int64("cleared_seq")
        )
        for row in results[0].rows {
            guard let seq = try row.int64OrNil("seq") else { continue }
            let (pattern, affinity) = try MemoryRows.pattern(row)
            piece.patterns.append((seq, pattern, affinity))
        }
        for row in results[1].rows {
            guard let seq = try row.int64OrNil("seq") else { continue }
            let elements = try MemoryRows.parse(row.json("elements")).arrayValue ?? []
            piece.vectors.append((seq, try row.string("name"), elements.compactMap(\.doubleValue)))
        }
        return piece
    }
}
