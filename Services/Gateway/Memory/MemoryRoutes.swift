import Domain
import HTTPServer
import JSON
import Memory
import MemoryStore
import OpenSSL
import Store

/// Sessions that remember, and what they do.
struct MemoryRoutes: Sendable {
    let sessions: MemorySessions
    let nodes: MemoryNodes
    let predictions: MemoryPredictions
    /// The most bytes of an answer with predictions.
    let answerBytesMax: Int

    // MARK: Sessions

    /// `POST /sessions`.
    func create(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let body = try await MemoryRequests.object(routed)
        let session = try MemoryRequests.newSession(body, tenantID: routed.tenantID)
        var record: BeginningRecord?
        if let request = routed.idempotency {
            let parts = MemoryAnswers.sessionParts(session)
            let answer = request.answered(StoredAnswer(body: parts.head))
            record = BeginningRecord(answer, between: parts.between, behind: parts.behind)
        }
        guard let snapshot = try await sessions.create(session, record: record) else {
            throw Problem(status: 409, code: "session_exists", detail: "A session of this name remembers already.")
        }
        return .json(MemoryAnswers.session(snapshot, ttlSeconds: session.ttlSeconds))
    }

    /// `GET /sessions/count`.
    func count(_ routed: RoutedRequest) async throws -> HTTPResponse {
        .json(["active_session_count": .int(try await sessions.count(tenantID: routed.tenantID))])
    }

    /// `GET /sessions/{id}`.
    func get(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let snapshot = try await snapshot(routed)
        return .json(MemoryAnswers.session(snapshot, ttlSeconds: Int(snapshot.remainingSeconds)))
    }

    /// `GET /sessions/{id}/exists`.
    func exists(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let key = try key(routed)
        let isAlive = Identifier.isValid(key.sessionID) ? try await sessions.isAlive(key) : nil
        return .json([
            "exists": .bool(isAlive == true), "expired": .bool(isAlive == false), "session_id": .string(key.sessionID),
        ])
    }

    /// `DELETE /sessions/{id}`.
    func delete(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let key = try knownKey(routed)
        guard try await sessions.delete(key) else { throw MemoryProblem(unknownSession: key.sessionID) }
        return .json(MemoryAnswers.status("deleted", key.sessionID))
    }

    /// `GET /sessions/{id}/config`.
    func settings(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let state = try await snapshot(routed).state
        return .json(["session_id": .string(state.key.sessionID), "config": .object(state.settings.json)])
    }

    /// `POST /sessions/{id}/config`.
    func configure(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let settings = try MemoryRequests.settings(try await MemoryRequests.object(routed))
        return try await perform(.configure(settings), routed) { key, _ in
            MemoryAnswers.status("okay", key.sessionID, ["message": "Configuration updated"]).serialized()
        }
    }

    /// `POST /sessions/{id}/extend?ttl_seconds=`.
    func extend(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let seconds = try MemoryRequests.extendedTTL(routed.request)
        return try await perform(.extend(ttlSeconds: seconds), routed) { key, _ in
            MemoryAnswers.status("extended", key.sessionID, ["ttl_seconds": .int(seconds)]).serialized()
        }
    }

    // MARK: Remembering

    /// `POST /sessions/{id}/observe`.
    func observe(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let body = try await MemoryRequests.object(routed)
        let observations = try await withVectors([try MemoryRequests.observation(body)], routed)
        return try await perform(.observe(observations, SequenceOptions()), routed) { key, answer in
            MemoryAnswers.observed(answer, sessionID: key.sessionID)
        }
    }

    /// `POST /sessions/{id}/observe-sequence`.
    func observeSequence(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let (sequence, options) = try MemoryRequests.sequence(try await MemoryRequests.object(routed))
        let observations = try await withVectors(sequence, routed)
        return try await perform(.observe(observations, options), routed) { _, answer in
            MemoryAnswers.sequence(answer, isIsolated: options.clearsBetween)
        }
    }

    /// `GET /sessions/{id}/stm`.
    func shortTermMemory(_ routed: RoutedRequest) async throws -> HTTPResponse {
        .json(MemoryAnswers.shortTermMemory(try await snapshot(routed).state))
    }

    /// `POST /sessions/{id}/learn`.
    func learn(_ routed: RoutedRequest) async throws -> HTTPResponse {
        try await perform(.learn, routed) { key, answer in MemoryAnswers.learned(answer, sessionID: key.sessionID) }
    }

    /// `POST /sessions/{id}/clear-stm`.
    func clear(_ routed: RoutedRequest) async throws -> HTTPResponse {
        try await perform(.clear, routed) { key, _ in MemoryAnswers.status("cleared", key.sessionID).serialized() }
    }

