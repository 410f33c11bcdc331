import JSON
import Memory

/// What is to be added to a pattern.
struct PatternGain: Sendable {
    /// The pattern.
    let name: PatternName
    /// Its events.
    let events: [[String]]
    /// How often it was learned.
    var frequency = 1
    /// The emotives to add, oldest first.
    var emotives: [[String: Double]]
    /// How many emotives the pattern keeps.
    var kept: Int
    /// The metadata to add.
    var metadata: [String: [String]]
    /// The affinity that its symbols gain.
    var affinity: [String: Double]

    /// What one learning adds.
    init(_ learned: LearnedSequence, persistence: Int) {
        name = learned.name
        events = learned.events
        emotives = Emotives.kept(learned.emotives, persistence: persistence)
        kept = persistence
        metadata = learned.metadata
        affinity = learned.affinityGain
    }

    /// Learns the same pattern once more.
    ///
    /// Keeping the last p of a list, adding n and keeping the last q of that is keeping the last min(q, p + n) of all.
    mutating func add(_ learned: LearnedSequence, persistence: Int) {
        frequency += 1
        kept = min(persistence, kept + learned.emotives.count)
        emotives = Emotives.kept(emotives + learned.emotives, persistence: kept)
        metadata = Metadata.merged(metadata, learned.metadata)
        affinity.merge(learned.affinityGain, uniquingKeysWith: +)
    }
}

/// What operations on one session ask of the database, besides its own row.
struct MemoryChange: Sendable {
    /// An observation, and the number that it has in its session.
    struct Observed: Sendable {
        let seq: Int64
        let event: [String]
        let emotives: [String: Double]
        let metadata: JSONObject
    }

    /// What was observed, in order.
    private(set) var observations: [Observed] = []
    /// The patterns to learn, each once.
    private(set) var patterns: [PatternGain] = []
    private var positions: [PatternName: Int] = [:]
    /// The vectors to learn.
    private(set) var vectors: [[Double]] = []
    /// What was observed last.
    private(set) var percept: Observation?
    /// Whether the node forgets everything, before it learns what is in here.
    private(set) var clearsNode = false
    /// Whether the settings have changed.
    var setsSettings = false

    /// An observation was taken.
    mutating func observed(_ incoming: IncomingObservation, seq: Int64, event: [String]) {
        let observation = incoming.observation
        percept = observation
        if let vector = incoming.newVector { vectors.append(vector) }
        observations.append(
            Observed(seq: seq, event: event, emotives: observation.emotives, metadata: observation.metadata)
        )
    }

    /// A pattern was learned.
    mutating func learned(_ sequence: LearnedSequence, persistence: Int) {
        if let position = positions[sequence.name] {
            patterns[position].add(sequence, persistence: persistence)
        } else {
            positions[sequence.name] = patterns.count
            patterns.append(PatternGain(sequence, persistence: persistence))
        }
    }

    /// The node forgets what it learned, also what it was to learn in here.
    mutating func clearNode() {
        patterns = []
        positions = [:]
        vectors = []
        clearsNode = true
    }
}
