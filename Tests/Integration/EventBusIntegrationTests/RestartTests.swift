import EventBus
import Observability
import TestKit
import Testing

@Suite(.timeLimit(.minutes(3)))
struct RestartTests {
    @Test("After a broker restart without data everything goes on by itself")
    func survivesALostBroker() async throws {
        try await withOwnBroker { broker in
            let fixture = BusFixture(broker)
            let keeper = try fixture.keeper()
            try await keeper.ensure()
            let producer = try BusProducer(
                configuration: fixture.configuration,
                logger: fixture.logger,
                onTopicMissing: { _ in keeper.nudge() }
            )
            let consumer = try fixture.consumer()
            let reader = try fixture.reader(.beginning)
            let (consumed, read) = (Collected(), Collected())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await keeper.run() }
                group.addTask { try await consumer.run { consumed.append($0) } }
                group.addTask { try await reader.run { read.append($0) } }
                try await producer.publish((0..<12).map { fixture.record("key-\($0)", "before-\($0)") })
                try await eventually("all before") { consumed.count == 12 && read.count == 12 }

                try await broker.kill9()
                try await Task.sleep(for: .milliseconds(300))
                try await broker.restart()
                let back = ContinuousClock.now
                // What a caller does with a retriable failure: the same again. More than before, so that offsets alone
                // would not show the loss.
                for number in 0..<40 {
                    try await publishUntilDelivered(fixture.record("key-\(number)", "after-\(number)"), producer)
                }
                print("publishing again after \(ContinuousClock.now - back), resets \(producer.metrics.resets)")
                let expected = Set((0..<40).map { "after-\($0)" })
                try await eventually("the reader has all") { expected.isSubset(of: read.texts) }
                print("reading again after \(ContinuousClock.now - back), resets \(reader.metrics.resets)")
                try await eventually("the consumer has all") {
                    expected.isSubset(of: consumed.texts)
                }
                print("consuming again after \(ContinuousClock.now - back)")
                let topics = try await TopicAdmin(configuration: fixture.configuration, logger: .disabled).listTopics()
                #expect(topics.first { $0.name == fixture.topic }?.partitions == 4)
                await producer.close()
                consumer.shutdown()
                reader.shutdown()
                keeper.shutdown()
                try await group.waitForAll()
            }
        }
    }

    @Test("A reader goes on after a restart without data though the new log is shorter than the old one")
    func readsAShorterLog() async throws {
        try await withOwnBroker { broker in
            let fixture = BusFixture(broker)
            let keeper = try fixture.keeper()
            try await keeper.ensure()
            let producer = try BusProducer(
                configuration: fixture.configuration,
                logger: fixture.logger,
                onTopicMissing: { _ in keeper.nudge() }
            )
            let reader = try fixture.reader(.beginning)
            let read = Collected()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await keeper.run() }
                group.addTask { try await reader.run { read.append($0) } }
                try await producer.publish((0..<20).map { fixture.record("key", "before-\($0)") })
                try await eventually("all before") { read.count == 20 }
                try await broker.kill9()
                try await broker.restart()
                try await publishUntilDelivered(fixture.record("key", "after"), producer)
                try await eventually("the record after") { read.texts.contains("after") }
                await producer.close()
                reader.shutdown()
                keeper.shutdown()
                try await group.waitForAll()
            }
        }
    }

    @Test("A producer whose records timed out while the broker stood still delivers again, fenced or not")
    func survivesAStall() async throws {
        try await withOwnBroker { broker in
            var fixture = BusFixture(broker)
            fixture.configuration.deliveryTimeout = .seconds(2)
            try await fixture.makeTopic()
            let producer = try BusProducer(configuration: fixture.configuration, logger: fixture.logger)
            try await producer.publish((0..<12).map { fixture.record("key-\($0)", "before-\($0)") })
            broker.server.pause()
            await #expect(throws: BusError.self) {
                try await producer.publish((0..<12).map { fixture.record("key-\($0)", "meanwhile-\($0)") })
            }
            broker.server.resume()
            for number in 0..<12 {
                try await publishUntilDelivered(fixture.record("key-\(number)", "after-\(number)"), producer)
            }
            print("resets \(producer.metrics.resets)")
            await producer.close()
        }
    }

    @Test("Shutdown ends in time while the broker is away")
    func stopsWithoutABroker() async throws {
        try await withOwnBroker { broker in
            let fixture = BusFixture(broker)
            try await fixture.makeTopic()
            let consumer = try fixture.consumer()
            let reader = try fixture.reader(.end)
            let producer = try BusProducer(configuration: fixture.configuration, logger: fixture.logger)
            let seen = Collected()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await consumer.run { seen.append($0) } }
                group.addTask { try await reader.run { _ in } }
                try await producer.publish([fixture.record("k", "v")])
                try await eventually("it runs") { seen.count == 1 }
                try await broker.kill9()
                try await Task.sleep(for: .milliseconds(500))
                let began = ContinuousClock.now
                consumer.shutdown()
                reader.shutdown()
                await producer.close(timeout: .seconds(1))
                try await group.waitForAll()
                print("shutdown without a broker took \(ContinuousClock.now - began)")
                #expect(ContinuousClock.now - began < .seconds(30))
            }
        }
    }

    /// Publishes again as long as the failure is retriable, as an outbox relay does.
    private func publishUntilDelivered(_ record: OutgoingRecord, _ producer: BusProducer) async throws {
        for _ in 0..<200 {
            do {
                try await producer.publish([record])
                return
            } catch let error as BusError where error.isRetriable {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        Issue.record("a record was not delivered in 200 attempts")
    }
}
