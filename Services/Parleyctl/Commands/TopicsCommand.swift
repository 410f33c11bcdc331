import EventBus
import Observability
import ServiceKit

/// `parleyctl topics`: the platform's topics on the broker.
enum TopicsCommand: Command {
    static let name = "topics"
    static let usage = "parleyctl topics list\nparleyctl topics create"

    static func run(_ arguments: inout Arguments) async throws {
        let verb = arguments.next()
        try arguments.finish()
        let (configuration, partitions, replication) = try OperatorSettings.bus()
        let admin = try TopicAdmin(configuration: configuration, logger: .disabled)
        switch verb {
        case "list":
            for topic in try await admin.listTopics().sorted(by: { $0.name < $1.name }) {
                Console.print("\(topic.name)\t\(topic.partitions)")
            }
        case "create":
            try await admin.ensureTopics(PlatformTopics.all(partitions: partitions, replication: replication))
            Console.print("every topic is there")
        default:
            throw UsageError(reason: "topics can be listed or created")
        }
    }
}
