package import Observability

/// Creates and lists topics, and says how far groups are behind.
package final class TopicAdmin: Sendable {
    private let configuration: BusConfiguration
    private let logger: Logger
    private let admin: RDKafkaAdmin

    /// Makes a client; it connects in the background.
    ///
    /// - Throws: ``BusError`` when librdkafka is too old or refuses the configuration.
    package init(configuration: BusConfiguration, logger: Logger) throws {
        try requireLibrdkafka()
        try configuration.validate()
        self.configuration = configuration
        let logger = logger.with([.component: "bus.admin"])
        self.logger = logger
        admin = try RDKafkaAdmin(properties: configuration.adminProperties, logger: logger)
    }

    /// Creates the topics that the broker does not have; safe to call from several processes at once.
    ///
    /// A topic that exists with another number of partitions is left as it is, and logged.
    ///
    /// - Throws: ``BusError``; retriable when the broker cannot be reached.
    package func ensureTopics(_ topics: [TopicSpec]) async throws {
        try await DedicatedThread.run(name: "bus-admin") { try self.ensureNow(topics) }
    }

    /// The topics that the broker has, by name.
    ///
    /// - Throws: ``BusError``; retriable when the broker cannot be reached.
    package func listTopics() async throws -> [TopicDescription] {
        let topics = try await DedicatedThread.run(name: "bus-admin") {
            try self.admin.topics(timeout: self.configuration.adminTimeout)
        }
        return topics.map { TopicDescription(name: $0.name, partitions: $0.partitionCount) }.sorted {
            $0.name < $1.name
        }
    }

    /// How far a group is behind in each partition of the topics; topics that the broker does not know are left out.
    ///
    /// The end of a partition is taken from a fetch answer: what the local broker says of it otherwise is wrong.
    ///
    /// - Throws: ``BusError``; retriable when the broker cannot be reached.
    package func lag(group: String, topics: [String]) async throws -> [PartitionLag] {
        let configuration = configuration
        let logger = logger
        return try await DedicatedThread.run(name: "bus-lag") {
            try topics.flatMap { topic in
                try LagQuestion(topic: topic, group: group, configuration: configuration, logger: logger).ask()
            }
        }
    }

    /// Creates what is missing.
    ///
    /// Blocks.
    func ensureNow(_ topics: [TopicSpec], timeout: Duration? = nil) throws {
        let timeout = timeout ?? configuration.adminTimeout
        let existing = Dictionary(
            try admin.topics(timeout: timeout).map { ($0.name, $0.partitionCount) },
            uniquingKeysWith: { first, _ in first }
        )
        for topic in topics {
            guard let count = existing[topic.name], count != topic.partitions else { continue }
            logger.warning(
                "a topic has another number of partitions than configured",
                [.topic: .string(topic.name), .count: .integer(count)]
            )
        }
        let missing = topics.filter { existing[$0.name] == nil }
        guard !missing.isEmpty else { return }
        try admin.create(missing, timeout: timeout)
        logger.info("topics were created", [.count: .integer(missing.count)])
    }
}
