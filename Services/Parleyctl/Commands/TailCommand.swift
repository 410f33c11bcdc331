import Domain
import EventBus
import Glibc
import Lifecycle
import Observability
import Synchronization

/// `parleyctl tail`: the records of a topic as they come.
enum TailCommand: Command {
    static let name = "tail"
    static let summary = "show the records of a topic as they come"
    static let usage = "parleyctl tail TOPIC [--session ID] [--from-beginning] [--json] [--count N]"
    static let details = """
        A line for each record: time, partition/offset, session, type and role, and the first 120 characters.
          --session ID      only the records of this session
          --from-beginning  what the broker has already, first; otherwise only what comes from now on
          --json            one JSON object a line: topic, partition, offset, timestamp, key, headers, value
          --count N         end after N records; otherwise at Ctrl-C
        Nothing is committed: who else reads the topic notices nothing. Reads PARLEY_KAFKA_BROKERS.
        """

    /// How many topics an error names.
    private static let namedTopicsMax = 50

    static func run(_ arguments: inout Arguments) async throws {
        let session = try arguments.option("--session").map { try OperatorInput.identifier($0, "--session") }
        let count = try arguments.number("--count", in: 1...Int.max)
        let isFromBeginning = try arguments.flag("--from-beginning")
        let isJSON = try arguments.flag("--json")
        let topic = try arguments.require("TOPIC")
        try arguments.finish()
        let configuration = try OperatorSettings.bus().configuration
        let partitions = try await partitionCount(of: topic, configuration)
        let reader = try BusReader(
            configuration: configuration,
            topics: [topic],
            start: isFromBeginning ? .beginning : .end,
            logger: .disabled
        )
        // The local broker may hand out records from before; it shares this machine's clock, a cluster does not.
        let isSkippingOld = !isFromBeginning && configuration.profile == .local
        let tail = Tail(
            filter: RecordFilter(session: session, sinceMilliseconds: isSkippingOld ? Int64(time(nil)) * 1000 : nil),
            isJSON: isJSON,
            countMax: count
        )
        let place = isFromBeginning ? "its beginning" : "now on"
        let what = "\(topic) (partitions: \(partitions)) from \(place); Ctrl-C ends"
        try await read(reader, tail, what)
    }

    private static func read(_ reader: BusReader, _ tail: Tail, _ what: String) async throws {
        let signals = ProcessSignals.stream(of: [SIGINT, SIGTERM])
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in signals { break }
                reader.shutdown()
            }
            group.addTask {
                while !reader.isReading {
                    try await Task.sleep(for: .milliseconds(20))
                }
                Console.note("reading \(what)")
            }
            defer { group.cancelAll() }
            try await reader.run { records in
                if tail.show(records) { reader.shutdown() }
            }
        }
    }

    private static func partitionCount(of topic: String, _ configuration: BusConfiguration) async throws -> Int {
        let topics = try await TopicAdmin(configuration: configuration, logger: .disabled).listTopics()
        if let found = topics.first(where: { $0.name == topic }) { return found.partitions }
        guard !topics.isEmpty else {
            throw OperatorError(.unknown, "the broker has no topics at all: run parleyctl topics create")
        }
        let names = topics.prefix(namedTopicsMax).map(\.name).joined(separator: ", ")
        let rest = topics.count > namedTopicsMax ? " and \(topics.count - namedTopicsMax) more" : ""
        throw OperatorError(
            .unknown,
            "there is no topic \(TerminalText.quoted(topic)); the broker has \(names)\(rest)"
        )
    }
}

/// Which records are shown.
struct RecordFilter: Sendable {
    /// Only those of this session; nil means all.
    let session: String?
    /// Only those stamped at this time or later, in milliseconds since 1970; nil means all.
    let sinceMilliseconds: Int64?

    /// Whether a record is shown.
    func accepts(_ record: BusRecord) -> Bool {
        if let sinceMilliseconds, record.timestampMilliseconds >= 0,
            record.timestampMilliseconds < sinceMilliseconds
        {
            return false
        }
        guard let session else { return true }
        return (record.key ?? RecordText.session(of: record)) == session
    }
}

/// Shows records until there were enough of them.
private final class Tail: Sendable {
    private let filter: RecordFilter
    private let isJSON: Bool
    private let left: Mutex<Int>

    init(filter: RecordFilter, isJSON: Bool, countMax: Int?) {
        self.filter = filter
        self.isJSON = isJSON
        left = Mutex(countMax ?? Int.max)
    }

    /// Shows those that pass the filter; answers true when there were enough.
    func show(_ records: [BusRecord]) -> Bool {
        for record in records where filter.accepts(record) {
            let (isShown, isLast) = left.withLock { left in
                guard left > 0 else { return (false, true) }
                left -= 1
                return (true, left == 0)
            }
            if isShown { Console.print(isJSON ? RecordText.json(record) : RecordText.line(record)) }
            if isLast { return true }
        }
        return false
    }
}
