package import JSON

/// A sequence that a node has learned.
package struct Pattern: Sendable, Equatable {
    /// The greatest frequency: 2^40.
    package static let frequencyLimit = 1 << 40

    /// The SHA-1 of the events.
    package let name: PatternName
    /// What happened, one list of symbols for each event; none of them empty.
    package let events: [[String]]
    /// How often it was learned, at least 1.
    package var frequency: Int
    /// The last feelings that came with it, oldest first, at most the session's `persistence`.
    package var emotives: [[String: Double]]
    /// What else came with it: for each key the distinct values, in order.
    package var metadata: [String: [String]]

    /// Makes a pattern as it is stored.
    ///
    /// - Throws: ``MemoryError`` `invalidPattern` without an event, with an empty one, or with a frequency
    ///   that is not from 1 to ``frequencyLimit``.
    package init(
        events: [[String]],
        frequency: Int = 1,
        emotives: [[String: Double]] = [],
        metadata: [String: [String]] = [:]
    ) throws(MemoryError) {
        guard !events.isEmpty, events.allSatisfy({ !$0.isEmpty }) else {
            throw MemoryError(.invalidPattern, "a pattern has at least one event, and none of them is empty")
        }
        guard (1...Self.frequencyLimit).contains(frequency) else {
            throw MemoryError(
                .invalidPattern,
                "a frequency of \(frequency), which is not from 1 to \(Self.frequencyLimit)"
            )
        }
        self.name = PatternName(of: events)
        self.events = events
        self.frequency = frequency
        self.emotives = emotives
        self.metadata = metadata
    }

    /// How many symbols it has.
    package var length: Int { events.reduce(0) { $0 + $1.count } }

    /// Notes that it was learned once more.
    ///
    /// - Parameters:
    ///   - learned: What was learned; of the same events.
    ///   - persistence: How many feelings it keeps.
    package mutating func merge(_ learned: LearnedSequence, persistence: Int) {
        frequency = min(frequency + 1, Self.frequencyLimit)
        emotives = Emotives.kept(emotives + learned.emotives, persistence: persistence)
        metadata = Metadata.merged(metadata, learned.metadata)
    }
}

/// What a session hands to its node when it learns: a pattern's events, and what came with them this time.
package struct LearnedSequence: Sendable, Equatable {
    /// The name of the pattern.
    package let name: PatternName
    /// Its events.
    package let events: [[String]]
    /// The session's accumulated feelings, oldest first.
    package let emotives: [[String: Double]]
    /// The session's accumulated metadata, merged.
    package let metadata: [String: [String]]

    init(events: [[String]], emotives: [[String: Double]], metadata: [JSONObject]) {
        self.name = PatternName(of: events)
        self.events = events
        self.emotives = emotives
        self.metadata = Metadata.merged(metadata)
    }

    /// What each distinct symbol of the events gains in affinity: the mean of the feelings.
    package var affinityGain: [String: Double] { Emotives.mean(emotives) }

    /// The pattern as a node stores it that does not know it yet.
    ///
    /// - Parameter persistence: How many feelings it keeps.
    /// - Returns: The pattern, learned once.
    /// - Throws: Nothing that a sequence out of a short-term memory can bring about.
    package func newPattern(persistence: Int) throws(MemoryError) -> Pattern {
        try Pattern(events: events, emotives: Emotives.kept(emotives, persistence: persistence), metadata: metadata)
    }
}

/// Arithmetic with feelings.
package enum Emotives {
    /// The greatest magnitude of one feeling: 10^100.
    ///
    /// Sums of all that can be stored stay far below 1.8 · 10^308, the most that a double holds.
    package static let magnitudeLimit = 1e100
    /// The greatest magnitude of what a pattern's symbols gain of one feeling over all learnings: 10^120.
    ///
    /// ``Pattern/frequencyLimit`` learnings of ``magnitudeLimit`` each are 1.1 · 10^112.
    package static let affinityLimit = 1e120

    /// Feelings, none of them beyond a limit.
    package static func within(_ limit: Double, _ emotives: [String: Double]) -> [String: Double] {
        guard emotives.values.contains(where: { $0.magnitude > limit }) else { return emotives }
        return emotives.mapValues { max(-limit, min(limit, $0)) }
    }

    /// The mean of each name over the entries that have it.
    ///
    /// `[{a: 4, b: 2}, {a: 6}]` gives `{a: 5, b: 2}`.
    package static func mean(_ entries: [[String: Double]]) -> [String: Double] {
        var sums: [String: (total: Double, count: Int)] = [:]
        for entry in entries {
            for (name, value) in entry {
                let sum = sums[name] ?? (0, 0)
                sums[name] = (sum.total + value, sum.count + 1)
            }
        }
        return sums.mapValues { $0.total / Double($0.count) }
    }

    /// The last `persistence` entries.
    package static func kept(_ entries: [[String: Double]], persistence: Int) -> [[String: Double]] {
        Array(entries.suffix(max(0, persistence)))
    }
}

/// Merging what is known about patterns.
package enum Metadata {
    /// For each key the distinct values as texts (Python's `str`), sorted by code point.
    package static func merged(_ entries: [JSONObject]) -> [String: [String]] {
        var merged: [String: [String]] = [:]
        for entry in entries {
            for member in entry { merged[member.key, default: []].append(PythonText.string(of: member.value)) }
        }
        return merged.mapValues(SymbolOrder.sortedSet)
    }

    /// Both together; of each key the values of both, each once, sorted by code point.
    package static func merged(_ left: [String: [String]], _ right: [String: [String]]) -> [String: [String]] {
        left.merging(right) { SymbolOrder.sortedSet($0 + $1) }
    }
}
