import CRdkafka
import Observability

/// Asks how far a group is behind in one topic, with a client that is there for this question only.
struct LagQuestion {
    let topic: String
    let group: String
    let configuration: BusConfiguration
    let logger: Logger

    /// Asks.
    ///
    /// Blocks.
    func ask() throws -> [PartitionLag] {
        let wakeup = try Wakeup()
        var properties = configuration.consumerProperties(group: group)
        // Only the answer's watermark matters: the broker sends one batch at least, and no more than that.
        properties["fetch.message.max.bytes"] = "1"
        properties["queued.min.messages"] = "1"
        let consumer = try RDKafkaConsumer(
            topic: topic,
            properties: properties,
            callbacks: RDKafkaCallbacks(logger: logger, onError: { _ in }),
            wakeup: wakeup
        )
        let timeout = configuration.adminTimeout
        let count = try consumer.partitionCount(timeout: timeout)
        let partitions = (0..<Int32(clamping: count)).map { $0 }
        guard !partitions.isEmpty else { return [] }
        let committed = try consumer.committed(partitions: partitions, timeout: timeout)
        var lags: [PartitionLag] = []
        for partition in partitions {
            lags.append(try ask(consumer, partition, committed[partition], wakeup))
        }
        consumer.close()
        return lags
    }

    private func ask(
        _ consumer: RDKafkaConsumer,
        _ partition: Int32,
        _ committed: Int64?,
        _ wakeup: Wakeup
    ) throws -> PartitionLag {
        try consumer.assign([(partition, committed ?? Int64(RD_KAFKA_OFFSET_BEGINNING))])
        let deadline = ContinuousClock.now + configuration.adminTimeout
        var records: [BusRecord] = []
        var first: Int64?
        while ContinuousClock.now < deadline {
            _ = consumer.poll(max: 16, into: &records)
            first = first ?? records.first { $0.partition == partition }?.offset
            if let end = consumer.fetchedEnd(of: partition) {
                // Without a commit the lag counts from the first record there is, which may still be on its way.
                if committed != nil || first != nil || end == 0 {
                    let from = max(committed ?? 0, first ?? 0)
                    return PartitionLag(
                        topic: topic,
                        partition: partition,
                        committedOffset: committed,
                        endOffset: end,
                        lag: max(0, end - from)
                    )
                }
            }
            wakeup.wait(milliseconds: 10)
        }
        throw BusError(.timedOut, "partition \(partition) of \(topic) did not tell its end in time")
    }
}
