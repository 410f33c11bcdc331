import EventBus
import Observability
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2)))
struct ProducerTests {
    @Test("A record at the size limit goes through; one over it is named, and the others are delivered")
    func limitsTheSize() async throws {
        try await withBroker { broker in
            var fixture = BusFixture(broker, partitions: 1)
            try await fixture.makeTopic()
            fixture = fixture.with { $0.messageBytesMax = 100_000 }
            let producer = try BusProducer(configuration: fixture.configuration, logger: fixture.logger)
            func record(_ bytes: Int) -> OutgoingRecord {
                OutgoingRecord(topic: fixture.topic, key: "k", value: [UInt8](repeating: 7, count: bytes - 1))
            }
            try await producer.publish([record(100_000)])
            let error = try await #require(throws: BusError.self) {
                try await producer.publish([record(10), record(100_001), record(20)])
            }
            #expect(error.code == .messageTooLarge && !error.isRetriable)
            #expect(error.failures.map(\.index) == [1])
            producer.publishBuffered(record(100_001))
            #expect(producer.metrics.drops == 1)
            #expect(producer.metrics.produced == 3)
            await producer.close()
            let seen = Collected()
            try await running(try fixture.consumer(), { seen.append($0) }) {
                try await eventually("three records") { seen.count == 3 }
            }
            #expect(seen.records.map(\.value.count) == [99_999, 9, 19])
        }
    }

    @Test("A publish has a limit of records")
    func limitsThePublish() async throws {
        try await withBroker { broker in
            var fixture = BusFixture(broker, partitions: 1)
            try await fixture.makeTopic()
            fixture = fixture.with { $0.publishRecordsMax = 3 }
            let producer = try BusProducer(configuration: fixture.configuration, logger: fixture.logger)
            let record = fixture.record("k", "v")
            try await producer.publish([])
            try await producer.publish([record, record, record])
            let error = try await #require(throws: BusError.self) {
                try await producer.publish([record, record, record, record])
            }
            #expect(error.code == .tooManyRecords && error.failures.isEmpty)
            #expect(producer.metrics.produced == 3)
            await producer.close()
        }
    }

    @Test("A topic that is not there is an error within the delivery timeout, and is reported")
    func unknownTopic() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker).with { $0.deliveryTimeout = .seconds(2) }
            let producer = try BusProducer(configuration: fixture.configuration, logger: fixture.logger)
            let began = ContinuousClock.now
            let error = try await #require(throws: BusError.self) {
                try await producer.publish([fixture.record("k", "v")])
            }
            print("unknown topic after \(ContinuousClock.now - began): \(error)")
            #expect([.unknownTopic, .deliveryTimedOut].contains(error.code))
            #expect(error.isRetriable && error.failures.count == 1)
            #expect(ContinuousClock.now - began < .seconds(20))
            let topics = try await TopicAdmin(configuration: fixture.configuration, logger: .disabled).listTopics()
            #expect(!topics.contains { $0.name == fixture.topic }, "publishing creates no topic")
            await producer.close()
        }
    }

    @Test("A full queue is an error at once")
    func fullQueue() async throws {
        // Nothing listens there, so nothing leaves the queue.
        var configuration = BusConfiguration(bootstrapServers: "127.0.0.1:1")
        configuration.producerQueueRecordsMax = 5
        configuration.bufferedRecordsMax = 2
        configuration.deliveryTimeout = .seconds(1)
        let producer = try BusProducer(configuration: configuration, logger: .disabled)
        let records = (0..<6).map { OutgoingRecord(topic: "t", key: nil, value: [UInt8($0)]) }
        let error = try await #require(throws: BusError.self) { try await producer.publish(records) }
        #expect(error.failures.count == 6 && error.isRetriable)
        #expect(error.failures.last == .init(index: 5, topic: "t", code: .queueFull, isRetriable: true))
        #expect(error.failures[0].code == .deliveryTimedOut)
        for _ in 0..<3 {
            producer.publishBuffered(records[0])
        }
        #expect(producer.metrics.drops == 1, "one over the limit of two")
        #expect(producer.metrics.inFlight == 2)
        await producer.close(timeout: .zero)
        let closed = try await #require(throws: BusError.self) { try await producer.publish(records) }
        #expect(closed.code == .closed)
    }

    @Test("Closing delivers what is on its way, buffered records too")
    func closeFlushes() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker, partitions: 1).with { $0.linger = .milliseconds(300) }
            try await fixture.makeTopic()
            let producer = try BusProducer(configuration: fixture.configuration, logger: fixture.logger)
            for number in 0..<50 {
                producer.publishBuffered(fixture.record("k", String(number)))
            }
            await producer.close()
            #expect(producer.metrics.produced == 50 && producer.metrics.drops == 0 && producer.metrics.inFlight == 0)
            let seen = Collected()
            try await running(try fixture.consumer(), { seen.append($0) }) {
                try await eventually("all records") { seen.count == 50 }
            }
            #expect(seen.texts == (0..<50).map { String($0) })
        }
    }

    @Test("A property that librdkafka refuses is named, its value is not")
    func refusedProperty() async throws {
        var configuration = BusConfiguration(bootstrapServers: "127.0.0.1:1")
        configuration.properties = ["security.protocol": "open-sesame"]
        let error = try #require(throws: BusError.self) {
            _ = try BusProducer(configuration: configuration, logger: .disabled)
        }
        #expect(error.code == .configurationInvalid)
        #expect(error.message.contains("security.protocol") && !error.message.contains("open-sesame"))
    }

    @Test("SASL and TLS settings are accepted by librdkafka")
    func acceptsSecurity() async throws {
        var configuration = BusConfiguration(bootstrapServers: "127.0.0.1:1", profile: .production)
        configuration.security.securityProtocol = "sasl_ssl"
        configuration.security.saslMechanism = "SCRAM-SHA-512"
        configuration.security.saslUsername = "user"
        configuration.security.saslPassword = "password"
        configuration.security.tlsVerifiesHostname = true
        let producer = try BusProducer(configuration: configuration, logger: .disabled)
        await producer.close(timeout: .zero)
    }
}
