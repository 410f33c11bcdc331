import CRdkafka
import Glibc
import Observability
import Synchronization

/// The thread that reads all partitions of one topic by assignment.
final class ReaderLoop: Sendable {
    /// How long one question to the broker may take before the next attempt.
    private static let questionTimeout = Duration.seconds(2)

    let topic: String
    let queue: BatchQueue
    private let configuration: BusConfiguration
    private let start: BusReader.Start
    private let logger: Logger
    private let onTopicMissing: @Sendable (String) -> Void
    private let wakeup: Wakeup
    private let isSuspect = Atomic(false)
    private let isFollowing = Atomic(false)
    private let counters = BusCounters()
    private let startedAtMilliseconds: Int64

    init(
        topic: String,
        configuration: BusConfiguration,
        start: BusReader.Start,
        logger: Logger,
        onTopicMissing: @escaping @Sendable (String) -> Void
    ) throws {
        self.topic = topic
        self.configuration = configuration
        self.start = start
        self.logger = logger.with([.topic: .string(topic)])
        self.onTopicMissing = onTopicMissing
        wakeup = try Wakeup()
        queue = BatchQueue(recordsMax: configuration.readerBufferRecordsMax, wakeup: wakeup)
        startedAtMilliseconds = Int64(time(nil)) * 1000
    }

    /// What was done so far.
    var metrics: BusMetrics { counters.snapshot }

    /// Whether the topic's partitions have been found and are read.
    var isReading: Bool { isFollowing.load(ordering: .acquiring) }

    /// Reads until the queue is stopped.
    ///
    /// Blocks.
    ///
    /// - Throws: ``BusError`` when the client cannot be made.
    func run() throws {
        let callbacks = RDKafkaCallbacks(
            logger: logger,
            onError: { [weak self] error in
                if error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN {
                    self?.isSuspect.store(true, ordering: .relaxed)
                }
            }
        )
        let consumer = try RDKafkaConsumer(
            topic: topic,
            properties: configuration.readerProperties,
            callbacks: callbacks,
            wakeup: wakeup
        )
        var machine = ReaderStateMachine()
        var nextDiscovery = ContinuousClock.now
        var isTopicThere = false
        while !queue.isStopped {
            if ContinuousClock.now >= nextDiscovery {
                let count = (try? consumer.partitionCount(timeout: Self.questionTimeout)) ?? 0
                if count == 0 {
                    onTopicMissing(topic)
                }
                if machine.discovered(count: count) || (count > 0 && !isTopicThere) {
                    assign(machine, consumer)
                }
                isTopicThere = count > 0
                nextDiscovery = .now + (count > 0 ? configuration.metadataRefreshInterval : .milliseconds(200))
            }
            if isSuspect.exchange(false, ordering: .relaxed) {
                machine.suspect()
                assign(machine, consumer)
                nextDiscovery = .now
            }
            let isIdle = receive(consumer, &machine)
            let isVerifying = verify(consumer, &machine)
            if isIdle {
                // An empty answer to a fetch wakes nobody, but tells where the log ends.
                let longest = isVerifying ? 50 : 1000
                wakeup.wait(milliseconds: max(1, min(longest, (nextDiscovery - .now).wholeMilliseconds)))
            }
        }
        consumer.close()
    }

    /// Takes what is there; answers true when nothing more is, or nothing more may be taken.
    private func receive(_ consumer: RDKafkaConsumer, _ machine: inout ReaderStateMachine) -> Bool {
        let room = queue.room
        guard room > 0 else { return true }
        var delivered: [BusRecord] = []
        var polled: [BusRecord] = []
        var isIdle = false
        for _ in 0..<min(room, 512) {
            polled.removeAll(keepingCapacity: true)
            let problems = consumer.pollOne(into: &polled)
            if problems.isTopicUnknown {
                onTopicMissing(topic)
            }
            if let error = problems.error {
                logger.debug("the reader reports", [.error: .error(error)])
            }
            // What came after a lost connection may be of another log: it is read again from the anchor.
            if isSuspect.load(ordering: .relaxed) { break }
            guard let record = polled.first else {
                isIdle = !problems.isTopicUnknown && problems.error == nil
                break
            }
            switch machine.received(record) {
            case .deliver: delivered.append(record)
            case .skip: break
            case .restart:
                logger.warning("the broker has another log than before; it is read from its beginning")
                assign(machine, consumer)
            }
        }
        let count = UInt64(delivered.count)
        let resets = machine.resets
        counters.update {
            $0.consumed += count
            $0.resets = resets
        }
        queue.offer(delivered)
        return isIdle
    }

    /// Reads partitions from their beginning whose log is shorter than it was; answers whether some are still unsure.
    private func verify(_ consumer: RDKafkaConsumer, _ machine: inout ReaderStateMachine) -> Bool {
        let unverified = machine.unverified
        guard !unverified.isEmpty else { return false }
        var isShorter = false
        for partition in unverified {
            // What the client remembers from before the loss is behind the anchor, and so does no harm.
            guard let end = consumer.fetchedEnd(of: partition) else { continue }
            isShorter = machine.logEnds(at: end, in: partition) || isShorter
        }
        if isShorter {
            logger.warning("the broker has a shorter log than before; it is read from its beginning")
            assign(machine, consumer)
        }
        return true
    }

    private func assign(_ machine: ReaderStateMachine, _ consumer: RDKafkaConsumer) {
        let positions = machine.positions
        guard !positions.isEmpty else { return }
        let fresh = positions.filter { $0.value == .start }.keys.sorted()
        let started = startOffsets(of: fresh, consumer)
        let offsets = positions.map { number, position -> (Int32, Int64) in
            switch position {
            case .beginning: (number, Int64(RD_KAFKA_OFFSET_BEGINNING))
            case .offset(let offset): (number, offset)
            case .start: (number, started[number] ?? Int64(RD_KAFKA_OFFSET_END))
            }
        }
        do {
            try consumer.assign(offsets)
            isFollowing.store(true, ordering: .releasing)
        } catch {
            logger.warning("partitions could not be assigned", [.error: .error(error)])
        }
    }

    /// Where partitions are read from of which nothing was seen yet.
    private func startOffsets(of partitions: [Int32], _ consumer: RDKafkaConsumer) -> [Int32: Int64] {
        let time: Int64
        switch start {
        case .beginning:
            return Dictionary(uniqueKeysWithValues: partitions.map { ($0, Int64(RD_KAFKA_OFFSET_BEGINNING)) })
        case .end:
            // The first time, the end is the end. Later it is where the log stood when the reader started.
            guard isReading else { return [:] }
            time = startedAtMilliseconds
        case .since(let milliseconds):
            time = milliseconds
        }
        while !partitions.isEmpty, !queue.isStopped {
            do {
                return try consumer.offsets(
                    atMilliseconds: time,
                    partitions: partitions,
                    timeout: Self.questionTimeout
                )
            } catch {
                logger.debug("the broker does not tell offsets by time yet", [.error: .error(error)])
                wakeup.wait(milliseconds: 100)
            }
        }
        return [:]
    }
}
