import Testing

@testable import EventBus

@Suite struct BusErrorTests {
    @Test func aPublishIsRetriableWhenAllItsFailuresAre() {
        let timedOut = BusError.Failure(index: 4, topic: "b", code: .deliveryTimedOut, isRetriable: true)
        let tooLarge = BusError.Failure(index: 1, topic: "a", code: .messageTooLarge, isRetriable: false)
        let error = BusError(failures: [timedOut, tooLarge], of: 5)
        #expect(!error.isRetriable)
        #expect(error.failures.map(\.index) == [1, 4])
        #expect(
            error.description
                == "messageTooLarge: 2 of 5 records were not delivered to a, b: deliveryTimedOut, messageTooLarge"
        )
        #expect(BusError(failures: [timedOut], of: 5).isRetriable)
    }

    @Test func everyCodeHasItsDefault() {
        let retriable = BusError.Code.allCases.filter(\.isRetriableByDefault)
        #expect(
            retriable == [
                .brokerUnreachable, .queueFull, .unknownTopic, .deliveryTimedOut, .producerReset, .timedOut,
            ]
        )
    }

    @Test func anOldLibraryIsRefusedWithAdvice() throws {
        try requireLibrdkafka(version: 0x0203_00ff, text: "2.3.0")
        try requireLibrdkafka(version: 0x0210_00ff, text: "2.16.0")
        let error = try #require(throws: BusError.self) {
            try requireLibrdkafka(version: 0x0202_00ff, text: "2.2.0")
        }
        #expect(error.code == .libraryTooOld && !error.isRetriable)
        #expect(error.message.contains("2.2.0") && error.message.contains("deploy/local/vendor.sh"))
    }

    @Test func recordsKnowTheirHeadersAndSizes() {
        let record = BusRecord(
            topic: "t",
            partition: 0,
            offset: 0,
            key: "key",
            value: [1, 2],
            headers: [BusHeader("a", "1"), BusHeader("a", "2")]
        )
        #expect(record.header("a") == "2")
        #expect(record.header("A") == nil)
        #expect(record.footprintBytes == 2 + 3 + 128 + 2 * 33)
        let outgoing = OutgoingRecord(topic: "t", key: "key", value: [1, 2], headers: [BusHeader("ab", "345")])
        #expect(outgoing.payloadBytes == 3 + 2 + 5)
    }
}
