import Domain

/// How far the numbering of a turn's stream has come.
struct DeltaCounters: Equatable {
    /// Where the turn's next event stands in the stream.
    var streamNext: Int64
    /// The number of the turn's next delta.
    var deltaNext: Int
}

/// Puts the pieces of a running answer together: the first goes at once, because that is what a reader waits for, the
/// following when 30 ms have passed since the last one or about 20 tokens have come together.
struct DeltaStateMachine {
    /// How long a piece may wait for others.
    static let interval = Duration.milliseconds(30)
    /// How many bytes make about 20 tokens, at four bytes a token.
    static let bytesMax = 80

    /// What is sent as one delta.
    struct Batch: Equatable {
        /// The number of the delta in the turn.
        let number: Int
        /// Where it stands in the turn's stream.
        let streamIndex: Int64
        /// What is new.
        let text: String
    }

    /// How far the numbering has come.
    private(set) var counters: DeltaCounters
    private var text = ""
    /// When the last delta was sent; nil: none was.
    private var lastSent: ContinuousClock.Instant?

    /// Begins with nothing sent.
    init(counters: DeltaCounters) {
        self.counters = counters
    }

    /// Takes a new piece.
    /// - Returns: What is to be sent now, if anything is.
    mutating func append(_ piece: String, now: ContinuousClock.Instant) -> Batch? {
        if piece.isEmpty { return nil }
        text += piece
        guard let lastSent else { return take(now) }
        let isDue = text.utf8.count >= Self.bytesMax || lastSent.duration(to: now) >= Self.interval
        return isDue ? take(now) : nil
    }

    /// Takes what waits, if anything does.
    mutating func flush(now: ContinuousClock.Instant) -> Batch? {
        text.isEmpty ? nil : take(now)
    }

    /// Begins another attempt: what waits is void.
    /// - Parameter counters: Where the attempt begins.
    /// - Returns: Where the event stands that opens the attempt; deltas follow it.
    mutating func restart(at counters: DeltaCounters) -> Int64 {
        self = DeltaStateMachine(
            counters: DeltaCounters(streamNext: counters.streamNext + 1, deltaNext: counters.deltaNext)
        )
        return counters.streamNext
    }

    private mutating func take(_ now: ContinuousClock.Instant) -> Batch {
        let piece = takeText()
        let batch = Batch(number: counters.deltaNext, streamIndex: counters.streamNext, text: piece)
        counters.deltaNext += 1
        counters.streamNext += 1
        lastSent = now
        return batch
    }

    /// As much as a delta may hold; the rest waits for the next one.
    private mutating func takeText() -> String {
        var piece = ""
        swap(&piece, &text)
        let scalars = piece.unicodeScalars
        // There are at least as many bytes as scalars, and bytes need not be counted.
        if piece.utf8.count <= EventLimits.textScalarsMax || scalars.count <= EventLimits.textScalarsMax {
            return piece
        }
        text = String(scalars.dropFirst(EventLimits.textScalarsMax))
        return String(scalars.prefix(EventLimits.textScalarsMax))
    }
}
