import Observability
import Synchronization

/// One librdkafka producer with the thread that takes its reports.
///
/// After a fatal error it is given up for a new one.
final class ProducerLine: Sendable {
    private struct State {
        var deliveries: DeliveryStateMachine
        var waiting: [UInt: CheckedContinuation<Void, any Error>] = [:]
        /// Set when the line takes nothing more; the thread ends when all is reported, or at this time.
        var endsAt: ContinuousClock.Instant?
        /// What unreported records fail with at the end.
        var endCode = BusError.Code.closed
        var isEnded = false
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    private let producer: RDKafkaProducer
    private let counters: BusCounters
    private let messageBytesMax: Int
    private let onTopicMissing: @Sendable (String) -> Void
    private let onFatal: @Sendable (ProducerLine) -> Void
    private let state: Mutex<State>

    /// Makes the producer and starts its thread, which keeps the line alive until ``end(within:code:)``.
    init(
        configuration: BusConfiguration,
        logger: Logger,
        counters: BusCounters,
        onTopicMissing: @escaping @Sendable (String) -> Void,
        onFatal: @escaping @Sendable (ProducerLine) -> Void
    ) throws {
        producer = try RDKafkaProducer(properties: configuration.producerProperties, logger: logger)
        self.counters = counters
        messageBytesMax = configuration.messageBytesMax
        self.onTopicMissing = onTopicMissing
        self.onFatal = onFatal
        state = Mutex(State(deliveries: DeliveryStateMachine(bufferedMax: configuration.bufferedRecordsMax)))
        try DedicatedThread.start(name: "bus-producer") { self.run() }
    }

    /// Records on their way.
    var inFlightCount: Int {
        state.withLock { $0.deliveries.pendingCount + $0.deliveries.bufferedCount }
    }

    /// Sends the records and waits for the report of each.
    func publish(_ records: [OutgoingRecord]) async throws {
        let topics = records.map(\.topic)
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let publish = state.withLock { state -> UInt? in
                guard state.endsAt == nil else { return nil }
                let publish = state.deliveries.begin(topics: topics)
                state.waiting[publish] = continuation
                return publish
            }
            guard let publish else {
                let code = state.withLock { $0.endCode }
                continuation.resume(throwing: BusError(failures: Self.failures(of: records, code), of: records.count))
                return
            }
            send(records, publish)
        }
    }

    /// Sends a record whose report nobody waits for; false when it was dropped.
    func publishBuffered(_ record: OutgoingRecord) -> Bool {
        guard record.payloadBytes <= messageBytesMax else { return false }
        let isAdmitted = state.withLock { $0.endsAt == nil && $0.deliveries.admitBuffered() }
        guard isAdmitted else { return false }
        if producer.send(record, ticket: DeliveryStateMachine.bufferedTicket) != nil {
            state.withLock { $0.deliveries.bufferedReported() }
            return false
        }
        return true
    }

    /// Takes nothing more; what is on its way has this long, then it fails with `code`.
    ///
    /// Answers when the thread has ended.
    func end(within time: Duration, code: BusError.Code) async {
        beginEnd(within: time, code: code)
        await withCheckedContinuation { continuation in
            let isEnded = state.withLock { state in
                if !state.isEnded {
                    state.closers.append(continuation)
                }
                return state.isEnded
            }
            if isEnded {
                continuation.resume()
            }
        }
    }

    /// Takes nothing more, without waiting.
    func beginEnd(within time: Duration, code: BusError.Code) {
        let endsAt = ContinuousClock.now + time
        state.withLock { state in
            guard state.endsAt.map({ endsAt < $0 }) ?? true else { return }
            state.endsAt = endsAt
            state.endCode = code
        }
        producer.wake()
    }

