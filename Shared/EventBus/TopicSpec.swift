/// A topic as it shall be.
package struct TopicSpec: Sendable, Equatable {
    /// The topic's name.
    package let name: String
    /// How many partitions it has; it stays so for the topic's life.
    package let partitions: Int
    /// On how many brokers each partition is kept.
    package let replication: Int
    /// Settings of the topic by their Kafka names, such as `max.message.bytes`.
    package let settings: [String: String]

    /// Makes a specification.
    package init(name: String, partitions: Int, replication: Int = 1, settings: [String: String] = [:]) {
        precondition(partitions > 0 && replication > 0, "a topic has partitions and replicas")
        self.name = name
        self.partitions = partitions
        self.replication = replication
        self.settings = settings
    }
}

/// A topic as the broker has it.
package struct TopicDescription: Sendable, Equatable {
    /// The topic's name.
    package let name: String
    /// How many partitions it has.
    package let partitions: Int
}

/// How far a group is behind in one partition.
package struct PartitionLag: Sendable, Equatable {
    /// The topic's name.
    package let topic: String
    /// The partition's number.
    package let partition: Int32
    /// The next offset that the group reads; nil when it has committed none.
    package let committedOffset: Int64?
    /// The offset that the next record written will have.
    package let endOffset: Int64
    /// Records between the two.
    ///
    /// Without a commit all records that the partition still has count.
    package let lag: Int64
}
