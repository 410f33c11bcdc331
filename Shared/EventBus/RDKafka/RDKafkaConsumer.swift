import CRdkafka
import Dispatch
import Observability

/// The C calls of a consumer of one topic.
///
/// Only the thread that polls uses it.
final class RDKafkaConsumer {
    /// What a poll found besides records.
    struct Problems: Sendable {
        /// The broker does not know the topic.
        var isTopicUnknown = false
        /// Another error of the consumer, as librdkafka names it.
        var error: BusError?
    }

    /// Where a log begins, as librdkafka says it.
    static let beginning = Int64(RD_KAFKA_OFFSET_BEGINNING)

    let topic: String
    private let handle: RDKafkaHandle
    private let queue: OpaquePointer
    private var isClosed = false

    /// Makes a consumer whose events signal `wakeup`.
    init(topic: String, properties: [String: String], callbacks: RDKafkaCallbacks, wakeup: Wakeup) throws {
        self.topic = topic
        handle = try RDKafkaHandle(type: RD_KAFKA_CONSUMER, properties: properties, callbacks: callbacks)
        // Everything, errors and commit answers included, comes through the one queue.
        rd_kafka_poll_set_consumer(handle.pointer)
        guard let queue = rd_kafka_queue_get_consumer(handle.pointer) else {
            throw BusError(.refused, "librdkafka gives no consumer queue")
        }
        self.queue = queue
        var one: UInt64 = 1
        rd_kafka_queue_io_event_enable(queue, wakeup.descriptor, &one, 8)
    }

    deinit {
        rd_kafka_queue_io_event_enable(queue, -1, nil, 0)
        rd_kafka_queue_destroy(queue)
    }

    /// Whether the consumer has run into an error that only a new one ends.
    var isFatal: Bool { handle.fatalError != nil }

    /// Joins the group for the topic.
    func subscribe() throws {
        try TopicPartitions.with(topic: topic, [(Int32(-1), Int64(RD_KAFKA_OFFSET_INVALID))]) { list in
            try check(rd_kafka_subscribe(handle.pointer, list), "subscribing to \(topic)")
        }
    }

    /// Takes up to `max` records without waiting, and serves callbacks.
    ///
    /// Answers the problems it met.
    func poll(max: Int, into records: inout [BusRecord]) -> Problems {
        var problems = Problems()
        var buffer = [UnsafeMutablePointer<rd_kafka_message_t>?](repeating: nil, count: max)
        let count = rd_kafka_consume_batch_queue(queue, 0, &buffer, max)
        for index in 0..<Swift.max(0, count) {
            guard let message = buffer[index] else { continue }
            take(message, into: &records, &problems)
        }
        return problems
    }

    /// Takes one record without waiting, and serves the callbacks of what came before it, and only those.
    func pollOne(into records: inout [BusRecord]) -> Problems {
        var problems = Problems()
        if let message = rd_kafka_consumer_poll(handle.pointer, 0) {
            take(message, into: &records, &problems)
        }
        return problems
    }

    /// Reads these partitions from these offsets (or librdkafka's logical ones), and no others.
    func assign(_ offsets: some Sequence<(Int32, Int64)>) throws {
        try TopicPartitions.with(topic: topic, offsets) { list in
            try check(rd_kafka_assign(handle.pointer, list), "assigning \(topic)")
        }
    }

    /// Reads these partitions too, from these offsets.
    func add(_ offsets: some Sequence<(Int32, Int64)>) throws {
        try TopicPartitions.with(topic: topic, offsets) { list in
            try check(rd_kafka_incremental_assign(handle.pointer, list), "assigning more of \(topic)")
        }
    }

    /// Reads these partitions no more.
    func remove(_ partitions: [Int32]) throws {
        try TopicPartitions.with(topic: topic, partitions.map { ($0, Int64(RD_KAFKA_OFFSET_INVALID)) }) { list in
            try check(rd_kafka_incremental_unassign(handle.pointer, list), "assigning less of \(topic)")
        }
    }

    /// Stops fetching partitions; what was fetched ahead is thrown away and fetched again later.
    func pause(_ partitions: [Int32]) throws {
        try TopicPartitions.with(topic: topic, partitions.map { ($0, 0) }) { list in
            try check(rd_kafka_pause_partitions(handle.pointer, list), "pausing \(topic)")
        }
    }

    /// Fetches paused partitions again.
    func resume(_ partitions: [Int32]) throws {
        try TopicPartitions.with(topic: topic, partitions.map { ($0, 0) }) { list in
            try check(rd_kafka_resume_partitions(handle.pointer, list), "resuming \(topic)")
        }
    }

    /// Commits offsets (each the next to be read); without waiting, the answer comes to `onCommit`.
    func commit(_ offsets: [Int32: Int64], isWaiting: Bool) throws {
        try TopicPartitions.with(topic: topic, offsets.map { ($0.key, $0.value) }) { list in
            try check(rd_kafka_commit(handle.pointer, list, isWaiting ? 0 : 1), "committing \(topic)")
        }
    }