    /// `POST /sessions/{id}/clear-all`.
    func clearAll(_ routed: RoutedRequest) async throws -> HTTPResponse {
        try await perform(.clearAll, routed) { key, _ in
            MemoryAnswers.status("cleared", key.sessionID, ["scope": "all"]).serialized()
        }
    }

    // MARK: Recalling

    /// `GET /sessions/{id}/predictions`.
    func recall(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let state = try await snapshot(routed).state
        let uniqueID = "pred-" + Identifier.make()
        let bytesMax = answerBytesMax
        return .json(
            try await predictions.current(of: state) { ensemble throws(MemoryError) in
                try MemoryAnswers.predictions(ensemble, state, uniqueID: uniqueID, bytesMax: bytesMax)
            }
        )
    }

    /// `GET /sessions/{id}/percept-data`.
    func percept(_ routed: RoutedRequest) async throws -> HTTPResponse {
        .json(MemoryAnswers.percept(try await snapshot(routed)))
    }

    /// `GET /sessions/{id}/cognition-data`.
    func cognition(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let state = try await snapshot(routed).state
        let bytesMax = answerBytesMax
        guard state.settings.processPredictions else {
            return .json(try MemoryAnswers.cognition(.empty, state, bytesMax: bytesMax))
        }
        return .json(
            try await predictions.current(of: state) { ensemble throws(MemoryError) in
                try MemoryAnswers.cognition(ensemble, state, bytesMax: bytesMax)
            }
        )
    }

    /// `POST /sessions/{id}/finalize-training`: there is nothing to finalise, because numbers about patterns are
    /// computed from what the node knows at the moment of a prediction.
    func finalizeTraining(_ routed: RoutedRequest) async throws -> HTTPResponse {
        let started = ContinuousClock.now
        let state = try await snapshot(routed).state
        let count = try await nodes.compute(state.node, prepare: { $0.patternCount }, { $0 })
        let (seconds, attoseconds) = started.duration(to: .now).components
        let milliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
        return .json([
            "status": "completed", "patterns_processed": .int(count), "time_ms": .int(milliseconds),
            "session_id": .string(state.key.sessionID), "node_id": .string(state.nodeID),
            "message": .string("The statistics of \(count) patterns are up to date"),
        ])
    }

    // MARK: Parts

    private func key(_ routed: RoutedRequest) throws -> MemorySessionKey {
        MemorySessionKey(tenantID: routed.tenantID, sessionID: try routed.parameter("id"))
    }

    private func knownKey(_ routed: RoutedRequest) throws -> MemorySessionKey {
        let key = try key(routed)
        guard Identifier.isValid(key.sessionID) else { throw MemoryProblem(unknownSession: key.sessionID) }
        return key
    }

    private func snapshot(_ routed: RoutedRequest) async throws -> MemorySnapshot {
        let key = try knownKey(routed)
        guard let snapshot = try await sessions.snapshot(of: key) else {
            throw MemoryProblem(unknownSession: key.sessionID)
        }
        return snapshot
    }

    private func perform(
        _ operation: MemoryOperation,
        _ routed: RoutedRequest,
        _ render: @escaping @Sendable (MemorySessionKey, MemoryAnswer) -> [UInt8]
    ) async throws -> HTTPResponse {
        let key = try knownKey(routed)
        var record: MemorySessions.Record?
        if let request = routed.idempotency {
            record = { answer in request.answered(StoredAnswer(body: render(key, answer))) }
        }
        switch try await sessions.perform(operation, on: key, record: record) {
        case .done(let answer):
            if case .observe = operation { await predictions.observed(key, nodeSeq: answer.nodeSeq) }
            return .json(render(key, answer))
        case .unknownSession: throw MemoryProblem(unknownSession: key.sessionID)
        case .refused(let error): throw MemoryProblem(error)
        }
    }

    /// Finds the symbols of vectors: their sum's and those of the nearest that the node knows.
    ///
    /// Within a sequence the vectors of earlier observations count as known.
    private func withVectors(
        _ observations: [IncomingObservation],
        _ routed: RoutedRequest
    ) async throws -> [IncomingObservation] {
        let sums = observations.map(\.observation.summedVector)
        guard sums.contains(where: { $0 != nil }) else { return observations }
        let state = try await snapshot(routed).state
        var found = try await nodes.recall(sums.compactMap(\.self), in: state.node)[...]
        var result = observations
        for (position, sum) in sums.enumerated() {
            guard let sum, let next = found.popFirst() else { continue }
            result[position].vectorSymbols = next.symbols
            if next.isNew { result[position].newVector = sum }
        }
        return result
    }
}
