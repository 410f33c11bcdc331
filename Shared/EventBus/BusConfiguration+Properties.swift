/// The librdkafka property lists that a configuration comes to.
///
/// Names and meanings: librdkafka's CONFIGURATION.md.
extension BusConfiguration {
    /// What a record may take on the wire above its payload: lengths, offsets, batch and request framing.
    static let framingBytes = 8192

    /// The properties of a producer: idempotent, acknowledged by all replicas.
    ///
    /// Of librdkafka's debug contexts `eos` is on, a few lines in a producer's life: only there does it say that the
    /// broker does not know the producer.
    var producerProperties: [String: String] {
        var all = properties(with: [
            "enable.idempotence": "true",
            "allow.auto.create.topics": "false",
            "acks": "all",
            "max.in.flight.requests.per.connection": "5",
            "linger.ms": linger.millisecondsText,
            "queue.buffering.max.messages": String(producerQueueRecordsMax),
            "queue.buffering.max.kbytes": String(max(1, producerQueueBytesMax >> 10)),
            "message.timeout.ms": deliveryTimeout.wholeMillisecondsText,
            "retry.backoff.ms": "50",
            "retry.backoff.max.ms": reconnectBackoffMax.wholeMillisecondsText,
            "partitioner": "murmur2_random",
        ])
        all["debug"] = properties["debug"].map { "\($0),eos" } ?? "eos"
        return all
    }

    /// The properties of a member of a group: nothing is committed unless we say so, and a group without an offset
    /// starts at the beginning.
    func consumerProperties(group: String) -> [String: String] {
        var own = fetchProperties
        own["group.id"] = group
        own["session.timeout.ms"] = sessionTimeout.wholeMillisecondsText
        own["heartbeat.interval.ms"] = heartbeatInterval.wholeMillisecondsText
        own["partition.assignment.strategy"] = assignmentStrategy
        return properties(with: own)
    }

    /// The properties of a reader by assignment.
    ///
    /// librdkafka wants a group's name for it, but never joins that group.
    var readerProperties: [String: String] {
        var own = fetchProperties
        own["group.id"] = "\(clientID)-reader"
        return properties(with: own)
    }

    /// The properties of a client that only asks and administers.
    var adminProperties: [String: String] {
        properties(with: [:])
    }

    private var fetchProperties: [String: String] {
        [
            "enable.auto.commit": "false",
            "enable.auto.offset.store": "false",
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": "false",
            "fetch.wait.max.ms": fetchWaitMax.wholeMillisecondsText,
            "fetch.error.backoff.ms": profile == .local ? "50" : "500",
            // The default of 1 s is a stall whenever the prefetch limit is reached.
            "fetch.queue.backoff.ms": "10",
            "queued.min.messages": "10000",
            "queued.max.messages.kbytes": String(prefetchKilobytesMax),
        ]
    }

    private func properties(with own: [String: String]) -> [String: String] {
        var all = [
            "bootstrap.servers": bootstrapServers,
            "client.id": clientID,
            "reconnect.backoff.ms": "50",
            "reconnect.backoff.max.ms": reconnectBackoffMax.wholeMillisecondsText,
            "topic.metadata.refresh.interval.ms": metadataRefreshInterval.wholeMillisecondsText,
            "socket.nagle.disable": "true",
            "message.max.bytes": String(messageBytesMax + Self.framingBytes),
        ]
        all.merge(own) { $1 }
        all.merge(security.properties) { $1 }
        all.merge(properties) { $1 }
        return all
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, so that a short time never becomes none.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    var wholeMillisecondsText: String { String(wholeMilliseconds) }

    /// Milliseconds with up to three digits after the point.
    var millisecondsText: String {
        let (seconds, attoseconds) = components
        let microseconds = Int(seconds) * 1_000_000 + Int(attoseconds / 1_000_000_000_000)
        let fraction = microseconds % 1000
        guard fraction != 0 else { return String(microseconds / 1000) }
        let digits = String(fraction + 1000).dropFirst()
        return "\(microseconds / 1000).\(digits)"
    }
}
