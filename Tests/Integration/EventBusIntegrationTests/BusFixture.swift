import EventBus
import Observability
import Synchronization
import TestKit

/// Collects records that handlers saw, from any task.
final class Collected: Sendable {
    private let storage = Mutex<[BusRecord]>([])

    var records: [BusRecord] { storage.withLock { $0 } }
    var count: Int { storage.withLock { $0.count } }
    /// The bodies as text, in the order in which they came.
    var texts: [String] { records.map { String(decoding: $0.value, as: UTF8.self) } }

    func append(_ record: BusRecord) {
        storage.withLock { $0.append(record) }
    }

    func append(_ records: [BusRecord]) {
        storage.withLock { $0 += records }
    }
}

/// A topic of a test's own with everything that is needed to write to it.
struct BusFixture: Sendable {
    var configuration: BusConfiguration
    let topic: String
    let group: String
    let partitions: Int
    let sink: MemorySink
    let logger: Logger

    init(_ broker: BrokerServer, partitions: Int = 4, profile: BusConfiguration.Profile = .local) {
        configuration = BusConfiguration(bootstrapServers: broker.bootstrapServers, profile: profile)
        topic = broker.uniqueName("topic")
        group = broker.uniqueName("group")
        self.partitions = partitions
        sink = MemorySink()
        logger = Logger(service: "test", level: .debug, sink: sink)
    }

    var spec: TopicSpec { TopicSpec(name: topic, partitions: partitions) }

    func makeTopic() async throws {
        try await TopicAdmin(configuration: configuration, logger: logger).ensureTopics([spec])
    }

    func keeper() throws -> TopicKeeper {
        try TopicKeeper(configuration: configuration, topics: [spec], logger: logger)
    }

    func record(_ key: String?, _ text: String, _ headers: [BusHeader] = []) -> OutgoingRecord {
        OutgoingRecord(topic: topic, key: key, value: Array(text.utf8), headers: headers)
    }

    func consumer(
        _ configuration: BusConfiguration? = nil,
        concurrency: Int = 64
    ) throws -> BusConsumer {
        try BusConsumer(
            configuration: configuration ?? self.configuration,
            group: group,
            topics: [topic],
            logger: logger,
            concurrency: concurrency
        )
    }

    /// Publishes with a producer of its own.
    func publish(_ records: [OutgoingRecord]) async throws {
        let producer = try BusProducer(configuration: configuration, logger: logger)
        try await producer.publish(records)
        await producer.close()
    }
}

/// Runs a consumer beside a body, shuts it down afterwards, and waits for its end.
func running(
    _ consumer: BusConsumer,
    _ handler: @escaping @Sendable (BusRecord) async throws -> Void,
    during body: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await consumer.run(handler: handler) }
        do {
            try await body()
        } catch {
            consumer.shutdown()
            throw error
        }
        consumer.shutdown()
        try await group.waitForAll()
    }
}

extension BusFixture {
    /// This fixture with other settings.
    func with(_ change: (inout BusConfiguration) -> Void) -> BusFixture {
        var fixture = self
        change(&fixture.configuration)
        return fixture
    }

    func reader(_ start: BusReader.Start) throws -> BusReader {
        try BusReader(configuration: configuration, topics: [topic], start: start, logger: logger)
    }
}
