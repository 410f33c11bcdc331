import CRdkafka
import Observability
import Synchronization

/// The thread that receives one topic's records as a member of a group, and the handover to ``TopicDispatcher``.
///
/// The partitions are those that the broker's group gives, or those of a ``PartitionShares``.
///
/// One topic, one client: a fetch that asks for several topics is answered late by the local broker, and a topic that
/// is at its limit must not hold back another.
final class ConsumerLoop: Sendable {
    private struct State {
        var isCrashing = false
        var isFatal = false
        var isDisconnected = false
    }

    /// Why a client is served no longer.
    private enum End {
        case stopped, failed, disconnected
    }

    /// The client that the thread uses now, for the callbacks that run inside its poll.
    ///
    /// Unchecked: only the loop's own thread touches it.
    private final class Current: @unchecked Sendable {
        var consumer: RDKafkaConsumer?
        var follower: ShareFollower?
    }

    let topic: String
    let dispatcher: TopicDispatcher
    private let configuration: BusConfiguration
    private let group: String
    private let logger: Logger
    private let onTopicMissing: @Sendable (String) -> Void
    private let state = Mutex(State())
    private let current = Current()
    private let isMember = Atomic(false)

    init(
        topic: String,
        configuration: BusConfiguration,
        group: String,
        shares: PartitionShares?,
        logger: Logger,
        onTopicMissing: @escaping @Sendable (String) -> Void
    ) throws {
        self.topic = topic
        self.configuration = configuration
        self.group = group
        self.logger = logger.with([.topic: .string(topic), .group: .string(group)])
        self.onTopicMissing = onTopicMissing
        dispatcher = try TopicDispatcher(configuration: configuration)
        current.follower = shares.map { shares in
            ShareFollower(
                topic: topic,
                shares: shares,
                dispatcher: dispatcher,
                configuration: configuration,
                logger: self.logger,
                onTopicMissing: onTopicMissing
            )
        }
    }

    /// Whether partitions have been given, at least once; none may be what was given.
    var hasJoined: Bool { isMember.load(ordering: .acquiring) }

    /// Ends the loop as a crash would: nothing is committed and the group is not told.
    ///
    /// For tests.
    func crash() {
        state.withLock { $0.isCrashing = true }
        dispatcher.stop()
    }

    /// Receives until the dispatcher is stopped.
    ///
    /// Blocks.
    ///
    /// - Throws: ``BusError`` when the first client cannot be made; later ones are tried again.
    func run() throws {
        var consumer: RDKafkaConsumer? = try makeConsumer()
        while true {
            if let active = consumer {
                current.consumer = active
                let end = serve(active)
                if end == .stopped, !state.withLock({ $0.isCrashing }) {
                    leave(active)
                }
                current.consumer = nil
                consumer = nil
                if end == .stopped { return }
                state.withLock { state in
                    state.isFatal = false
                    state.isDisconnected = false
                }
                dispatcher.clientReset()
                current.follower?.clientReset()
                if end == .failed {
                    logger.warning("the consumer failed for good; a new one takes its place")
                } else {
                    // The broker may come back with another log, and this client would not notice.
                    logger.info("the connection to the broker was lost; a new consumer takes its place")
                }
            }
            dispatcher.wakeup.wait(milliseconds: current.follower == nil ? 500 : 100)
            if dispatcher.turn().isStopping { return }
            do {
                consumer = try makeConsumer()
            } catch {
                logger.error("no new consumer could be made; it is tried again", [.error: .error(error)])
            }
        }
    }

    private func makeConsumer() throws -> RDKafkaConsumer {
        let callbacks = RDKafkaCallbacks(
            logger: logger,
            onError: { [weak self] error in
                self?.failed(error)
            },
            onRebalance: { [weak self] isAssigned, partitions, isLost in
                self?.rebalance(isAssigned: isAssigned, partitions, isLost: isLost)
            },
            onCommit: { [weak self] offsets, failure in
                self?.committed(offsets, failure)
            }
        )
        let consumer = try RDKafkaConsumer(
            topic: topic,
            properties: configuration.consumerProperties(group: group),
            callbacks: callbacks,
            wakeup: dispatcher.wakeup
        )
        if current.follower == nil { try consumer.subscribe() }
        return consumer
    }

    private func failed(_ error: rd_kafka_resp_err_t) {
        switch error {
        case RD_KAFKA_RESP_ERR__FATAL:
            state.withLock { $0.isFatal = true }
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
            // A group's member is told by the group.
            guard let follower = current.follower, follower.isReading else { return }
            state.withLock { $0.isDisconnected = true }
        default:
            break
        }
    }

