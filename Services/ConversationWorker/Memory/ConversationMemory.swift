import Errors
import JSON
import Memory
import MemoryStore
import Observability
import Store

/// The memory of personas with `memory: auto`: observes what the user says, and predicts from it.
///
/// The memory of a conversation is the session of the same id in the memory's API; it begins with the first message.
struct ConversationMemory: Sendable {
    /// The limits.
    struct Configuration: Sendable {
        /// How many observed messages become a pattern.
        ///
        /// Default 20.
        var learnAt = 20
        /// How many predictions the model gets; 0: messages are observed and nothing is predicted.
        ///
        /// Default 3.
        var predictionsMax = 3
        /// How many words of a message are observed.
        ///
        /// Default 100.
        var tokensMax = 100
        /// How long a turn waits for its memory before it goes on without.
        ///
        /// Default 500 ms.
        var timeout: Duration = .milliseconds(500)
        /// How long the memory of a conversation lives without being used, in seconds; then it learns what it holds.
        ///
        /// Default 3,600, as in the memory's API.
        var ttlSeconds = 3600
    }

    let sessions: MemorySessions
    let nodes: MemoryNodes
    let configuration: Configuration
    let metrics: WorkerMetrics
    let logger: Logger

    /// Observes a turn's message, if it was not observed before, and predicts.
    ///
    /// Whatever goes wrong with the memory, the turn goes on.
    /// - Parameters:
    ///   - turn: The turn.
    ///   - nodeID: The node of a memory that begins now; one that is there has its own.
    /// - Returns: What came of it.
    /// - Throws: `CancellationError` when the worker shuts down.
    func recall(_ turn: ClaimedTurn, nodeID: String) async throws -> MemoryRecall {
        let started = ContinuousClock.now
        let deadline = started.advanced(by: configuration.timeout)
        // What it observes late is observed once all the same.
        let result = await TimeBound.wait(until: deadline) {
            try await observeAndPredict(turn, nodeID: nodeID, until: deadline)
        }
        try Task.checkCancellation()
        let recall: MemoryRecall
        switch result {
        case .failure(let error as MemoryError) where error.code == .predictionTooSlow:
            recall = MemoryRecall(without: .timedOut)
            logger.warning("the prediction of a turn took too long", Self.fields(turn))
        case nil:
            recall = MemoryRecall(without: .timedOut)
            logger.warning("a turn did not wait for its memory", Self.fields(turn))
        case .failure(let error):
            recall = MemoryRecall(without: .failed)
            logger.warning("the memory of a turn failed", Self.fields(turn).merging([.error: .error(error)]))
        case .success(let answer):
            recall = answer
        }
        metrics.recalled(recall.outcome.rawValue, after: started.duration(to: .now))
        return recall
    }

    private func observeAndPredict(
        _ turn: ClaimedTurn,
        nodeID: String,
        until deadline: ContinuousClock.Instant
    ) async throws -> MemoryRecall {
        let key = MemorySessionKey(tenantID: turn.key.tenantID, sessionID: turn.key.sessionID)
        let tokens = MessageTokens.tokens(of: turn.message, max: configuration.tokensMax)
        let incoming = IncomingObservation(try Observation(strings: tokens), uniqueID: turn.key.turnID)
        let answer = try await observe(.observeTurn(seq: turn.seq, incoming), key, nodeID: nodeID)
        guard configuration.predictionsMax > 0, answer.length > 0,
            let state = try await sessions.snapshot(of: key)?.state, state.memory.length > 0
        else { return MemoryRecall(nodeID: answer.nodeID, predictions: []) }
        let ensemble = try await nodes.predict(
            from: state,
            atMost: configuration.predictionsMax,
            within: ContinuousClock.now.duration(to: deadline)
        )
        return MemoryRecall(nodeID: state.nodeID, predictions: ensemble.predictions)
    }

    private func observe(
        _ operation: MemoryOperation,
        _ key: MemorySessionKey,
        nodeID: String
    ) async throws -> MemoryAnswer {
        for isFirst in [true, false] {
            switch try await sessions.perform(operation, on: key) {
            case .done(let answer): return answer
            case .refused(let error): throw error
            case .unknownSession: if isFirst { try await begin(key, nodeID: nodeID) }
            }
        }
        throw MemoryGone()
    }

    /// Begins the memory of a conversation; one that somebody else has just begun is as good.
    private func begin(_ key: MemorySessionKey, nodeID: String) async throws {
        var settings = SessionConfiguration()
        settings.maxPatternLength = configuration.learnAt
        let session = NewMemorySession(
            key: key,
            nodeID: nodeID,
            settings: settings,
            metadata: [:],
            ttlSeconds: configuration.ttlSeconds
        )
        try await sessions.endIfExpired(key)
        _ = try await sessions.create(session)
    }

    private static func fields(_ turn: ClaimedTurn) -> LogMetadata {
        [.tenantID: .string(turn.key.tenantID), .turnID: .string(turn.key.turnID)]
    }
}

/// The memory of a conversation ends again and again while it begins.
private struct MemoryGone: DescribedError {
    let description = "the memory of the conversation ended while it was used"
}