    private func send(_ records: [OutgoingRecord], _ publish: UInt) {
        var refused: [(UInt, BusError.Code)] = []
        for (index, record) in records.enumerated() {
            let ticket = DeliveryStateMachine.ticket(publish: publish, index: index)
            if record.payloadBytes > messageBytesMax {
                refused.append((ticket, .messageTooLarge))
            } else if let code = producer.send(record, ticket: ticket) {
                refused.append((ticket, code))
            }
        }
        guard !refused.isEmpty else { return }
        resolve(refused.map { RDKafkaProducer.Delivery(ticket: $0.0, failure: $0.1) })
    }

    /// The thread: takes reports until the line ends.
    private func run() {
        var isFatal = false
        var isSuspect = false
        while true {
            var events = producer.poll(milliseconds: inFlightCount > 0 ? 100 : 1000)
            // A producer that times out after its broker was away, and delivers nothing since, may be stuck.
            isSuspect = (isSuspect || events.isConnectionLost) && !events.deliveries.contains { $0.failure == nil }
            if isSuspect, events.deliveries.contains(where: { $0.failure == .deliveryTimedOut }) {
                events.isFatal = true
            }
            resolve(events.deliveries)
            for topic in events.unknownTopics {
                onTopicMissing(topic)
            }
            if events.isFatal, !isFatal {
                isFatal = true
                onFatal(self)
                beginEnd(within: .seconds(1), code: .producerReset)
                producer.purge()
            }
            let endsAt = state.withLock { $0.endsAt }
            if let endsAt, producer.pendingCount == 0 || ContinuousClock.now >= endsAt { break }
            if endsAt != nil, events.deliveries.isEmpty {
                // Nothing wakes this thread at the deadline: look again soon.
                resolve(producer.poll(milliseconds: 20).deliveries)
            }
        }
        finish()
    }

    private func finish() {
        let (outcomes, closers) = state.withLock { state in
            let failed = state.deliveries.failAll(state.endCode)
            state.isEnded = true
            let closers = state.closers
            state.closers = []
            return (take(failed, &state), closers)
        }
        answer(outcomes)
        for closer in closers {
            closer.resume()
        }
    }

    private func resolve(_ deliveries: [RDKafkaProducer.Delivery]) {
        guard !deliveries.isEmpty else { return }
        var produced: UInt64 = 0
        var failed: UInt64 = 0
        var drops: UInt64 = 0
        let answers = state.withLock { state in
            var outcomes: [DeliveryStateMachine.Outcome] = []
            for delivery in deliveries {
                if delivery.failure == nil {
                    produced += 1
                } else {
                    failed += 1
                }
                if delivery.ticket == DeliveryStateMachine.bufferedTicket {
                    state.deliveries.bufferedReported()
                    drops += delivery.failure == nil ? 0 : 1
                } else if let outcome = state.deliveries.reported(ticket: delivery.ticket, failure: delivery.failure) {
                    outcomes.append(outcome)
                }
            }
            return take(outcomes, &state)
        }
        let counts = (produced: produced, failed: failed, drops: drops)
        counters.update {
            $0.produced += counts.produced
            $0.failed += counts.failed
            $0.drops += counts.drops
        }
        answer(answers)
    }

    private typealias Answer = (outcome: DeliveryStateMachine.Outcome, waiting: CheckedContinuation<Void, any Error>)

    private func take(_ outcomes: [DeliveryStateMachine.Outcome], _ state: inout State) -> [Answer] {
        outcomes.compactMap { outcome in
            state.waiting.removeValue(forKey: outcome.publish).map { (outcome, $0) }
        }
    }

    private func answer(_ answers: [Answer]) {
        for (outcome, waiting) in answers {
            if outcome.failures.isEmpty {
                waiting.resume()
            } else {
                waiting.resume(throwing: BusError(failures: outcome.failures, of: outcome.count))
            }
        }
    }

    private static func failures(of records: [OutgoingRecord], _ code: BusError.Code) -> [BusError.Failure] {
        records.enumerated().map { index, record in
            BusError.Failure(index: index, topic: record.topic, code: code, isRetriable: code.isRetriableByDefault)
        }
    }
}
