import EventBus
import Observability
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2)))
struct RoundTripTests {
    @Test("A record arrives with key, value, headers and time")
    func arrivesWhole() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            try await fixture.makeTopic()
            let headers = [
                BusHeader("tenant", "acme"), BusHeader(name: "bytes", value: [0, 255]), BusHeader("empty", ""),
            ]
            try await fixture.publish([fixture.record("session-1", "hello", headers), fixture.record(nil, "")])
            let seen = Collected()
            try await running(try fixture.consumer(), { seen.append($0) }) {
                try await eventually("two records") { seen.count == 2 }
            }
            let keyed = try #require(seen.records.first { $0.key == "session-1" })
            #expect(keyed.value == Array("hello".utf8))
            #expect(keyed.headers == headers)
            #expect(keyed.header("tenant") == "acme")
            #expect(keyed.header("nothing") == nil)
            #expect(keyed.topic == fixture.topic)
            #expect(keyed.timestampMilliseconds > 1_600_000_000_000)
            let bare = try #require(seen.records.first { $0.key == nil })
            #expect(bare.value.isEmpty && bare.headers.isEmpty)
        }
    }
}
