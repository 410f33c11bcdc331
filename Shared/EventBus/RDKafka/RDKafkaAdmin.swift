import CRdkafka
import Observability

/// What the broker says of a topic.
struct TopicMetadata: Sendable, Equatable {
    let name: String
    let partitionCount: Int
}

/// Metadata requests.
enum Metadata {
    /// Asks the broker for all topics, or only for one; topics that it does not know are left out.
    ///
    /// Blocks.
    static func topics(
        of handle: RDKafkaHandle,
        only topic: OpaquePointer? = nil,
        timeout: Duration
    ) throws -> [TopicMetadata] {
        var metadata: UnsafePointer<rd_kafka_metadata>?
        let error = rd_kafka_metadata(
            handle.pointer,
            topic == nil ? 1 : 0,
            topic,
            &metadata,
            Int32(clamping: timeout.wholeMilliseconds)
        )
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata else {
            throw BusError(error, "asking the broker for its topics")
        }
        defer { rd_kafka_metadata_destroy(metadata) }
        return (0..<Int(metadata.pointee.topic_cnt)).compactMap { index in
            let topic = metadata.pointee.topics[index]
            guard topic.err == RD_KAFKA_RESP_ERR_NO_ERROR, let name = topic.topic else { return nil }
            return TopicMetadata(name: String(cString: name), partitionCount: Int(topic.partition_cnt))
        }
    }
}

/// The C calls of topic administration.
///
/// All of them block: call them on a ``DedicatedThread``.
final class RDKafkaAdmin: Sendable {
    private let handle: RDKafkaHandle

    init(properties: [String: String], logger: Logger) throws {
        handle = try RDKafkaHandle(
            type: RD_KAFKA_PRODUCER,
            properties: properties,
            callbacks: RDKafkaCallbacks(logger: logger, onError: { _ in })
        )
    }

    /// All topics.
    func topics(timeout: Duration) throws -> [TopicMetadata] {
        // Serves the error events that have come meanwhile, so that they do not pile up.
        rd_kafka_poll(handle.pointer, 0)
        return try Metadata.topics(of: handle, timeout: timeout)
    }

    /// Creates topics; one that exists is no error.
    func create(_ topics: [TopicSpec], timeout: Duration) throws {
        guard !topics.isEmpty else { return }
        var requests = try topics.map { try Self.makeRequest($0) }
        defer { rd_kafka_NewTopic_destroy_array(&requests, requests.count) }
        guard let queue = rd_kafka_queue_new(handle.pointer) else {
            throw BusError(.refused, "librdkafka gives no event queue")
        }
        defer { rd_kafka_queue_destroy(queue) }
        let options = rd_kafka_AdminOptions_new(handle.pointer, RD_KAFKA_ADMIN_OP_CREATETOPICS)
        defer { rd_kafka_AdminOptions_destroy(options) }
        let milliseconds = Int32(clamping: timeout.wholeMilliseconds)
        var text = [CChar](repeating: 0, count: 256)
        rd_kafka_AdminOptions_set_request_timeout(options, milliseconds, &text, text.count)
        rd_kafka_CreateTopics(handle.pointer, &requests, requests.count, options, queue)
        guard let event = rd_kafka_queue_poll(queue, milliseconds) else {
            throw BusError(.timedOut, "creating topics was not answered in time")
        }
        defer { rd_kafka_event_destroy(event) }
        let error = rd_kafka_event_error(event)
        guard error == RD_KAFKA_RESP_ERR_NO_ERROR else { throw BusError(error, "creating topics") }
        guard let result = rd_kafka_event_CreateTopics_result(event) else {
            throw BusError(.refused, "librdkafka answers another question than creating topics")
        }
        try Self.check(result)
    }

    private static func makeRequest(_ topic: TopicSpec) throws -> OpaquePointer? {
        var text = [CChar](repeating: 0, count: 256)
        guard
            let request = rd_kafka_NewTopic_new(
                topic.name,
                Int32(clamping: topic.partitions),
                Int32(clamping: topic.replication),
                &text,
                text.count
            )
        else {
            throw BusError(.configurationInvalid, "topic \(topic.name) cannot be created: \(string(text))")
        }
        for (name, value) in topic.settings {
            rd_kafka_NewTopic_set_config(request, name, value)
        }
        return request
    }

    private static func check(_ result: OpaquePointer) throws {
        var count = 0
        let topics = rd_kafka_CreateTopics_result_topics(result, &count)
        for index in 0..<count {
            let topic = topics?[index]
            let error = rd_kafka_topic_result_error(topic)
            guard error != RD_KAFKA_RESP_ERR_NO_ERROR, error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS else { continue }
            let name = rd_kafka_topic_result_name(topic).map { String(cString: $0) } ?? ""
            throw BusError(error, "creating topic \(name)")
        }
    }
}
