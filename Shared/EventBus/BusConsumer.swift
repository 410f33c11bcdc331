package import Observability
import Resilience
import Synchronization

/// Reads topics as a member of a group and hands each record to a handler.
///
/// The broker shares the partitions out among the group's members, or ``PartitionShares`` tells which are this one's:
/// then the group is no more than the name that offsets are committed under.
///
/// Records of one key in one partition are handled one after another, others side by side. What is committed is, in
/// each partition, the offset of the lowest record that is not finished: after a crash every unfinished record comes
/// again (to whichever member has the partition), and some finished ones may. A handler that throws gets the same
/// record again after a pause that grows, and the records of its key wait for it; whether a record is hopeless is the
/// handler's decision.
///
/// ```swift
/// let consumer = try BusConsumer(configuration: bus, group: "workers", topics: ["orders"], logger: logger)
/// try await consumer.run { record in try await process(record) }   // until shutdown() or cancellation
/// ```
package final class BusConsumer: Sendable {
    private let configuration: BusConfiguration
    private let logger: Logger
    private let concurrency: Int
    private let loops: [ConsumerLoop]
    private let isStarted = Atomic(false)

    /// Makes a consumer; it joins the group in ``run(handler:)``.
    ///
    /// `shares` tells which partitions are read; nil leaves that to the broker. `concurrency` is how many handlers run
    /// at once for each topic. `onTopicMissing` hears, from a thread of the consumer, of topics that the broker does
    /// not know.
    ///
    /// - Throws: ``BusError`` when librdkafka is too old or the configuration makes no sense.
    package init(
        configuration: BusConfiguration,
        group: String,
        topics: [String],
        logger: Logger,
        shares: PartitionShares? = nil,
        concurrency: Int = 256,
        onTopicMissing: @escaping @Sendable (String) -> Void = { _ in }
    ) throws {
        try requireLibrdkafka()
        try configuration.validate()
        guard !topics.isEmpty, Set(topics).count == topics.count, !group.isEmpty, concurrency > 0 else {
            throw BusError(
                .configurationInvalid,
                "a consumer needs a group, topics that differ and a concurrency of at least 1"
            )
        }
        self.configuration = configuration
        self.concurrency = min(concurrency, configuration.inFlightRecordsMax)
        let logger = logger.with([.component: "bus.consumer"])
        self.logger = logger
        loops = try topics.map { topic in
            try ConsumerLoop(
                topic: topic,
                configuration: configuration,
                group: group,
                shares: shares,
                logger: logger,
                onTopicMissing: onTopicMissing
            )
        }
    }

    /// What was done so far, over all topics.
    package var metrics: BusMetrics {
        loops.reduce(BusMetrics()) { $0 + $1.dispatcher.metrics }
    }

    /// Whether this member has been given its partitions, for every topic, at least once.
    package var hasJoined: Bool { loops.allSatisfy(\.hasJoined) }

    /// The partitions that this member has of a topic.
    package func assignedPartitions(of topic: String) -> [Int32] {
        loops.first { $0.topic == topic }?.dispatcher.assignedPartitions ?? []
    }

    /// Joins the group and handles records until ``shutdown()`` or until the task is cancelled; may be called once.
    ///
    /// At shutdown running handlers may finish within ``BusConfiguration/drainTimeout``; when the task is cancelled
    /// they are cancelled. Records that are not finished then are not committed and come again.
    ///
    /// - Throws: ``BusError`` when a client cannot be made. An unreachable broker is waited for.
    package func run(handler: @escaping @Sendable (BusRecord) async throws -> Void) async throws {
        precondition(
            isStarted.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged,
            "a consumer runs once"
        )
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for loop in loops {
                    group.addTask { try await self.run(loop, handler) }
                }
                do {
                    try await group.waitForAll()
                } catch {
                    shutdown()
                    throw error
                }
            }
        } onCancel: {
            shutdown()
        }
    }

    /// Starts nothing more; ``run(handler:)`` returns when the running handlers are through.
    package func shutdown() {
        for loop in loops {
            loop.dispatcher.stop()
        }
    }

    /// Ends as a crash would: nothing is committed, the group is not told.
    ///
    /// For tests.
    func crash() {
        for loop in loops {
            loop.crash()
        }
    }

    private func run(_ loop: ConsumerLoop, _ handler: @escaping @Sendable (BusRecord) async throws -> Void) async throws
    {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                defer { loop.dispatcher.stop() }
                try await DedicatedThread.run(name: "bus-consumer") { try loop.run() }
                return true
            }
            for _ in 0..<concurrency {
                group.addTask {
                    await self.handle(loop.dispatcher, handler)
                    return false
                }
            }
            // When the thread has ended, handlers that are still running have had their time.
            while let isThread = try await group.next() {
                if isThread {
                    group.cancelAll()
                }
            }
        }
    }

    /// One handler task: takes records until the topic stops.
    private func handle(
        _ dispatcher: TopicDispatcher,
        _ handler: @Sendable (BusRecord) async throws -> Void
    ) async {
        var outcome: TopicDispatcher.Outcome?
        var count = 0
        while let work = await dispatcher.next(after: outcome) {
            do {
                try await handler(work.record)
                outcome = .finished(work)
            } catch {
                outcome = Task.isCancelled ? .abandoned(work) : failure(of: work, error)
            }
            count += 1
            if count.isMultiple(of: 128) {
                // Handlers that never wait must not keep a thread of the pool to themselves.
                await Task.yield()
            }
        }
    }

    private func failure(of work: DispatchStateMachine.Work, _ error: any Error) -> TopicDispatcher.Outcome {
        let pause = configuration.retries.pause(retry: work.attempt - 1, random: .random(in: 0..<1))
        logger.warning(
            "a record was not handled; it is tried again",
            [
                .topic: .string(work.record.topic), .partition: .integer(work.record.partition),
                .offset: .integer(work.record.offset), .attempt: .integer(work.attempt), .error: .error(error),
                .durationMilliseconds: .milliseconds(pause),
            ]
        )
        return .failed(work, retryAt: .now + pause)
    }
}

extension BusConfiguration {
    /// When a record that was not handled is tried again: without end, as nothing may be lost.
    var retries: RetryPolicy { .endless(from: retryBackoff, to: retryBackoffMax) }
}
