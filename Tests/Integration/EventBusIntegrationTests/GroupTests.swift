import EventBus
import Observability
import TestKit
import Testing

@Suite(.timeLimit(.minutes(3)))
struct GroupTests {
    @Test("A member that joins and leaves in mid-flow loses nothing and repeats nothing")
    func rebalancesUnderLoad() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            try await fixture.makeTopic()
            let (staying, passing) = (try fixture.consumer(), try fixture.consumer())
            let seen = Collected()
            let total = 2400
            let producer = try BusProducer(configuration: fixture.configuration, logger: fixture.logger)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let handler: @Sendable (BusRecord) async throws -> Void = { record in
                    try await Task.sleep(for: .milliseconds(1))
                    seen.append(record)
                }
                group.addTask { try await staying.run(handler: handler) }
                group.addTask {
                    for number in 0..<total {
                        try await producer.publish([fixture.record("key-\(number % 60)", String(number))])
                        try await Task.sleep(for: .milliseconds(3))
                    }
                }
                try await eventually("the first has all partitions") {
                    staying.assignedPartitions(of: fixture.topic).count == 4
                }
                group.addTask { try await passing.run(handler: handler) }
                try await eventually("both have some", timeout: .seconds(60)) {
                    passing.assignedPartitions(of: fixture.topic).count == 2 && passing.metrics.finished > 50
                }
                passing.shutdown()
                try await eventually("all records", timeout: .seconds(60)) { Set(seen.texts).count == total }
                staying.shutdown()
                try await group.waitForAll()
            }
            await producer.close()
            #expect(seen.count == total, "the leaving handlers were waited for, so nothing came twice")
            #expect(staying.metrics.rebalances >= 3)
        }
    }

    @Test("A topic at its limit does not hold back another of the same consumer")
    func topicsAreIndependent() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker, partitions: 1).with { $0.inFlightRecordsMax = 4 }
            let control = fixture.topic + "-control"
            let admin = try TopicAdmin(configuration: fixture.configuration, logger: fixture.logger)
            try await admin.ensureTopics([fixture.spec, TopicSpec(name: control, partitions: 1)])
            let consumer = try BusConsumer(
                configuration: fixture.configuration,
                group: fixture.group,
                topics: [fixture.topic, control],
                logger: fixture.logger
            )
            try await fixture.publish((0..<10).map { fixture.record("key-\($0)", String($0)) })
            let seen = Collected()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await consumer.run { record in
                        if record.topic != control {
                            try await Task.sleep(for: .seconds(600))
                        }
                        seen.append(record)
                    }
                }
                try await eventually("the topic is at its limit") { consumer.metrics.inFlight == 4 }
                try await fixture.publish((0..<50).map { OutgoingRecord(topic: control, key: "k\($0)", value: []) })
                try await eventually("all of the other") { seen.count == 50 }
                group.cancelAll()
                try await group.waitForAll()
            }
            #expect(consumer.metrics.inFlight == 0)
        }
    }

    @Test("Incremental rebalancing of the production profile works too")
    func cooperative() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker, profile: .production).with {
                $0.sessionTimeout = .seconds(2)
                $0.heartbeatInterval = .milliseconds(500)
                $0.metadataRefreshInterval = .seconds(2)
            }
            try await fixture.makeTopic()
            let (one, two) = (try fixture.consumer(), try fixture.consumer())
            let seen = Collected()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await one.run { seen.append($0) } }
                try await eventually("the first has all", timeout: .seconds(60)) {
                    one.assignedPartitions(of: fixture.topic).count == 4
                }
                try await fixture.publish((0..<100).map { fixture.record("key-\($0)", "a-\($0)") })
                group.addTask { try await two.run { seen.append($0) } }
                try await eventually("each has half", timeout: .seconds(60)) {
                    one.assignedPartitions(of: fixture.topic).count == 2
                        && two.assignedPartitions(of: fixture.topic).count == 2
                }
                try await fixture.publish((0..<100).map { fixture.record("key-\($0)", "b-\($0)") })
                try await eventually("all records", timeout: .seconds(60)) { seen.count >= 200 }
                one.shutdown()
                two.shutdown()
                try await group.waitForAll()
            }
            #expect(Set(seen.texts).count == 200 && seen.count == 200)
            #expect(two.metrics.finished > 0)
        }
    }
}
