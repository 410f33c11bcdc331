import EventBus
import Observability
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2)))
struct TopicTests {
    @Test("Ensuring topics twice, and from two clients at once, makes them once")
    func ensureIsIdempotent() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            let admins = try (0..<2).map { _ in
                try TopicAdmin(configuration: fixture.configuration, logger: fixture.logger)
            }
            let specs = [fixture.spec, TopicSpec(name: fixture.topic + ".dlq", partitions: 1)]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for admin in admins {
                    group.addTask { try await admin.ensureTopics(specs) }
                }
                try await group.waitForAll()
            }
            try await admins[0].ensureTopics(specs)
            let topics = try await admins[1].listTopics().filter { $0.name.hasPrefix(fixture.topic) }
            #expect(topics.map(\.name) == [fixture.topic, fixture.topic + ".dlq"])
            #expect(topics.map(\.partitions) == [4, 1])
            try await admins[0].ensureTopics([TopicSpec(name: fixture.topic, partitions: 9)])
            #expect(fixture.sink.lines.contains { $0.contains("another number of partitions") })
        }
    }

    @Test("A broker that is away is a retriable error in time")
    func unreachableBroker() async throws {
        var configuration = BusConfiguration(bootstrapServers: "127.0.0.1:1")
        configuration.adminTimeout = .seconds(1)
        let admin = try TopicAdmin(configuration: configuration, logger: .disabled)
        let began = ContinuousClock.now
        let error = try await #require(throws: BusError.self) { _ = try await admin.listTopics() }
        #expect(error.isRetriable)
        #expect(ContinuousClock.now - began < .seconds(20))
    }

    @Test("Lag is the distance from the commit to the end, and from the start without a commit")
    func lag() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker, partitions: 2)
            try await fixture.makeTopic()
            let admin = try TopicAdmin(configuration: fixture.configuration, logger: fixture.logger)
            let empty = try await admin.lag(group: fixture.group, topics: [fixture.topic])
            #expect(empty.map(\.lag) == [0, 0] && empty.allSatisfy { $0.committedOffset == nil })
            // Batches of many: the broker's own idea of the end would be one past the last batch's first record.
            try await fixture.publish((0..<100).map { fixture.record("key-\($0)", String($0)) })
            let before = try await admin.lag(group: fixture.group, topics: [fixture.topic, "no-such-topic"])
            #expect(before.map(\.lag).reduce(0, +) == 100)
            #expect(before.map(\.partition) == [0, 1])
            let seen = Collected()
            try await running(try fixture.consumer(), { seen.append($0) }) {
                try await eventually("all records") { seen.count == 100 }
            }
            let after = try await admin.lag(group: fixture.group, topics: [fixture.topic])
            #expect(after.map(\.lag) == [0, 0])
            #expect(after.compactMap(\.committedOffset).reduce(0, +) == 100)
            #expect(after.map(\.endOffset) == before.map(\.endOffset))
            try await fixture.publish((0..<7).map { fixture.record("key-\($0)", String($0)) })
            let behind = try await admin.lag(group: fixture.group, topics: [fixture.topic])
            #expect(behind.map(\.lag).reduce(0, +) == 7)
        }
    }
}
