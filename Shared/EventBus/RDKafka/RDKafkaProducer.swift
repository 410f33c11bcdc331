import CRdkafka
import Observability
import Synchronization

/// The C calls of a producer.
///
/// What a record's delivery is reported under is a number that the caller chooses.
final class RDKafkaProducer: Sendable {
    /// The fate of one record.
    struct Delivery: Sendable {
        /// The number it was sent with.
        let ticket: UInt
        /// What it failed with, or nil when the broker has it.
        let failure: BusError.Code?
        /// librdkafka's name of the failure.
        var isRetriable: Bool { failure?.isRetriableByDefault ?? false }
    }

    /// What a poll found.
    struct Events: Sendable {
        var deliveries: [Delivery] = []
        var isFatal = false
        /// Names of topics that the broker does not know.
        var unknownTopics: Set<String> = []
        var isConnectionLost = false
    }

    /// How often the broker may say that it does not know us before we are given up.
    ///
    /// librdkafka answers by raising its epoch and trying again at once, which ends it on brokers that have only
    /// forgotten the producer; one that has lost its state says the same again and again, until the records time out.
    private static let producerUnknownMax = 3

    private let handle: RDKafkaHandle
    nonisolated(unsafe) private let queue: OpaquePointer
    private let unknownCount: UnknownCount

    /// How often the broker has said so; librdkafka's threads count.
    private final class UnknownCount: Sendable {
        let value = Atomic(0)
    }

    init(properties: [String: String], logger: Logger) throws {
        let unknownCount = UnknownCount()
        self.unknownCount = unknownCount
        handle = try RDKafkaHandle(
            type: RD_KAFKA_PRODUCER,
            properties: properties,
            events: Int32(RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR),
            callbacks: RDKafkaCallbacks(
                logger: logger,
                onError: { _ in },
                onProducerUnknown: { unknownCount.value.add(1, ordering: .relaxed) }
            )
        )
        guard let queue = rd_kafka_queue_get_main(handle.pointer) else {
            throw BusError(.refused, "librdkafka gives no event queue")
        }
        self.queue = queue
    }

    deinit {
        rd_kafka_queue_destroy(queue)
    }

    /// How many records and events are not through yet.
    var pendingCount: Int { Int(rd_kafka_outq_len(handle.pointer)) }

    /// Puts a record into librdkafka's queue; answers what it failed with, or nil when a delivery will be reported.
    func send(_ record: OutgoingRecord, ticket: UInt) -> BusError.Code? {
        let headers = record.headers.isEmpty ? nil : Self.makeHeaders(record.headers)
        let error = record.topic.withCString { topic in
            Self.withOptionalUTF8(record.key) { key in
                record.value.withUnsafeBytes { value in
                    var arguments = Self.arguments(topic: topic, key: key, value: value, ticket: ticket)
                    if let headers {
                        var argument = rd_kafka_vu_t()
                        argument.vtype = RD_KAFKA_VTYPE_HEADERS
                        argument.u.headers = headers
                        arguments.append(argument)
                    }
                    return rd_kafka_produceva(handle.pointer, arguments, arguments.count)
                }
            }
        }
        guard let error else { return nil }
        // On success librdkafka owns the headers, on failure they stay ours.
        if let headers {
            rd_kafka_headers_destroy(headers)
        }
        defer { rd_kafka_error_destroy(error) }
        return BusError.code(of: rd_kafka_error_code(error))
    }

    /// Waits for events for at most this long; only one thread may poll.
    func poll(milliseconds: Int32) -> Events {
        var events = Events()
        var isFenced = false
        let event = rd_kafka_queue_poll(queue, milliseconds)
        events.isFatal = unknownCount.value.load(ordering: .relaxed) >= Self.producerUnknownMax
        guard let event else { return events }
        defer { rd_kafka_event_destroy(event) }
        if rd_kafka_event_type(event) == Int32(RD_KAFKA_EVENT_DR) {
            events.deliveries.reserveCapacity(rd_kafka_event_message_count(event))
            while let message = rd_kafka_event_message_next(event) {
                let ticket = UInt(bitPattern: message.pointee._private)
                let error = message.pointee.err
                let failure = error == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : BusError.code(of: error)
                // After requests timed out librdkafka goes on under a new epoch. A broker that has another one in mind
                // refuses every record from then on, and librdkafka does not call that fatal.
                if error == RD_KAFKA_RESP_ERR_PRODUCER_FENCED || error == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH {
                    isFenced = true
                }
                if failure == .unknownTopic, let topic = message.pointee.rkt, let name = rd_kafka_topic_name(topic) {
                    events.unknownTopics.insert(String(cString: name))
                }
                events.deliveries.append(Delivery(ticket: ticket, failure: failure))
            }
        } else {
            switch rd_kafka_event_error(event) {
            case RD_KAFKA_RESP_ERR__FATAL: events.isFatal = true
            case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN: events.isConnectionLost = true
            default: break
            }
        }
        events.isFatal = events.isFatal || isFenced || handle.fatalError != nil
        return events
    }

    /// Ends the wait of the polling thread.
    func wake() {
        rd_kafka_queue_yield(queue)
    }

    /// Fails everything that is queued or on its way; the deliveries are reported.
    func purge() {
        rd_kafka_purge(
            handle.pointer,
            Int32(RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING)
        )
    }

    private static func arguments(
        topic: UnsafePointer<CChar>,
        key: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer,
        ticket: UInt
    ) -> [rd_kafka_vu_t] {
        var arguments = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 5)
        arguments.reserveCapacity(6)
        arguments[0].vtype = RD_KAFKA_VTYPE_TOPIC
        arguments[0].u.cstr = topic
        arguments[1].vtype = RD_KAFKA_VTYPE_KEY
        arguments[1].u.mem.ptr = UnsafeMutableRawPointer(mutating: key.baseAddress)
        arguments[1].u.mem.size = key.count
        arguments[2].vtype = RD_KAFKA_VTYPE_VALUE
        arguments[2].u.mem.ptr = UnsafeMutableRawPointer(mutating: value.baseAddress)
        arguments[2].u.mem.size = value.count
        arguments[3].vtype = RD_KAFKA_VTYPE_MSGFLAGS
        arguments[3].u.i = Int32(RD_KAFKA_MSG_F_COPY)
        arguments[4].vtype = RD_KAFKA_VTYPE_OPAQUE
        arguments[4].u.ptr = UnsafeMutableRawPointer(bitPattern: ticket)
        return arguments
    }

    private static func makeHeaders(_ headers: [BusHeader]) -> OpaquePointer? {
        guard let list = rd_kafka_headers_new(headers.count) else { return nil }
        for header in headers {
            header.value.withUnsafeBytes { value in
                _ = rd_kafka_header_add(list, header.name, -1, value.baseAddress, value.count)
            }
        }
        return list
    }

    private static func withOptionalUTF8<Result>(
        _ text: String?,
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        guard var text else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return try text.withUTF8 { try body(UnsafeRawBufferPointer($0)) }
    }
}
