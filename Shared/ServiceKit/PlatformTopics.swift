import Domain
package import EventBus

/// The topics that a broker must have.
package enum PlatformTopics {
    /// Every topic, each with its dead-letter topic.
    ///
    /// - Parameters:
    ///   - partitions: How many partitions a topic has; a dead-letter topic has one.
    ///   - replication: On how many brokers a partition is kept.
    /// - Returns: What to create.
    package static func all(partitions: Int, replication: Int) -> [TopicSpec] {
        Topic.allCases.flatMap { topic in
            [
                TopicSpec(name: topic.rawValue, partitions: partitions, replication: replication),
                TopicSpec(name: topic.deadLetter, partitions: 1, replication: replication),
            ]
        }
    }
}
