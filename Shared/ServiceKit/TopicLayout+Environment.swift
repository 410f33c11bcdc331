package import Configuration
package import EventBus

/// How the platform's topics are made.
package struct TopicLayout: Sendable {
    /// How many partitions a topic has; fixed once the topics exist.
    ///
    /// Default 8.
    package var partitions = 8
    /// On how many brokers a partition is kept.
    ///
    /// Default 1.
    package var replication = 1

    /// The defaults.
    package init() {}

    /// Reads the settings of services and operators.
    package init(environment: inout EnvironmentReader) {
        partitions = environment.int(
            "PARLEY_TOPIC_PARTITIONS",
            default: partitions,
            in: 1...1000,
            help: "partitions of a topic that is created; bounds how many workers share the load"
        )
        replication = environment.int(
            "PARLEY_TOPIC_REPLICATION",
            default: replication,
            in: 1...10,
            help: "brokers that keep a partition"
        )
    }

    /// Every topic of the platform and its dead-letter topic.
    package var topics: [TopicSpec] {
        PlatformTopics.all(partitions: partitions, replication: replication)
    }
}
