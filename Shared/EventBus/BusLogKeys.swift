import Observability

extension LogKey {
    /// A consumer group's name.
    static let group = LogKey("group")
    /// A librdkafka log facility.
    static let facility = LogKey("facility")
    /// A text from librdkafka, which never carries records.
    static let detail = LogKey("detail")
    /// Numbers of partitions.
    static let partitions = LogKey("partitions")
}
