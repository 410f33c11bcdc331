import CRdkafka

/// The oldest librdkafka whose protocol code we trust: those before 2.2 fail on brokers that send tagged fields.
private let oldestVersion: Int32 = 0x0203_0000

/// Checks that the librdkafka which was loaded is new enough; call it once at start.
///
/// - Throws: ``BusError`` with code `libraryTooOld` and a message that says what to do.
package func requireLibrdkafka() throws {
    try requireLibrdkafka(version: rd_kafka_version(), text: String(cString: rd_kafka_version_str()))
}

func requireLibrdkafka(version: Int32, text: String) throws {
    guard version < oldestVersion else { return }
    throw BusError(
        .libraryTooOld,
        """
        librdkafka \(text) was loaded, 2.3 or later is needed; run deploy/local/vendor.sh, which puts librdkafka.so.1 \
        beside the executable, or install a newer librdkafka
        """
    )
}

extension BusError {
    /// Translates a code of librdkafka.
    static func code(of error: rd_kafka_resp_err_t) -> Code {
        switch error {
        case RD_KAFKA_RESP_ERR__QUEUE_FULL: .queueFull
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: .messageTooLarge
        case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
            .unknownTopic
        case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT: .deliveryTimedOut
        case RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
            .timedOut
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__RESOLVE,
            RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
            .brokerUnreachable
        case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__SSL:
            .notAuthorized
        case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
            RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
            RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
            RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
            .producerReset
        case RD_KAFKA_RESP_ERR__DESTROY: .closed
        case RD_KAFKA_RESP_ERR__INVALID_ARG, RD_KAFKA_RESP_ERR__CONFLICT: .configurationInvalid
        default: .refused
        }
    }

    /// An error out of librdkafka's code, with its own name for it; `context` says what was tried.
    init(_ error: rd_kafka_resp_err_t, _ context: String) {
        let name = String(cString: rd_kafka_err2name(error))
        self.init(Self.code(of: error), "\(context): \(name)")
    }

    /// Takes over and frees librdkafka's error object.
    init(consuming error: OpaquePointer, _ context: String) {
        let code = rd_kafka_error_code(error)
        rd_kafka_error_destroy(error)
        self.init(code, context)
    }
}
