import Domain
import EventBus
import Observability

/// `parleyctl lag`: how far the services are behind.
enum LagCommand: Command {
    static let name = "lag"
    static let summary = "show how far consumer groups are behind"
    static let usage = "parleyctl lag [--group GROUP]"
    static let details = """
        A line for each partition: the next offset that the group reads (- when it has committed none), the end of the
        partition, and the records between. Without --group the workers' and the executors' groups, which are named by
        PARLEY_WORKER_GROUP and PARLEY_EXECUTOR_GROUP, with the topics that they read.
        Reads PARLEY_KAFKA_BROKERS.
        """

    static func run(_ arguments: inout Arguments) async throws {
        let group = try arguments.option("--group")
        try arguments.finish()
        let bus = try OperatorSettings.bus()
        let groups = try OperatorSettings.groups()
        let known: [(group: String, topics: [Topic])] = [
            (groups.worker, [.inbound, .toolResults]), (groups.executor, [.toolRequests]),
        ]
        let admin = try TopicAdmin(configuration: bus.configuration, logger: .disabled)
        guard let group else {
            var rows: [[String]] = []
            for (group, topics) in known {
                rows += rowsOf(group, try await admin.lag(group: group, topics: topics.map(\.rawValue)))
            }
            return try show(rows)
        }
        if let topics = known.first(where: { $0.group == group })?.topics {
            return try show(rowsOf(group, try await admin.lag(group: group, topics: topics.map(\.rawValue))))
        }
        let lags = try await admin.lag(group: group, topics: Topic.allCases.map(\.rawValue))
        let read = Set(lags.filter { $0.committedOffset != nil }.map(\.topic))
        guard lags.isEmpty || !read.isEmpty else {
            throw OperatorError(
                .unknown,
                "group \(TerminalText.quoted(group)) has committed nothing on the platform's topics: check its name; "
                    + "the services' groups are \(groups.worker) and \(groups.executor)"
            )
        }
        try show(rowsOf(group, lags.filter { read.contains($0.topic) }))
    }

    private static func rowsOf(_ group: String, _ lags: [PartitionLag]) -> [[String]] {
        lags.map { lag in
            [
                group, lag.topic, "\(lag.partition)", lag.committedOffset.map { "\($0)" } ?? "-", "\(lag.endOffset)",
                "\(lag.lag)",
            ]
        }
    }

    private static func show(_ rows: [[String]]) throws {
        guard !rows.isEmpty else {
            throw OperatorError(.unknown, "the broker has none of the topics: run parleyctl topics create")
        }
        let head = ["GROUP", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG"]
        for line in TerminalText.table([head] + rows) {
            Console.print(line)
        }
    }
}
