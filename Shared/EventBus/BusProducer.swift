package import Observability
import Synchronization

/// Publishes records: idempotent, acknowledged by all replicas, concurrent publishes share batches.
///
/// A broker that lost its state makes librdkafka's idempotent producer fail for good. Then a new one takes its place by
/// itself, and the records that were on their way fail as `producerReset`: retriable, as the broker may have them.
package final class BusProducer: Sendable {
    private struct State {
        var line: ProducerLine?
        var isClosed = false
    }

    private let configuration: BusConfiguration
    private let logger: Logger
    private let counters = BusCounters()
    private let onTopicMissing: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// Makes a producer; it connects in the background.
    ///
    /// `onTopicMissing` hears, from a thread of the producer, of topics that the broker does not know;
    /// ``TopicKeeper/nudge()`` belongs there.
    ///
    /// - Throws: ``BusError`` when librdkafka is too old or refuses the configuration.
    package init(
        configuration: BusConfiguration,
        logger: Logger,
        onTopicMissing: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        try requireLibrdkafka()
        try configuration.validate()
        self.configuration = configuration
        self.logger = logger.with([.component: "bus.producer"])
        self.onTopicMissing = onTopicMissing
        _ = try line()
    }

    deinit {
        // A producer that nobody closed: its thread must not live on.
        state.withLock { $0.line }?.beginEnd(within: .zero, code: .closed)
    }

    /// What was done so far.
    package var metrics: BusMetrics {
        var metrics = counters.snapshot
        metrics.inFlight = UInt64(state.withLock { $0.line }?.inFlightCount ?? 0)
        return metrics
    }

    /// Publishes the records and answers when the broker has acknowledged all of them.
    ///
    /// Records of one key keep their order, within a publish and from one publish to the next. The wait is bounded by
    /// ``BusConfiguration/deliveryTimeout``. A cancelled task waits too: records on their way cannot be called back.
    ///
    /// - Throws: ``BusError``; its `failures` name the records that failed, the others were delivered. Without
    ///   `failures` nothing was sent (`tooManyRecords`, `closed`).
    package func publish(_ records: [OutgoingRecord]) async throws {
        guard !records.isEmpty else { return }
        guard records.count <= configuration.publishRecordsMax else {
            throw BusError(
                .tooManyRecords,
                "\(records.count) records in one publish, at most \(configuration.publishRecordsMax) may be; split it"
            )
        }
        try await line().publish(records)
    }

    /// Publishes a record without waiting and without a report: for deltas.
    ///
    /// Over ``BusConfiguration/bufferedRecordsMax``, or when it cannot be delivered, it is dropped and counted.
    package func publishBuffered(_ record: OutgoingRecord) {
        let isTaken = (try? line())?.publishBuffered(record) ?? false
        if !isTaken {
            counters.update { $0.drops += 1 }
        }
    }

    /// Takes nothing more, waits for what is on its way for at most this long, and fails the rest with `closed`.
    package func close(timeout: Duration = .seconds(5)) async {
        let line = state.withLock { state in
            state.isClosed = true
            return state.line
        }
        await line?.end(within: timeout, code: .closed)
    }

    /// The line that is in use; after a failure to make one, the next call tries again.
    private func line() throws -> ProducerLine {
        try state.withLock { state in
            if state.isClosed {
                throw BusError(.closed, "the producer was closed; make a new one")
            }
            if let line = state.line {
                return line
            }
            let line = try ProducerLine(
                configuration: configuration,
                logger: logger,
                counters: counters,
                onTopicMissing: onTopicMissing,
                onFatal: { [weak self] line in self?.replace(line) }
            )
            state.line = line
            return line
        }
    }

    private func replace(_ failed: ProducerLine) {
        let isReplaced = state.withLock { state in
            guard state.line === failed else { return false }
            state.line = nil
            return true
        }
        guard isReplaced else { return }
        counters.update { $0.resets += 1 }
        logger.warning("the producer failed for good; a new one takes its place")
        do {
            _ = try line()
        } catch {
            logger.error("no new producer could be made; the next publish tries again", [.error: .error(error)])
        }
    }
}
