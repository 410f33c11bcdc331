import EventBus
import Lifecycle
import Observability
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2)))
struct ServiceTests {
    @Test("The parts of a program start, pass a record on and stop in order")
    func runAsServices() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            let keeper = try fixture.keeper()
            try await keeper.ensure()
            #expect(keeper.areTopicsThere)
            let producer = try BusProducer(configuration: fixture.configuration, logger: fixture.logger)
            let reader = try fixture.reader(.beginning)
            let (consumed, read) = (Collected(), Collected())
            let services: [any Service] = [
                keeper, BusProducerService(name: "producer", producer: producer),
                BusConsumerService(name: "consumer", consumer: try fixture.consumer()) { consumed.append($0) },
                BusReaderService(name: "reader", reader: reader) { read.append($0) },
            ]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for service in services {
                    group.addTask { try await service.run() }
                }
                try await producer.publish([fixture.record("k", "v")])
                try await eventually("both have it") { consumed.count == 1 && read.count == 1 }
                for service in services.reversed() {
                    await service.shutdown()
                }
                try await group.waitForAll()
            }
            let error = try await #require(throws: BusError.self) {
                try await producer.publish([fixture.record("k", "v")])
            }
            #expect(error.code == .closed)
        }
    }
}
