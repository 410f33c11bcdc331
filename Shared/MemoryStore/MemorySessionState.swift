package import JSON
package import Memory

/// What a session holds, and how operations change it.
///
/// A value without I/O: what follows for the database goes into a ``MemoryChange``, which the store writes.
package struct MemorySessionState: Sendable {
    /// The session.
    package let key: MemorySessionKey
    /// Its node.
    package let nodeID: String
    /// What its owner noted.
    package let metadata: JSONObject
    /// How it remembers and predicts.
    package private(set) var settings: SessionConfiguration
    /// How long it lives without being used, in seconds.
    package private(set) var ttlSeconds: Int
    /// What it has perceived since it last learned.
    package private(set) var memory: ShortTermMemory
    /// How many changes there were.
    private(set) var version: Int64
    /// The number of the newest observation.
    private(set) var lastSeq: Int64
    /// The newest turn of the conversation whose message was observed by itself; 0: none was.
    private(set) var turnSeq: Int64
    /// The numbers of the observations that the events, the emotives and the metadata in memory come from.
    private var eventSeqs: [Int64] = []
    private var emotiveSeqs: [Int64] = []
    private var metadataSeqs: [Int64] = []
    /// What its owner's notes take.
    private let metadataBytes: Int

    /// A session as it is stored.
    init(_ session: NewMemorySession, version: Int64, time: Int, lastSeq: Int64, turnSeq: Int64 = 0) {
        key = session.key
        nodeID = session.nodeID
        metadata = session.metadata
        settings = session.settings
        ttlSeconds = session.ttlSeconds
        memory = ShortTermMemory(time: time)
        metadataBytes = HeldBytes.of(session.metadata)
        self.version = version
        self.lastSeq = lastSeq
        self.turnSeq = turnSeq
    }

    /// Puts a stored observation behind the ones that are there.
    mutating func restore(seq: Int64, event: [String], emotives: [String: Double], metadata: JSONObject) {
        memory.append(event: event, emotives: emotives, metadata: metadata)
        if !event.isEmpty { eventSeqs.append(seq) }
        if !emotives.isEmpty { emotiveSeqs.append(seq) }
        if !metadata.isEmpty { metadataSeqs.append(seq) }
    }

    /// The first number that the events still hold, or the next one to come.
    var eventsFrom: Int64 { eventSeqs.first ?? lastSeq + 1 }
    /// The same for emotives.
    var emotivesFrom: Int64 { emotiveSeqs.first ?? lastSeq + 1 }
    /// The same for metadata.
    var metadataFrom: Int64 { metadataSeqs.first ?? lastSeq + 1 }
    /// The first number that any part still holds.
    var heldFrom: Int64 { min(eventsFrom, emotivesFrom, metadataFrom) }

    /// Roughly how much room it takes, in bytes.
    var weight: Int {
        512 + metadataBytes + memory.bytes + 8 * (eventSeqs.count + emotiveSeqs.count + metadataSeqs.count)
    }

    /// Does an operation.
    /// - Parameters:
    ///   - operation: What to do.
    ///   - change: What follows for the database is added to it.
    ///   - bytesMax: How many bytes of memory what was observed may take.
    /// - Returns: What came of it.
    /// - Throws: ``MemoryError`` when it cannot be done; the state and the change are as they were.
    mutating func perform(
        _ operation: MemoryOperation,
        into change: inout MemoryChange,
        bytesMax: Int = .max
    ) throws(MemoryError) -> MemoryAnswer {
        // Who stays below the limit in any case is spared the copy of what was there before.
        guard memory.bytes + operation.bytes > bytesMax else { return try perform(operation, &change) }
        var after = self
        var added = change
        let answer = try after.perform(operation, &added)
        // What is over the limit already, from before it was lowered, may stay and shrink.
        guard after.memory.bytes <= max(bytesMax, memory.bytes) else {
            throw MemoryError(
                .shortTermMemoryFull,
                problems: [
                    .init(
                        field: operation.field,
                        reason:
                            "with it the session's short-term memory would take \(after.memory.bytes) bytes, at most "
                            + "\(bytesMax): learn or clear it, or have PARLEY_MEMORY_STM_MAX raised"
                    )
                ]
            )
        }
        self = after
        change = added
        return answer
    }

    private mutating func perform(
        _ operation: MemoryOperation,
        _ change: inout MemoryChange
    ) throws(MemoryError) -> MemoryAnswer {
        var answer = MemoryAnswer(nodeID: nodeID, initialLength: memory.length, length: memory.length)
        switch operation {
        case .observe(let observations, let options):
            observe(observations, options, &answer, &change)
        case .observeTurn(let seq, let incoming):
            if seq > turnSeq {
                turnSeq = seq
                observe([incoming], SequenceOptions(), &answer, &change)
            }
        case .learn:
            answer.finallyLearned = try learn(&change)
        case .clear:
            memory.clear()
        case .clearAll:
            memory.clear()
            change.clearNode()
        case .configure(let values):
            settings = try settings.merging(values)
            change.setsSettings = true
        case .extend(let seconds):
            ttlSeconds = seconds
        }
        keepSeqs()
        answer.length = memory.length
        return answer
    }

    /// The changes of this version are on their way: the next ones belong to the next version.
    mutating func advance() {
        version += 1
    }

    private mutating func observe(
        _ observations: [IncomingObservation],
        _ options: SequenceOptions,
        _ answer: inout MemoryAnswer,
        _ change: inout MemoryChange
    ) {
        for (position, incoming) in observations.enumerated() {
            if options.clearsBetween, position > 0 { dropEvents() }
            let autoLearned = observe(incoming, &change)
            if options.learnsAfterEach, memory.length > 0, let name = try? learn(&change) {
                answer.learned.append(name)
            }
            if let autoLearned { answer.learned.append(autoLearned) }
            answer.steps.append(
                ObservedStep(
                    uniqueID: incoming.uniqueID,
                    length: memory.length,
                    time: memory.time,
                    autoLearned: autoLearned
                )
            )
        }
        if options.learnsAtEnd, memory.length > 0, let name = try? learn(&change) {
            answer.finallyLearned = name
            answer.learned.append(name)
        }
    }

    /// Takes one observation.
    /// - Returns: The pattern that was learned by itself, if one was.
    private mutating func observe(_ incoming: IncomingObservation, _ change: inout MemoryChange) -> String? {
        let observation = incoming.observation
        lastSeq += 1
        let event = observation.event(vectorSymbols: incoming.vectorSymbols, sorted: settings.sortSymbols)
        if !event.isEmpty { eventSeqs.append(lastSeq) }
        if !observation.emotives.isEmpty { emotiveSeqs.append(lastSeq) }
        if !observation.metadata.isEmpty { metadataSeqs.append(lastSeq) }
        let learned = memory.observe(observation, vectorSymbols: incoming.vectorSymbols, settings)
        keepSeqs()
        change.observed(incoming, seq: lastSeq, event: event)
        if let learned { change.learned(learned, persistence: settings.persistence) }
        return learned?.name.qualified
    }

    /// - Returns: The pattern's name; empty for a single symbol, of which none is made.
    private mutating func learn(_ change: inout MemoryChange) throws(MemoryError) -> String {
        let learned = try memory.learn()
        keepSeqs()
        if let learned { change.learned(learned, persistence: settings.persistence) }
        return learned?.name.qualified ?? ""
    }

    /// Empties the events and keeps the rest, as a sequence with isolated observations wants it.
    private mutating func dropEvents() {
        memory = ShortTermMemory(emotives: memory.emotives, metadata: memory.metadata, time: memory.time)
        keepSeqs()
    }

    /// What memory has let go of has no number any more; it lets go of the oldest first.
    private mutating func keepSeqs() {
        Self.keep(memory.events.count, of: &eventSeqs)
        Self.keep(memory.emotives.count, of: &emotiveSeqs)
        Self.keep(memory.metadata.count, of: &metadataSeqs)
    }

    private static func keep(_ count: Int, of seqs: inout [Int64]) {
        if seqs.count > count { seqs.removeFirst(seqs.count - count) }
    }
}

extension MemoryOperation {
    /// The most bytes by which a session's memory grows with it.
    fileprivate var bytes: Int {
        switch self {
        case .observe(let observations, _): observations.reduce(0) { $0 + $1.bytes }
        case .observeTurn(_, let incoming): incoming.bytes
        case .learn, .clear, .clearAll, .configure, .extend: 0
        }
    }

    /// What a client calls what it brings.
    fileprivate var field: String {
        if case .observe(let observations, _) = self, observations.count > 1 { return "observations" }
        return "observation"
    }
}