    /// Commits offsets and waits for the answer, but no longer than `limit`.
    func commit(_ offsets: [Int32: Int64], within limit: Duration) throws {
        guard let answers = rd_kafka_queue_new(handle.pointer) else {
            throw BusError(.refused, "librdkafka gives no queue")
        }
        defer { rd_kafka_queue_destroy(answers) }
        try TopicPartitions.with(topic: topic, offsets.map { ($0.key, $0.value) }) { list in
            try check(rd_kafka_commit_queue(handle.pointer, list, answers, nil, nil), "committing \(topic)")
        }
        guard let answer = rd_kafka_queue_poll(answers, Int32(clamping: limit.wholeMilliseconds)) else {
            throw BusError(.timedOut, "the broker did not answer a commit of \(topic) in time")
        }
        defer { rd_kafka_event_destroy(answer) }
        try check(rd_kafka_event_error(answer), "committing \(topic)")
    }

    /// How long leaving the group may take, in seconds.
    private static let closeSecondsMax = 8.0

    /// Leaves the group, after a last revocation that is served in here.
    ///
    /// `rd_kafka_consumer_close` waits without a limit, and has been seen to wait for ever on a busy machine; so it
    /// runs on a thread of its own and is left alone when its time is up. That thread keeps the consumer, which is then
    /// never freed; the group notices by itself.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) let consumer = self
        do {
            try DedicatedThread.start(name: "bus-close") {
                rd_kafka_consumer_close(consumer.handle.pointer)
                done.signal()
            }
        } catch {
            rd_kafka_consumer_close(handle.pointer)
            return
        }
        _ = done.wait(timeout: .now() + Self.closeSecondsMax)
    }

    /// The number of partitions that the broker knows of the topic, 0 when it does not know the topic.
    func partitionCount(timeout: Duration) throws -> Int {
        guard let topicHandle = rd_kafka_topic_new(handle.pointer, topic, nil) else {
            throw BusError(rd_kafka_last_error(), "asking for \(topic)")
        }
        defer { rd_kafka_topic_destroy(topicHandle) }
        return try Metadata.topics(of: handle, only: topicHandle, timeout: timeout)
            .first { $0.name == topic }?.partitionCount ?? 0
    }

    /// The first offset of each partition at or after a time; the end where there is none.
    func offsets(atMilliseconds time: Int64, partitions: [Int32], timeout: Duration) throws -> [Int32: Int64] {
        try TopicPartitions.with(topic: topic, partitions.map { ($0, time) }) { list in
            try check(
                rd_kafka_offsets_for_times(handle.pointer, list, Int32(clamping: timeout.wholeMilliseconds)),
                "asking \(topic) for offsets by time"
            )
            return TopicPartitions.offsets(in: list)
        }
    }

    /// The end of the log as the broker told it in its last fetch answer, or nil before the first.
    func fetchedEnd(of partition: Int32) -> Int64? {
        var low: Int64 = 0
        var high: Int64 = 0
        let error = rd_kafka_get_watermark_offsets(handle.pointer, topic, partition, &low, &high)
        return error == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
    }

    /// The offsets that the group has committed; partitions without one are left out.
    func committed(partitions: [Int32], timeout: Duration) throws -> [Int32: Int64] {
        try TopicPartitions.with(topic: topic, partitions.map { ($0, Int64(RD_KAFKA_OFFSET_INVALID)) }) { list in
            try check(
                rd_kafka_committed(handle.pointer, list, Int32(clamping: timeout.wholeMilliseconds)),
                "asking for the committed offsets of \(topic)"
            )
            return TopicPartitions.offsets(in: list).filter { $0.value >= 0 }
        }
    }

    private func take(
        _ message: UnsafeMutablePointer<rd_kafka_message_t>,
        into records: inout [BusRecord],
        _ problems: inout Problems
    ) {
        defer { rd_kafka_message_destroy(message) }
        switch message.pointee.err {
        case RD_KAFKA_RESP_ERR_NO_ERROR: records.append(BusRecord(message, topic: topic))
        case RD_KAFKA_RESP_ERR__PARTITION_EOF: break
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
            problems.isTopicUnknown = true
        case let error: problems.error = BusError(error, "consuming \(topic)")
        }
    }

    private func check(_ error: rd_kafka_resp_err_t, _ context: String) throws {
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else { throw BusError(error, context) }
    }

    private func check(_ error: OpaquePointer?, _ context: String) throws {
        guard let error else { return }
        defer { rd_kafka_error_destroy(error) }
        try check(rd_kafka_error_code(error), context)
    }
}

extension BusRecord {
    /// Copies a message out of librdkafka's memory.
    init(_ message: UnsafeMutablePointer<rd_kafka_message_t>, topic: String) {
        let source = message.pointee
        var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
        let timestamp = rd_kafka_message_timestamp(message, &kind)
        self.init(
            topic: topic,
            partition: source.partition,
            offset: source.offset,
            key: source.key.map {
                String(decoding: UnsafeRawBufferPointer(start: $0, count: source.key_len), as: UTF8.self)
            },
            value: Array(UnsafeRawBufferPointer(start: source.payload, count: source.len)),
            headers: Self.headers(of: message),
            timestampMilliseconds: timestamp
        )
    }

    private static func headers(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> [BusHeader] {
        var list: OpaquePointer?
        guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
        let count = rd_kafka_header_cnt(list)
        var headers: [BusHeader] = []
        headers.reserveCapacity(count)
        for index in 0..<count {
            var name: UnsafePointer<CChar>?
            var value: UnsafeRawPointer?
            var size = 0
            guard rd_kafka_header_get_all(list, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name
            else { break }
            headers.append(
                BusHeader(
                    name: String(cString: name),
                    value: Array(UnsafeRawBufferPointer(start: value, count: size))
                )
            )
        }
        return headers
    }
}
