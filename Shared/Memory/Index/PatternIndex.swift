import JSON

/// The patterns of a node in memory, in a form that answers predictions fast.
///
/// A value: ``query(state:_:)`` takes a snapshot that is cheap and stays as it is while the index goes on learning, so
/// that predictions run outside of whatever guards the index. Symbols are numbered; a pattern is the numbers of its
/// symbols, side by side with those of 4,095 others in a segment. A full segment has postings, from which the
/// overlap of a pattern and a state follows without looking at the pattern.
package struct PatternIndex: Sendable {
    /// The most symbols of one pattern: 1,000 events of 1,000 strings and 4 vectors.
    package static let patternLength = 1_004_000

    private var numbers: [ExactText: UInt32] = [:]
    private var places: [PatternName: UInt32] = [:]
    private(set) var snapshot = PatternSnapshot()

    /// Makes an index without patterns.
    package init() {}

    /// N: how many patterns there are.
    package var patternCount: Int { places.count }
    /// How many distinct symbols they hold.
    package var symbolCount: Int { snapshot.patternCounts.count }

    /// Adds a pattern, or gives the one of this name its new frequency and feelings.
    ///
    /// - Returns: Whether the pattern is new.
    /// - Throws: ``MemoryError`` `invalidPattern` beyond ``patternLength``, `indexFull` beyond 2^31 symbols or 2^32
    ///   patterns.
    @discardableResult
    package mutating func upsert(_ pattern: Pattern) throws(MemoryError) -> Bool {
        let mean = Emotives.mean(pattern.emotives)
        if let place = places[pattern.name] {
            update(Int(place), frequency: pattern.frequency, emotives: mean)
            return false
        }
        let length = pattern.length
        guard length <= Self.patternLength else {
            throw MemoryError(.invalidPattern, "a pattern of \(length) symbols, at most \(Self.patternLength)")
        }
        guard places.count < Int(UInt32.max) - PatternSegment.capacity,
            symbolCount + length < Int(PatternSegment.eventStart)
        else {
            throw MemoryError(
                .indexFull,
                "the node has \(symbolCount) symbols in \(patternCount) patterns, the most there is"
            )
        }
        places[pattern.name] = snapshot.append(pattern.name, words: words(of: pattern.events), pattern.frequency, mean)
        return true
    }

    /// How often the pattern of a name was learned; nil for an unknown one.
    package func frequency(of name: PatternName) -> Int? {
        places[name].map { snapshot.frequency(at: Int($0)) }
    }

    /// Sets what a symbol has gained of each feeling; nothing happens to a symbol that no pattern holds.
    package mutating func setAffinity(of symbol: String, _ affinity: [String: Double]) {
        guard let number = numbers[ExactText(symbol)] else { return }
        snapshot.setAffinity(of: Int(number), affinity)
    }

    /// Adds what was learned to the affinity of each distinct symbol of its events, as learning does.
    package mutating func addAffinity(_ learned: LearnedSequence) {
        let gain = learned.affinityGain
        guard !gain.isEmpty else { return }
        for symbol in Set(learned.events.joined().map(ExactText.init)) {
            guard let number = numbers[symbol] else { continue }
            let known = snapshot.symbols[Int(number)].affinity
            snapshot.setAffinity(of: Int(number), known.merging(gain, uniquingKeysWith: +))
        }
    }

    /// What is known of a symbol; nil when no pattern holds it.
    package func statistics(of symbol: String) -> SymbolStatistics? {
        numbers[ExactText(symbol)].map { snapshot.statistics(of: Int($0)) }
    }

    /// What is known of all symbols, in the order in which they were learned.
    package func statistics() -> [SymbolStatistics] {
        (0..<symbolCount).map { snapshot.statistics(of: $0) }
    }

    /// About how many bytes of memory the index takes.
    ///
    /// Counted are the arrays and tables by their capacity; not what the allocator adds, nor symbols beyond the 15
    /// bytes that a string holds in itself more than once.
    package var memoryBytes: Int {
        // A hash table keeps a fourth of its slots free and a bit for each.
        let tables = numbers.capacity * 32 * 4 / 3 + places.capacity * 28 * 4 / 3
        return tables + snapshot.memoryBytes
    }

    /// Makes ready to predict from a state; this is fast, what takes time is ``PredictionQuery/run()``.
    ///
    /// - Parameters:
    ///   - state: The events of a session's short-term memory.
    ///   - configuration: The session's settings.
    /// - Returns: The query, which does not see what is learned later.
    package func query(state: [[String]], _ configuration: SessionConfiguration) -> PredictionQuery {
        let symbols = state.flatMap { event in event.map { numbers[ExactText($0)] ?? PredictionQuery.unknown } }
        return PredictionQuery(snapshot: snapshot, state: state, numbers: symbols, configuration: configuration)
    }

    /// The predictions from a state, at once.
    package func predict(state: [[String]], _ configuration: SessionConfiguration) -> PredictionEnsemble {
        query(state: state, configuration).run()
    }

    private mutating func update(_ place: Int, frequency: Int, emotives: [String: Double]) {
        let segment = place / PatternSnapshot.placesPerSegment
        let local = place % PatternSnapshot.placesPerSegment
        let old = snapshot.update(at: place, frequency: frequency, emotives: emotives)
        guard old != frequency else { return }
        let range = snapshot.segments[segment].range(of: local)
        for position in range {
            let symbol = snapshot.segments[segment].words[position] & PatternSegment.symbolBits
            snapshot.symbols[Int(symbol)].frequency += frequency - old
        }
    }

    private mutating func words(of events: [[String]]) -> [UInt32] {
        var words: [UInt32] = []
        for event in events {
            var mark = PatternSegment.eventStart
            for symbol in event {
                words.append(number(of: symbol) | mark)
                mark = 0
            }
        }
        return words
    }

    private mutating func number(of symbol: String) -> UInt32 {
        let text = ExactText(symbol)
        if let number = numbers[text] { return number }
        let number = UInt32(symbolCount)
        numbers[text] = number
        snapshot.appendSymbol(symbol)
        return number
    }
}

/// What a node knows of a symbol.
package struct SymbolStatistics: Sendable, Equatable {
    /// The symbol.
    package let name: String
    /// How often it was learned: over all patterns their frequency times how often they hold it.
    package let frequency: Int
    /// How many patterns hold it.
    package let patternMemberFrequency: Int
    /// What it gained of each feeling when patterns with it were learned.
    package let affinity: [String: Double]
}
