package import Memory
import Synchronization

/// What sessions predict: computed when they observe, kept, and computed anew when something has changed since.
package final class MemoryPredictions: Sendable {
    private let sessions: MemorySessions
    private let nodes: MemoryNodes
    private let configuration: MemoryStoreConfiguration
    private let metrics: MemoryMetrics?
    private let kept: KeptPredictions

    /// Makes predictions out of two stores.
    /// - Parameters:
    ///   - sessions: The sessions.
    ///   - nodes: What their nodes have learned.
    ///   - configuration: The limits.
    ///   - metrics: Counts what is done.
    package init(
        sessions: MemorySessions,
        nodes: MemoryNodes,
        configuration: MemoryStoreConfiguration = .init(),
        metrics: MemoryMetrics? = nil
    ) {
        self.sessions = sessions
        self.nodes = nodes
        self.configuration = configuration
        self.metrics = metrics
        kept = KeptPredictions(bytesMax: configuration.keptBytesMax)
    }

    /// What a session predicts now.
    /// - Parameters:
    ///   - state: The session.
    ///   - render: Makes an answer of it, on a thread that may take its time.
    /// - Returns: What `render` returned.
    /// - Throws: `PostgresError`; ``MemoryError`` `predictionTooLarge`, `predictionTooSlow`, `busy`, `indexFull`.
    package func current<Value: Sendable>(
        of state: MemorySessionState,
        _ render: @escaping @Sendable (PredictionEnsemble) throws(MemoryError) -> Value
    ) async throws -> Value {
        let start = ContinuousClock.now
        let deadline = start.advanced(by: configuration.predictionTime)
        let node: NodeAtHand
        do {
            node = try await nodes.upToDate(state.node, until: deadline, orElse: .predictionTooSlow)
        } catch {
            if (error as? MemoryError)?.code == .predictionTooSlow { metrics?.refused() }
            throw error
        }
        return try await answer(state, node, from: start, until: deadline, isUrgent: true, render)
    }

    /// Computes and keeps what a session predicts that has just observed, if its settings want that.
    ///
    /// What takes too long, or would have to wait while others ask for theirs, is left until somebody asks for it.
    /// - Parameters:
    ///   - key: The session.
    ///   - nodeSeq: The number of its node's last change.
    package func observed(_ key: MemorySessionKey, nodeSeq: Int64) async {
        // Where nothing was ever learned nothing is predicted.
        guard nodeSeq > 0, let state = sessions.atHand(key), state.settings.processPredictions else { return }
        let start = ContinuousClock.now
        let deadline = start.advanced(by: configuration.observePredictionTime)
        do {
            let node = try await nodes.atHand(
                state.node,
                seq: nodeSeq,
                until: deadline,
                orElse: .predictionTooSlow
            )
            try await answer(state, node, from: start, until: deadline, isUrgent: false) { _ in }
        } catch {
            metrics?.skipped()
        }
    }

    private func answer<Value: Sendable>(
        _ state: MemorySessionState,
        _ node: NodeAtHand,
        from start: ContinuousClock.Instant,
        until deadline: ContinuousClock.Instant,
        isUrgent: Bool,
        _ render: @escaping @Sendable (PredictionEnsemble) throws(MemoryError) -> Value
    ) async throws -> Value {
        let bounds = configuration.limits(until: deadline)
        let known = node.read { kept.find(state, nodeSeq: $0.patternsSeq) }
        if let known, !isUrgent || known.predictions.isEmpty {
            metrics?.found()
            return try render(known)
        }
        if known == nil {
            try bounds.checkState(symbols: state.memory.symbolCount)
            let (isEmpty, seq) = node.read { ($0.patterns.patternCount == 0, $0.patternsSeq) }
            if isEmpty {
                kept.keep(.empty, of: state, nodeSeq: seq)
                return try render(.empty)
            }
        }
        let result = try await nodes.threads.run(isUrgent: isUrgent, until: deadline) {
            () -> Result<Value, MemoryError> in
            Result { () throws(MemoryError) in
                if let known {
                    self.metrics?.found()
                    return try render(known)
                }
                let ensemble = try self.compute(state, node, bounds)
                self.metrics?.computed(in: start.duration(to: .now), candidates: ensemble.keptCount)
                return try render(ensemble)
            }
        }
        switch result {
        case .success(let value)?: return value
        case .failure(let error)?:
            metrics?.refused()
            throw error
        case nil:
            metrics?.refused()
            throw MemoryError.predictionTooSlow
        }
    }

    private func compute(
        _ state: MemorySessionState,
        _ node: NodeAtHand,
        _ limits: PredictionLimits
    ) throws(MemoryError) -> PredictionEnsemble {
        let (query, seq) = node.read { node in
            (node.patterns.query(state: state.memory.events, state.settings), node.patternsSeq)
        }
        let ensemble = try query.run(within: limits)
        kept.keep(ensemble, of: state, nodeSeq: seq)
        return ensemble
    }
}

extension MemorySessionState {
    /// Its node.
    package var node: MemoryNodeKey { MemoryNodeKey(tenantID: key.tenantID, nodeID: nodeID) }
}
