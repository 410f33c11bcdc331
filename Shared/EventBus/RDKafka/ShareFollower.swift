import Observability

/// Makes the client of one topic read what ``PartitionShares`` says, and nothing else.
///
/// Only the loop's own thread uses it.
final class ShareFollower {
    /// How long one question to the broker may take before the next attempt.
    private static let questionTimeout = Duration.seconds(1)
    private static let retryPause = Duration.milliseconds(200)
    /// How long the last commit of leaving partitions may take.
    private static let commitTimeout = Duration.seconds(1)

    private let topic: String
    private let shares: PartitionShares
    private let dispatcher: TopicDispatcher
    private let configuration: BusConfiguration
    private let logger: Logger
    private let onTopicMissing: @Sendable (String) -> Void
    private var machine = ShareStateMachine()
    private var partitionCount = 0
    private var nextDiscovery = ContinuousClock.now
    private var nextAttempt = ContinuousClock.now

    init(
        topic: String,
        shares: PartitionShares,
        dispatcher: TopicDispatcher,
        configuration: BusConfiguration,
        logger: Logger,
        onTopicMissing: @escaping @Sendable (String) -> Void
    ) {
        self.topic = topic
        self.shares = shares
        self.dispatcher = dispatcher
        self.configuration = configuration
        self.logger = logger
        self.onTopicMissing = onTopicMissing
        shares.follow(topic, dispatcher.wakeup)
    }

    /// Whether the client reads anything.
    var isReading: Bool { !machine.reading.isEmpty }

    /// Whether all that was granted is read.
    var isSettled: Bool { shares.isSettled }

    /// When to look again at the latest, if nothing happens before.
    var waitMillisecondsMax: Int {
        if !machine.unsure.isEmpty { return 20 }
        let isWaiting = !machine.coming(granted: shares.granted, partitionCount: .max).isEmpty
        return isWaiting ? Self.retryPause.wholeMilliseconds : 1000
    }

    /// Gives up what is no longer granted, takes up what is, and looks whether logs are those that were committed.
    func follow(_ consumer: RDKafkaConsumer) {
        let granted = shares.granted
        giveUp(machine.leaving(granted: granted), consumer)
        discover(consumer, isUrgent: partitionCount == 0 && !granted.isEmpty)
        takeUp(machine.coming(granted: granted, partitionCount: partitionCount), consumer)
        verify(consumer)
    }

    /// Gives up everything: the loop ends.
    func giveUpAll(_ consumer: RDKafkaConsumer) {
        giveUp(machine.reading.sorted(), consumer)
    }

    /// The client is gone, and with it all that it read.
    func clientReset() {
        machine = ShareStateMachine()
        nextAttempt = .now
        shares.isReading([], of: topic)
    }

    private func giveUp(_ partitions: [Int32], _ consumer: RDKafkaConsumer) {
        guard !partitions.isEmpty else { return }
        logger.info("partitions are revoked", [.partitions: .string(list(partitions))])
        dispatcher.revoking(partitions)
        let deadline = ContinuousClock.now + configuration.revokeTimeout
        while dispatcher.runningCount(in: partitions) > 0, .now < deadline {
            dispatcher.wakeup.wait(milliseconds: 5)
        }
        let commits = dispatcher.takeCommits()
        do {
            if !commits.isEmpty { try consumer.commit(commits, within: Self.commitTimeout) }
        } catch {
            logger.warning("finished records could not be committed; they come again", [.error: .error(error)])
            dispatcher.commitFailed(commits)
        }
        do {
            try consumer.remove(partitions)
        } catch {
            logger.warning("partitions could not be given up", [.error: .error(error)])
        }
        dispatcher.revoked(partitions)
        machine.ended(partitions)
        shares.isReading(machine.reading, of: topic)
    }

    /// Learns how many partitions the topic has.
    private func discover(_ consumer: RDKafkaConsumer, isUrgent: Bool) {
        guard ContinuousClock.now >= (isUrgent ? min(nextAttempt, nextDiscovery) : nextDiscovery) else { return }
        let count = (try? consumer.partitionCount(timeout: Self.questionTimeout)) ?? 0
        if count == 0 { onTopicMissing(topic) }
        partitionCount = max(partitionCount, count)
        shares.found(count)
        nextDiscovery = .now + (count > 0 ? configuration.metadataRefreshInterval : Self.retryPause)
    }

    private func takeUp(_ partitions: [Int32], _ consumer: RDKafkaConsumer) {
        guard !partitions.isEmpty, .now >= nextAttempt else { return }
        do {
            let committed = try consumer.committed(partitions: partitions, timeout: Self.questionTimeout)
            dispatcher.assigned(partitions)
            try consumer.add(partitions.map { ($0, committed[$0] ?? RDKafkaConsumer.beginning) })
            logger.info("partitions are assigned", [.partitions: .string(list(partitions))])
            for partition in partitions {
                machine.began(partition, at: committed[partition])
            }
            shares.isReading(machine.reading, of: topic)
        } catch {
            logger.debug("partitions cannot be taken up yet", [.error: .error(error)])
            dispatcher.revoked(partitions)
            nextAttempt = .now + Self.retryPause
        }
    }

    private func verify(_ consumer: RDKafkaConsumer) {
        for partition in machine.unsure {
            guard let end = consumer.fetchedEnd(of: partition), machine.logEnds(at: end, in: partition) else {
                continue
            }
            logger.warning(
                "the broker has a shorter log than was committed; it is read from its beginning",
                [.partition: .integer(partition), .offset: .integer(end)]
            )
            do {
                try consumer.remove([partition])
                dispatcher.assigned([partition])
                try consumer.add([(partition, RDKafkaConsumer.beginning)])
            } catch {
                logger.warning("a partition could not be read anew", [.error: .error(error)])
                machine.ended([partition])
            }
        }
    }

    private func list(_ partitions: [Int32]) -> String {
        partitions.map(String.init).joined(separator: ",")
    }
}
