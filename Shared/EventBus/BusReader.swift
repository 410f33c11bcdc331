package import Observability
import Synchronization

/// Reads all partitions of topics without a group: every reader gets every record, nothing is committed.
///
/// After the broker was away, reading goes on where it was; when the broker came back without its data, from the
/// beginning of what it has since. A record may then come twice, and records that the broker lost do not come.
package final class BusReader: Sendable {
    /// Where to start.
    package enum Start: Sendable, Equatable {
        /// With what comes from now on.
        ///
        /// The local broker may hand out a few records from before.
        case end
        /// With everything that the broker has.
        case beginning
        /// With the records stamped at this time or later, in milliseconds since 1970.
        case since(milliseconds: Int64)
    }

    private let loops: [ReaderLoop]
    private let isStarted = Atomic(false)

    /// Makes a reader; it connects in ``run(handler:)``.
    ///
    /// - Throws: ``BusError`` when librdkafka is too old or the configuration makes no sense.
    package init(
        configuration: BusConfiguration,
        topics: [String],
        start: Start = .end,
        logger: Logger,
        onTopicMissing: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        try requireLibrdkafka()
        try configuration.validate()
        guard !topics.isEmpty, Set(topics).count == topics.count else {
            throw BusError(.configurationInvalid, "a reader needs topics that differ")
        }
        let logger = logger.with([.component: "bus.reader"])
        loops = try topics.map { topic in
            try ReaderLoop(
                topic: topic,
                configuration: configuration,
                start: start,
                logger: logger,
                onTopicMissing: onTopicMissing
            )
        }
    }

    /// What was done so far, over all topics.
    package var metrics: BusMetrics {
        loops.reduce(BusMetrics()) { $0 + $1.metrics }
    }

    /// Whether the partitions of all topics have been found and are read: for readiness.
    package var isReading: Bool { loops.allSatisfy(\.isReading) }

    /// Reads until ``shutdown()`` or until the task is cancelled; may be called once.
    ///
    /// The handler gets the records of one topic in batches, in order within a partition; it is called for several
    /// topics side by side. While it is busy at most ``BusConfiguration/readerBufferRecordsMax`` more are held.
    ///
    /// - Throws: ``BusError`` when a client cannot be made. An unreachable broker or a missing topic is waited for.
    package func run(handler: @escaping @Sendable ([BusRecord]) async -> Void) async throws {
        precondition(
            isStarted.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged,
            "a reader runs once"
        )
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for loop in loops {
                    group.addTask {
                        defer { self.shutdown() }
                        try await DedicatedThread.run(name: "bus-reader") { try loop.run() }
                    }
                    group.addTask {
                        while let records = await loop.queue.next() {
                            await handler(records)
                        }
                    }
                }
                try await group.waitForAll()
            }
        } onCancel: {
            shutdown()
        }
    }

    /// Reads nothing more; ``run(handler:)`` returns when the running handlers are through.
    package func shutdown() {
        for loop in loops {
            loop.queue.stop()
        }
    }
}
