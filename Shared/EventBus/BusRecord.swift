/// One header of a record: a name and bytes.
///
/// Names may repeat; the last one of a name counts.
package struct BusHeader: Sendable, Equatable {
    /// The header's name, such as `traceparent`.
    package let name: String
    /// The header's value; text headers are UTF-8.
    package let value: [UInt8]

    /// Makes a header with a byte value.
    package init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// Makes a header with a text value.
    package init(_ name: String, _ value: String) {
        self.init(name: name, value: Array(value.utf8))
    }
}

/// A record as it came from the broker.
package struct BusRecord: Sendable, Equatable {
    /// The topic's name.
    package let topic: String
    /// The partition's number in the topic.
    package let partition: Int32
    /// The record's offset in the partition.
    package let offset: Int64
    /// The key; nil when the record has none.
    ///
    /// Bytes that are not UTF-8 are replaced.
    package let key: String?
    /// The body.
    package let value: [UInt8]
    /// The headers in the record's order.
    package let headers: [BusHeader]
    /// When the producer (or the broker, as the topic is set) stamped the record, in milliseconds since 1970, or -1.
    package let timestampMilliseconds: Int64

    /// Makes a record; outside tests only the bus does.
    package init(
        topic: String,
        partition: Int32,
        offset: Int64,
        key: String?,
        value: [UInt8],
        headers: [BusHeader] = [],
        timestampMilliseconds: Int64 = -1
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.key = key
        self.value = value
        self.headers = headers
        self.timestampMilliseconds = timestampMilliseconds
    }

    /// The text of the last header of this name, or nil when there is none.
    package func header(_ name: String) -> String? {
        headers.last { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// What the record takes in memory, roughly, in bytes: what the byte limits count.
    var footprintBytes: Int {
        headers.reduce(value.count + (key?.utf8.count ?? 0) + 128) { $0 + $1.value.count + 32 }
    }
}

/// A record to be published.
package struct OutgoingRecord: Sendable, Equatable {
    /// The topic's name.
    package let topic: String
    /// The key: records of one key go to one partition and stay in order.
    ///
    /// Nil spreads them.
    package let key: String?
    /// The body.
    package let value: [UInt8]
    /// The headers in their order.
    package let headers: [BusHeader]

    /// Makes a record to be published.
    package init(topic: String, key: String?, value: [UInt8], headers: [BusHeader] = []) {
        self.topic = topic
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// The bytes that count against ``BusConfiguration/messageBytesMax``: key, value and headers.
    var payloadBytes: Int {
        headers.reduce(value.count + (key?.utf8.count ?? 0)) { $0 + $1.name.utf8.count + $1.value.count }
    }
}
