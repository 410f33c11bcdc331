import CRdkafka
import Observability
import Synchronization

/// What librdkafka's callbacks are told, by the handle's opaque pointer.
///
/// Threading: `log` comes from any thread of librdkafka; the others only from the thread that polls the handle.
final class RDKafkaCallbacks: Sendable {
    let logger: Logger
    /// A connection broke, a broker or all are down, or the client has a fatal error.
    let onError: @Sendable (rd_kafka_resp_err_t) -> Void
    /// The assignment changes: partitions come (true) or go.
    let onRebalance: (@Sendable (_ isAssigned: Bool, _ partitions: [Int32], _ isLost: Bool) -> Void)?
    /// A commit was answered: nil, or what it failed with.
    let onCommit: (@Sendable (_ offsets: [Int32: Int64], _ failure: rd_kafka_resp_err_t?) -> Void)?
    /// The broker does not know an idempotent producer; from any thread of librdkafka.
    let onProducerUnknown: (@Sendable () -> Void)?
    private let lastWarnings = Mutex<[String: ContinuousClock.Instant]>([:])

    init(
        logger: Logger,
        onError: @escaping @Sendable (rd_kafka_resp_err_t) -> Void,
        onRebalance: (@Sendable (Bool, [Int32], Bool) -> Void)? = nil,
        onCommit: (@Sendable ([Int32: Int64], rd_kafka_resp_err_t?) -> Void)? = nil,
        onProducerUnknown: (@Sendable () -> Void)? = nil
    ) {
        self.logger = logger
        self.onError = onError
        self.onRebalance = onRebalance
        self.onCommit = onCommit
        self.onProducerUnknown = onProducerUnknown
    }

    /// Takes a line of librdkafka's log.
    func log(level: Int32, facility: String, text: @autoclosure () -> String) {
        if facility == "UNKPID" {
            onProducerUnknown?()
        }
        // Syslog levels: 0 to 2 critical, 3 error, 4 warning. A broker that is away is a warning: the client tries
        // again, and says so at each attempt, of which one in a second is enough.
        switch level {
        case ...4 where !isRepeated(facility): logger.warning("librdkafka reports", metadata(facility, text()))
        case 5, 6: logger.debug("librdkafka reports", metadata(facility, text()))
        default: logger.trace("librdkafka reports", metadata(facility, text()))
        }
    }

    private func metadata(_ facility: String, _ text: String) -> LogMetadata {
        [.facility: .string(facility), .detail: .string(text)]
    }

    private func isRepeated(_ facility: String) -> Bool {
        let now = ContinuousClock.now
        return lastWarnings.withLock { last in
            if let before = last[facility], now - before < .seconds(1) {
                return true
            }
            last[facility] = now
            return false
        }
    }
}

/// A librdkafka client of any role, freed with the last reference.
///
/// `rd_kafka_t` is thread-safe by librdkafka's contract, hence `nonisolated(unsafe)`.
final class RDKafkaHandle: Sendable {
    nonisolated(unsafe) let pointer: OpaquePointer
    private let callbacks: RDKafkaCallbacks

