import EventBus
import Observability
import ServiceKit

/// `parleyctl topics`: the platform's topics on the broker.
enum TopicsCommand: Command {
    static let name = "topics"
    static let summary = "list the broker's topics, or create the platform's"
    static let usage = "parleyctl topics list\nparleyctl topics create"
    static let details = """
        list prints each topic with its number of partitions. create makes those of the platform that are missing, with
        PARLEY_TOPIC_PARTITIONS partitions on PARLEY_TOPIC_REPLICATION brokers; a topic that is there stays as it is.
        """

    static func run(_ arguments: inout Arguments) async throws {
        let verb = try arguments.require("list or create")
        try arguments.finish()
        guard ["list", "create"].contains(verb) else {
            throw UsageError(reason: "topics can be listed or created, not \(TerminalText.quoted(verb))")
        }
        let bus = try OperatorSettings.bus()
        let admin = try TopicAdmin(configuration: bus.configuration, logger: .disabled)
        if verb == "create" {
            try await admin.ensureTopics(bus.layout.topics)
            Console.print("every topic is there")
            return
        }
        for topic in try await admin.listTopics() {
            Console.print("\(topic.name)\t\(topic.partitions)")
        }
    }
}
