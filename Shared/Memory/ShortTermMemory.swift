package import JSON

/// What a session has perceived since it last learned: its events in order, and the feelings and metadata with them.
package struct ShortTermMemory: Sendable, Equatable {
    /// How many events, feelings and metadata entries are kept; the oldest go first.
    package static let limit = 1000

    /// The events, oldest first, none of them empty.
    package private(set) var events: [[String]]
    /// The feelings since the last learning, oldest first, none of them empty.
    package private(set) var emotives: [[String: Double]]
    /// The metadata since the last learning, oldest first, none of them empty.
    package private(set) var metadata: [JSONObject]
    /// How many observations there were since it was cleared.
    package private(set) var time: Int
    /// About how many bytes of memory all of it takes.
    package private(set) var bytes: Int

    /// Makes a memory, empty or as it was stored.
    package init(
        events: [[String]] = [],
        emotives: [[String: Double]] = [],
        metadata: [JSONObject] = [],
        time: Int = 0
    ) {
        self.events = events.suffix(Self.limit)
        self.emotives = emotives.suffix(Self.limit)
        self.metadata = metadata.suffix(Self.limit)
        self.time = time
        bytes =
            self.events.reduce(0) { $0 + HeldBytes.of($1) } + self.emotives.reduce(0) { $0 + HeldBytes.of($1) }
            + self.metadata.reduce(0) { $0 + HeldBytes.of($1) }
    }

    /// How many events there are.
    package var length: Int { events.count }
    /// How many symbols these have together.
    package var symbolCount: Int { events.reduce(0) { $0 + $1.count } }
    /// All symbols, event by event: the state that predictions start from.
    package var state: [String] { events.flatMap(\.self) }

    /// Takes in an observation, and learns by itself when the session's `max_pattern_length` is reached.
    ///
    /// An observation without symbols leaves the events as they are, and is counted in ``time`` all the same.
    ///
    /// - Parameters:
    ///   - observation: What was perceived.
    ///   - vectorSymbols: The symbol of its summed vector and those of the nearest learned vectors.
    ///   - configuration: The session's settings.
    /// - Returns: What the session learned by itself and the node has to keep; nil when it learned nothing.
    package mutating func observe(
        _ observation: Observation,
        vectorSymbols: [String] = [],
        _ configuration: SessionConfiguration
    ) -> LearnedSequence? {
        time += 1
        let event = observation.event(vectorSymbols: vectorSymbols, sorted: configuration.sortSymbols)
        append(event: event, emotives: observation.emotives, metadata: observation.metadata)
        let length = configuration.maxPatternLength
        guard length > 0, events.count >= length else { return nil }
        switch configuration.stmMode {
        case .clear: return takeAll()
        case .rolling:
            let kept = events.suffix(length - 1)
            let learned = takeAll()
            events = Array(kept)
            bytes = events.reduce(0) { $0 + HeldBytes.of($1) }
            return learned
        }
    }

    /// Appends what is not empty, without counting or learning.
    package mutating func append(event: [String], emotives: [String: Double] = [:], metadata: JSONObject = JSONObject())
    {
        if !event.isEmpty { bytes += Self.append(event, to: &events, HeldBytes.of) }
        if !emotives.isEmpty { bytes += Self.append(emotives, to: &self.emotives, HeldBytes.of) }
        if !metadata.isEmpty { bytes += Self.append(metadata, to: &self.metadata, HeldBytes.of) }
    }

    /// Hands over what there is to learn; the events and the accumulators are empty afterwards.
    ///
    /// - Returns: What the node has to keep; nil when there was one symbol alone, which is no pattern.
    /// - Throws: ``MemoryError`` `emptyShortTermMemory` without an event.
    package mutating func learn() throws(MemoryError) -> LearnedSequence? {
        guard !events.isEmpty else { throw .emptyShortTermMemory }
        return takeAll()
    }

    /// Forgets everything, the time too.
    package mutating func clear() {
        self = ShortTermMemory()
    }

    private mutating func takeAll() -> LearnedSequence? {
        let sequence =
            events.count > 1 || events.contains { $0.count > 1 }
            ? LearnedSequence(events: events, emotives: emotives, metadata: metadata) : nil
        events = []
        emotives = []
        metadata = []
        bytes = 0
        return sequence
    }

    /// - Returns: By how many bytes the list has grown.
    private static func append<Element>(
        _ element: Element,
        to list: inout [Element],
        _ held: (Element) -> Int
    ) -> Int {
        var growth = held(element)
        if list.count >= limit {
            let first = list.count - limit + 1
            for gone in list[..<first] { growth -= held(gone) }
            list.removeFirst(first)
        }
        list.append(element)
        return growth
    }
}
