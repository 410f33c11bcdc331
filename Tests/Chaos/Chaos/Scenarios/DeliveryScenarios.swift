import Domain
import EventBus
import Observability
import Synchronization
import TestKit

/// A broker that delivers everything again and again, in another order.
enum DeliveryScenarios {
    /// All of the family.
    static let all: [Scenario] = [
        Scenario(
            name: "duplicate_delivery",
            summary: "every event on every topic is published three times, in another order across sessions",
            faults: { run in
                run.markFault()
                try await repeatEverything(run)
            }
        )
    ]

    /// Marks copies, so that they are not copied again.
    private static let mark = "chaos-copy"
    private final class Seen: Sendable {
        private let records = Mutex<[BusRecord]>([])

        func append(_ more: [BusRecord]) {
            let originals = more.filter { record in !record.headers.contains { $0.name == mark } }
            records.withLock { $0 += originals }
        }

        func take() -> [BusRecord] {
            records.withLock { records in
                defer { records = [] }
                return records
            }
        }
    }

    private static let topics: [Topic] = [.inbound, .toolRequests, .toolResults, .outbound, .deltas]

    private static func repeatEverything(_ run: ChaosRun) async throws {
        let configuration = BusConfiguration(
            bootstrapServers: run.platform.broker.bootstrapServers,
            profile: .local
        )
        let producer = try BusProducer(configuration: configuration, logger: .disabled)
        let reader = try BusReader(
            configuration: configuration,
            topics: topics.map(\.rawValue),
            start: .beginning,
            logger: .disabled
        )
        let seen = Seen()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await reader.run { records in seen.append(records) }
            }
            var random = SeededRandom(seed: SeededRandom.seed)
            while run.load.records.contains(where: { !$0.isDone }) {
                try await Task.sleep(for: .milliseconds(300))
                let batch = seen.take()
                let copies = (batch + batch).shuffled(using: &random).map { record in
                    OutgoingRecord(
                        topic: record.topic,
                        key: record.key,
                        value: record.value,
                        headers: record.headers + [BusHeader(mark, "1")]
                    )
                }
                try await producer.publish(copies)
            }
            reader.shutdown()
            try await group.waitForAll()
        }
        await producer.close()
    }
}
