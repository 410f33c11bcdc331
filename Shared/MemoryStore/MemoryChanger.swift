import Domain
import Memory
import Postgres
import Store

/// Something to do with a session, on its way into a transaction.
struct MemoryRequest: Sendable {
    /// The session.
    let key: MemorySessionKey
    /// What to do.
    let operation: MemoryOperation
    /// What to keep of the answer for a client that may ask again.
    let record: MemorySessions.Record?
}

/// Carries out what is to be done with some sessions.
///
/// An operation is computed from the version of the session that is at hand, and written under the condition that the
/// session still has that version; if not, it is computed again from what the database has.
struct MemoryChanger: Sendable {
    let database: PostgresClient
    let configuration: MemoryStoreConfiguration
    let atHand: SessionsAtHand
    let metrics: MemoryMetrics?

    /// Does what is asked, one result for each.
    func change(_ requests: [MemoryRequest]) async -> [Result<MemoryOutcome, any Error>] {
        var run = Run(requests)
        do {
            for _ in 0..<configuration.attemptsMax where !run.isDone {
                try await attempt(&run)
            }
            return run.results(orElse: Self.contended)
        } catch {
            for key in run.open { atHand.remove(key) }
            return run.results(orElse: error)
        }
    }

    private static let contended = PostgresError(
        .overloaded,
        "the session is being changed by too many others: try again"
    )

    private func attempt(_ run: inout Run) async throws {
        var states: [MemorySessionKey: MemorySessionState] = [:]
        var missing: [MemoryLoading.Wanted] = []
        for key in run.open {
            states[key] = atHand[key]
            if states[key] == nil { missing.append(.init(key: key, known: nil)) }
        }
        if !missing.isEmpty {
            let loaded = try await MemoryLoading.load(missing, touches: true, from: database)
            for (wanted, snapshot) in zip(missing, loaded) {
                states[wanted.key] = snapshot?.state
                if snapshot == nil { run.end(wanted.key, .unknownSession) }
            }
        }
        let fresh = Set(missing.map(\.key))
        var steps: [MemoryStep] = []
        for key in run.open {
            guard let state = states[key] else { continue }
            if let step = run.compute(from: state, bytesMax: configuration.shortTermMemoryBytesMax) {
                steps.append(step)
            } else if fresh.contains(key) {
                run.end(key)
            } else {
                // What is at hand may be old, and the refusal with it.
                atHand.remove(key)
            }
        }
        if steps.isEmpty { return }
        let written = try await MemoryWriting.write(steps, signature: Identifier.make(), to: database)
        metrics?.wrote(
            operations: run.openCount,
            observations: steps.reduce(0) { $0 + $1.change.observations.count },
            learned: steps.reduce(0) { $0 + $1.change.patterns.reduce(0) { $0 + $1.frequency } }
        )
        for (step, nodeSeq) in zip(steps, written) {
            if let nodeSeq {
                run.noted(state: step.before.key, nodeSeq: nodeSeq)
                var state = step.after
                state.advance()
                atHand.keep(state)
                run.end(state.key)
            } else {
                atHand.remove(step.before.key)
            }
        }
    }
}

/// Requests on their way, in groups by session.
private struct Run {
    private let requests: [MemoryRequest]
    private var groups: [MemorySessionKey: [Int]] = [:]
    private var computed: [MemoryOutcome?]
    private var final: [MemoryOutcome?]
    /// The sessions with something left to do, in the order in which they came.
    private(set) var open: [MemorySessionKey] = []

    init(_ requests: [MemoryRequest]) {
        self.requests = requests
        computed = Array(repeating: nil, count: requests.count)
        final = computed
        for (index, request) in requests.enumerated() {
            if groups[request.key] == nil { open.append(request.key) }
            groups[request.key, default: []].append(index)
        }
    }

    var isDone: Bool { open.isEmpty }

    /// How many requests have something left to do.
    var openCount: Int { open.reduce(0) { $0 + (groups[$1]?.count ?? 0) } }

    /// With which number of its node a session was written.
    mutating func noted(state key: MemorySessionKey, nodeSeq: Int64) {
        for index in groups[key] ?? [] {
            guard case .done(var answer) = computed[index] else { continue }
            answer.nodeSeq = nodeSeq
            computed[index] = .done(answer)
        }
    }

    /// Computes what a session's requests come to, one after another.
    /// - Returns: What is to be written; nil when all are refused.
    mutating func compute(from state: MemorySessionState, bytesMax: Int) -> MemoryStep? {
        var after = state
        var change = MemoryChange()
        var records: [IdempotencyRecord] = []
        var isChanged = false
        for index in groups[state.key] ?? [] {
            let request = requests[index]
            do {
                let answer = try after.perform(request.operation, into: &change, bytesMax: bytesMax)
                computed[index] = .done(answer)
                isChanged = true
                if let record = request.record { records.append(record(answer)) }
            } catch {
                computed[index] = .refused(error)
            }
        }
        return isChanged ? MemoryStep(before: state, after: after, change: change, records: records) : nil
    }

    /// What was computed for a session holds; or it came to something else.
    mutating func end(_ key: MemorySessionKey, _ outcome: MemoryOutcome? = nil) {
        for index in groups[key] ?? [] {
            final[index] = outcome ?? computed[index]
        }
        open.removeAll { $0 == key }
    }

    func results(orElse error: any Error) -> [Result<MemoryOutcome, any Error>] {
        final.map { outcome in outcome.map { .success($0) } ?? .failure(error) }
    }
}