    /// Commits what is finished and gives the partitions back.
    private func leave(_ consumer: RDKafkaConsumer) {
        wait(for: configuration.drainTimeout) { dispatcher.runningCount == 0 }
        if let follower = current.follower {
            follower.giveUpAll(consumer)
        } else {
            // Closing revokes the partitions, and that commits.
            consumer.close()
        }
    }

    /// Receives until the dispatcher is stopped or the client is of no more use.
    private func serve(_ consumer: RDKafkaConsumer) -> End {
        var records: [BusRecord] = []
        while true {
            var turn = dispatcher.turn()
            if turn.isStopping { return .stopped }
            let (isFatal, isDisconnected) = state.withLock { ($0.isFatal, $0.isDisconnected) }
            if isFatal { return .failed }
            if isDisconnected { return .disconnected }
            if let follower = current.follower {
                follower.follow(consumer)
                if follower.isSettled { isMember.store(true, ordering: .releasing) }
                turn.waitMilliseconds = min(turn.waitMilliseconds, follower.waitMillisecondsMax)
            }
            apply(turn, to: consumer)
            // At the limit nothing is taken out of librdkafka's queue, unless its partitions are paused: then nothing
            // is in it but events, which must be served for the group to keep us.
            guard turn.room > 0 || turn.isHoldingBack else {
                dispatcher.wakeup.wait(milliseconds: turn.waitMilliseconds)
                continue
            }
            records.removeAll(keepingCapacity: true)
            let problems = consumer.poll(max: max(1, min(turn.room, 512)), into: &records)
            report(problems)
            // What came after a lost connection may be of another log: the next client reads it again.
            if state.withLock({ $0.isDisconnected }) { return .disconnected }
            if records.isEmpty {
                dispatcher.wakeup.wait(milliseconds: turn.waitMilliseconds)
            } else {
                dispatcher.received(records)
            }
        }
    }

    private func apply(_ turn: TopicDispatcher.Turn, to consumer: RDKafkaConsumer) {
        do {
            if !turn.flow.pause.isEmpty {
                try consumer.pause(turn.flow.pause)
                logger.debug("partitions are paused", [.count: .integer(turn.flow.pause.count)])
            }
            if !turn.flow.resume.isEmpty {
                try consumer.resume(turn.flow.resume)
                logger.debug("partitions are resumed", [.count: .integer(turn.flow.resume.count)])
            }
        } catch {
            logger.warning("partitions could not be paused or resumed", [.error: .error(error)])
        }
        guard !turn.commits.isEmpty else { return }
        do {
            try consumer.commit(turn.commits, isWaiting: false)
        } catch {
            dispatcher.commitFailed(turn.commits)
        }
    }

    private func report(_ problems: RDKafkaConsumer.Problems) {
        if problems.isTopicUnknown {
            logger.warning("the broker does not know the topic")
            onTopicMissing(topic)
        }
        if let error = problems.error {
            logger.warning("the consumer reports", [.error: .error(error)])
        }
    }

    private func commitNow(_ consumer: RDKafkaConsumer) {
        let commits = dispatcher.takeCommits()
        guard !commits.isEmpty else { return }
        do {
            try consumer.commit(commits, isWaiting: true)
        } catch {
            logger.warning("finished records could not be committed; they come again", [.error: .error(error)])
        }
    }

    /// Called by librdkafka inside of a poll, on this loop's thread.
    private func rebalance(isAssigned: Bool, _ partitions: [Int32], isLost: Bool) {
        let list = partitions.map(String.init).joined(separator: ",")
        if isAssigned {
            logger.info("partitions are assigned", [.partitions: .string(list)])
            isMember.store(true, ordering: .releasing)
            dispatcher.assigned(partitions)
            return
        }
        logger.info("partitions are revoked", [.partitions: .string(list)])
        dispatcher.revoking(partitions)
        if !isLost, !state.withLock({ $0.isCrashing }), let consumer = current.consumer {
            wait(for: configuration.revokeTimeout) { dispatcher.runningCount(in: partitions) == 0 }
            commitNow(consumer)
        }
        dispatcher.revoked(partitions)
    }

    private func committed(_ offsets: [Int32: Int64], _ failure: rd_kafka_resp_err_t?) {
        guard let failure, failure != RD_KAFKA_RESP_ERR__NO_OFFSET else { return }
        logger.debug("a commit failed", [.error: .error(BusError(failure, "committing \(topic)"))])
        dispatcher.commitFailed(offsets)
    }

    private func wait(for time: Duration, until isDone: () -> Bool) {
        let deadline = ContinuousClock.now + time
        while !isDone(), ContinuousClock.now < deadline {
            dispatcher.wakeup.wait(milliseconds: 5)
        }
    }
}