    /// Makes a client.
    ///
    /// - Throws: ``BusError`` with code `configurationInvalid` naming the property that librdkafka refuses.
    init(
        type: rd_kafka_type_t,
        properties: [String: String],
        events: Int32 = 0,
        callbacks: RDKafkaCallbacks
    ) throws {
        let configuration = try Self.makeConfiguration(properties)
        rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(callbacks).toOpaque())
        if events != 0 {
            rd_kafka_conf_set_events(configuration, events)
        } else {
            rd_kafka_conf_set_error_cb(configuration) { _, code, _, opaque in
                callbacksOf(opaque)?.onError(rd_kafka_resp_err_t(rawValue: code))
            }
        }
        rd_kafka_conf_set_log_cb(configuration) { client, level, facility, text in
            guard let client, let callbacks = callbacksOf(rd_kafka_opaque(client)) else { return }
            callbacks.log(
                level: level,
                facility: facility.map { String(cString: $0) } ?? "",
                text: text.map { String(cString: $0) } ?? ""
            )
        }
        if callbacks.onRebalance != nil {
            rd_kafka_conf_set_rebalance_cb(configuration, rebalanced)
        }
        if callbacks.onCommit != nil {
            rd_kafka_conf_set_offset_commit_cb(configuration) { _, error, list, opaque in
                guard let list else { return }
                let failure = error == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : Optional(error)
                callbacksOf(opaque)?.onCommit?(TopicPartitions.offsets(in: list), failure)
            }
        }
        var text = [CChar](repeating: 0, count: 512)
        guard let pointer = rd_kafka_new(type, configuration, &text, text.count) else {
            rd_kafka_conf_destroy(configuration)
            throw BusError(.configurationInvalid, "librdkafka makes no client: \(string(text))")
        }
        self.pointer = pointer
        self.callbacks = callbacks
        // No broker thread runs a callback of ours but the log's, and that needs the callbacks until the very end.
        _ = Unmanaged.passRetained(callbacks)
    }

    deinit {
        // Destroying joins librdkafka's threads, which may take as long as a connection attempt.
        nonisolated(unsafe) let pointer = pointer
        let retained = Unmanaged.passUnretained(callbacks)
        let destroy: @Sendable () -> Void = {
            rd_kafka_destroy_flags(pointer, Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE))
            retained.release()
        }
        do {
            try DedicatedThread.start(name: "bus-destroy", destroy)
        } catch {
            destroy()
        }
    }

    /// The fatal error that the client has run into, or nil.
    var fatalError: rd_kafka_resp_err_t? {
        let code = rd_kafka_fatal_error(pointer, nil, 0)
        return code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : code
    }

    private static func makeConfiguration(_ properties: [String: String]) throws -> OpaquePointer {
        guard let configuration = rd_kafka_conf_new() else {
            throw BusError(.refused, "librdkafka is out of memory")
        }
        var text = [CChar](repeating: 0, count: 512)
        for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
            guard rd_kafka_conf_set(configuration, name, value, &text, text.count) == RD_KAFKA_CONF_OK else {
                rd_kafka_conf_destroy(configuration)
                // librdkafka's own text would repeat the value, which may be a secret.
                throw BusError(
                    .configurationInvalid,
                    "librdkafka refuses the property \(name) or its value; see its CONFIGURATION.md"
                )
            }
        }
        return configuration
    }
}

/// Lists of partitions with offsets, as librdkafka takes them.
enum TopicPartitions {
    /// Runs `body` with a list of these partitions of a topic.
    static func with<Result>(
        topic: String,
        _ offsets: some Sequence<(Int32, Int64)>,
        _ body: (UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) throws -> Result
    ) throws -> Result {
        guard let list = rd_kafka_topic_partition_list_new(4) else {
            throw BusError(.refused, "librdkafka is out of memory")
        }
        defer { rd_kafka_topic_partition_list_destroy(list) }
        for (partition, offset) in offsets {
            rd_kafka_topic_partition_list_add(list, topic, partition)?.pointee.offset = offset
        }
        return try body(list)
    }

    /// The partitions of a list without their errors.
    static func offsets(in list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>) -> [Int32: Int64] {
        var offsets: [Int32: Int64] = [:]
        for index in 0..<Int(list.pointee.cnt) {
            let element = list.pointee.elems[index]
            offsets[element.partition] = element.offset
        }
        return offsets
    }
}

private func callbacksOf(_ opaque: UnsafeMutableRawPointer?) -> RDKafkaCallbacks? {
    opaque.map { Unmanaged<RDKafkaCallbacks>.fromOpaque($0).takeUnretainedValue() }
}

private func rebalanced(
    client: OpaquePointer?,
    error: rd_kafka_resp_err_t,
    list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
    opaque: UnsafeMutableRawPointer?
) {
    guard let client, let list, let callbacks = callbacksOf(opaque) else { return }
    let partitions = TopicPartitions.offsets(in: list).keys.sorted()
    let isIncremental = rd_kafka_rebalance_protocol(client).map { String(cString: $0) } == "COOPERATIVE"
    if error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
        callbacks.onRebalance?(true, partitions, false)
        if isIncremental {
            discard(rd_kafka_incremental_assign(client, list))
        } else {
            rd_kafka_assign(client, list)
        }
    } else {
        callbacks.onRebalance?(false, partitions, rd_kafka_assignment_lost(client) != 0)
        if isIncremental {
            discard(rd_kafka_incremental_unassign(client, list))
        } else {
            rd_kafka_assign(client, nil)
        }
    }
}

/// Frees an error that only says that the assignment was lost meanwhile: the next rebalance follows.
private func discard(_ error: OpaquePointer?) {
    if let error {
        rd_kafka_error_destroy(error)
    }
}

/// The text in a C buffer.
func string(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
