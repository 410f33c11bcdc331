/// Keeps account of publishes whose records are on their way, and of buffered records.
///
/// A publish is open from ``begin(topics:)`` until each of its records was reported; then it is handed back once, with
/// its failures. A ticket names a record: the publish's number and the record's place in it, packed into one word so
/// that it can travel through C. Tickets of publishes that are closed, or that never were, are ignored.
struct DeliveryStateMachine: Sendable {
    /// A publish that is through.
    struct Outcome: Sendable, Equatable {
        /// The publish's number.
        let publish: UInt
        /// How many records it had.
        let count: Int
        /// Its records that failed, in the order of the reports.
        let failures: [BusError.Failure]
    }

    private struct Publish: Sendable {
        let topics: [String]
        var remaining: Int
        var isReported: [Bool]
        var failures: [BusError.Failure] = []
    }

    /// The bits of a ticket that hold the record's place.
    static let indexBits = 20
    /// The ticket of all buffered records.
    static let bufferedTicket: UInt = 0

    private let bufferedMax: Int
    private var open: [UInt: Publish] = [:]
    private var lastPublish: UInt = 0

    /// Buffered records on their way.
    private(set) var bufferedCount = 0
    /// Records of publishes on their way.
    private(set) var pendingCount = 0

    init(bufferedMax: Int) {
        self.bufferedMax = bufferedMax
    }

    /// Opens a publish of records for these topics, in their order.
    mutating func begin(topics: [String]) -> UInt {
        precondition(!topics.isEmpty && topics.count <= 1 << Self.indexBits, "a publish has records, and not too many")
        lastPublish += 1
        open[lastPublish] = Publish(
            topics: topics,
            remaining: topics.count,
            isReported: [Bool](repeating: false, count: topics.count)
        )
        pendingCount += topics.count
        return lastPublish
    }

    /// The ticket of a record.
    static func ticket(publish: UInt, index: Int) -> UInt {
        publish << UInt(indexBits) | UInt(index)
    }

    /// Takes the fate of one record: nil for delivered.
    ///
    /// Answers the publish's outcome when this was its last record.
    mutating func reported(ticket: UInt, failure: BusError.Code?) -> Outcome? {
        let publish = ticket >> UInt(Self.indexBits)
        let index = Int(ticket & (1 << UInt(Self.indexBits) - 1))
        guard let state = open[publish], index < state.topics.count, !state.isReported[index] else { return nil }
        return close(publish, index, failure)
    }

    /// Ends every open publish: what was not reported has failed with this code.
    mutating func failAll(_ code: BusError.Code) -> [Outcome] {
        bufferedCount = 0
        return open.keys.sorted().compactMap { publish in
            guard let state = open[publish] else { return nil }
            return state.isReported.indices.compactMap { index in
                state.isReported[index] ? nil : close(publish, index, code)
            }.last
        }
    }

    /// Asks to buffer one more record; false when that would be over the limit.
    mutating func admitBuffered() -> Bool {
        guard bufferedCount < bufferedMax else { return false }
        bufferedCount += 1
        return true
    }

    /// A buffered record is through, delivered or not.
    mutating func bufferedReported() {
        bufferedCount = max(0, bufferedCount - 1)
    }

    private mutating func close(_ publish: UInt, _ index: Int, _ failure: BusError.Code?) -> Outcome? {
        guard let topics = open[publish]?.topics else { return nil }
        open[publish]?.isReported[index] = true
        open[publish]?.remaining -= 1
        pendingCount -= 1
        if let failure {
            open[publish]?.failures.append(
                BusError.Failure(
                    index: index,
                    topic: topics[index],
                    code: failure,
                    isRetriable: failure.isRetriableByDefault
                )
            )
        }
        guard let state = open[publish], state.remaining == 0 else { return nil }
        open[publish] = nil
        return Outcome(publish: publish, count: topics.count, failures: state.failures)
    }
}
