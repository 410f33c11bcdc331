import Observability
import Synchronization
import TestKit
import Testing

@testable import EventBus

private struct Refusal: Error {}

/// Counts how many bodies run at once.
final class Gauge: Sendable {
    private let state = Mutex((now: 0, peak: 0))

    var peak: Int { state.withLock { $0.peak } }

    func around(_ body: () async throws -> Void) async rethrows {
        state.withLock { state in
            state.now += 1
            state.peak = max(state.peak, state.now)
        }
        defer { state.withLock { $0.now -= 1 } }
        try await body()
    }
}

@Suite(.timeLimit(.minutes(3)))
struct ConsumerTests {
    @Test("Records of a key are handled in order, those of different keys side by side")
    func ordersPerKey() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            try await fixture.makeTopic()
            let keys = 20
            let records = (0..<600).map { fixture.record("key-\($0 % keys)", String($0)) }
            try await fixture.publish(records)
            let seen = Collected()
            let gauge = Gauge()
            try await running(
                try fixture.consumer(concurrency: 8),
                { record in
                    try await gauge.around {
                        try await Task.sleep(for: .microseconds(.random(in: 0...2000)))
                        seen.append(record)
                    }
                }
            ) {
                try await eventually("all records") { seen.count == 600 }
            }
            for key in 0..<keys {
                let numbers = seen.records.filter { $0.key == "key-\(key)" }.map {
                    Int(String(decoding: $0.value, as: UTF8.self))
                }
                #expect(numbers == stride(from: key, to: 600, by: keys).map { $0 }, "key \(key)")
            }
            #expect(seen.count == 600, "each once")
            #expect(gauge.peak > 1, "side by side")
            #expect(gauge.peak <= 8, "no more than the concurrency")
        }
    }

    @Test("After a stop the next member gets what was unfinished, and nothing below the watermark")
    func commitsTheWatermark() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker, partitions: 1)
            try await fixture.makeTopic()
            try await fixture.publish((0..<10).map { fixture.record("key-\($0)", String($0)) })
            let first = Collected()
            var configuration = fixture.configuration
            configuration.drainTimeout = .milliseconds(200)
            // 4 hangs: 0 to 3 are below the watermark, 5 to 9 are finished above it.
            try await running(
                try fixture.consumer(configuration),
                { record in
                    if record.offset == 4 {
                        try await Task.sleep(for: .seconds(600))
                    }
                    first.append(record)
                }
            ) {
                try await eventually("all but one") { first.count == 9 }
            }
            let second = Collected()
            try await running(try fixture.consumer(), { second.append($0) }) {
                try await eventually("the unfinished") { second.count == 6 }
            }
            #expect(Set(second.records.map(\.offset)) == [4, 5, 6, 7, 8, 9])
            let third = Collected()
            try await running(try fixture.consumer(), { third.append($0) }) {
                try await fixture.publish([fixture.record("last", "last")])
                try await eventually("the last") { !third.records.isEmpty }
            }
            #expect(third.texts == ["last"], "what was finished is committed")
        }
    }

    @Test("A cancelled run commits nothing that is unfinished")
    func cancellationLeavesTheUnfinished() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker, partitions: 1)
            try await fixture.makeTopic()
            try await fixture.publish((0..<3).map { fixture.record("key-\($0)", String($0)) })
            let started = Collected()
            let consumer = try fixture.consumer()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await consumer.run { record in
                        started.append(record)
                        if record.offset > 0 {
                            try await Task.sleep(for: .seconds(600))
                        }
                    }
                }
                try await eventually("all started") { started.count == 3 }
                group.cancelAll()
                try await group.waitForAll()
            }
            let again = Collected()
            try await running(try fixture.consumer(), { again.append($0) }) {
                try await eventually("the unfinished") { again.count == 2 }
            }
            #expect(again.texts.sorted() == ["1", "2"])
        }
    }

    @Test("A failing record is tried again and holds only its key")
    func retriesInPlace() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker, partitions: 1)
            try await fixture.makeTopic()
            try await fixture.publish([
                fixture.record("bad", "bad-1"), fixture.record("bad", "bad-2"), fixture.record("good", "good"),
            ])
            let seen = Collected()
            let attempts = Collected()
            let consumer = try fixture.consumer()
            try await running(
                consumer,
                { record in
                    attempts.append(record)
                    if record.key == "bad", attempts.texts.filter({ $0 == "bad-1" }).count < 4 {
                        throw Refusal()
                    }
                    seen.append(record)
                }
            ) {
                try await eventually("all records") { seen.count == 3 }
            }
            #expect(seen.texts == ["good", "bad-1", "bad-2"])
            #expect(attempts.texts.filter { $0 == "bad-1" }.count == 4)
            #expect(consumer.metrics.retries == 3)
            #expect(consumer.metrics.finished == 3 && consumer.metrics.consumed == 3)
            #expect(consumer.metrics.inFlight == 0)
            #expect(fixture.sink.lines.contains { $0.contains("tried again") && $0.contains("\"attempt\":3") })
            #expect(!fixture.sink.lines.contains { $0.contains("bad-1") }, "no text of a record in a log line")
        }
    }

    @Test("Members share the partitions, and the one that stays takes over from the one that dies")
    func takesOver() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            try await fixture.makeTopic()
            let (one, two) = (try fixture.consumer(), try fixture.consumer())
            let (seenByOne, seenByTwo) = (Collected(), Collected())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await one.run { record in
                        seenByOne.append(record)
                        // Nothing that it gets after the start is ever finished.
                        if !record.value.elementsEqual("warm".utf8) {
                            try await Task.sleep(for: .seconds(600))
                        }
                    }
                }
                group.addTask { try await two.run { seenByTwo.append($0) } }
                try await eventually("a fair share") {
                    one.assignedPartitions(of: fixture.topic).count == 2
                        && two.assignedPartitions(of: fixture.topic).count == 2
                }
                let records = (0..<40).map { fixture.record("key-\($0)", String($0)) }
                try await fixture.publish(records)
                try await eventually("both have some") { seenByOne.count + seenByTwo.count >= 40 }
                #expect(seenByOne.count > 0 && seenByTwo.count > 0)
                let died = ContinuousClock.now
                one.crash()
                try await eventually("the survivor has all") {
                    Set(seenByTwo.texts).count == 40
                }
                print("takeover after a crash: \(ContinuousClock.now - died)")
                #expect(two.assignedPartitions(of: fixture.topic).count == 4)
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    @Test("A slow handler bounds what is held, and the group keeps the member")
    func boundsMemory() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            try await fixture.makeTopic()
            try await fixture.publish((0..<400).map { fixture.record("key-\($0)", String($0)) })
            var configuration = fixture.configuration
            configuration.inFlightRecordsMax = 16
            let consumer = try fixture.consumer(configuration, concurrency: 16)
            let seen = Collected()
            let gate = Mutex(false)
            try await running(
                consumer,
                { record in
                    while !gate.withLock({ $0 }) {
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    seen.append(record)
                }
            ) {
                try await eventually("the limit is reached") { consumer.metrics.inFlight == 16 }
                // Far longer than the session timeout: a member that does not serve its group would be thrown out.
                try await Task.sleep(for: .seconds(5))
                #expect(consumer.metrics.inFlight == 16 && consumer.metrics.consumed == 16)
                #expect(consumer.metrics.rebalances == 1)
                #expect(fixture.sink.lines.contains { $0.contains("partitions are paused") })
                gate.withLock { $0 = true }
                try await eventually("all records") { seen.count == 400 }
            }
            #expect(Set(seen.texts).count == 400 && seen.count == 400)
            #expect(fixture.sink.lines.contains { $0.contains("partitions are resumed") })
        }
    }

    @Test("A full window of one partition does not stop the others")
    func boundsTheWindow() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker, partitions: 2)
            try await fixture.makeTopic()
            try await fixture.publish((0..<200).map { fixture.record("key-\($0)", String($0)) })
            var configuration = fixture.configuration
            configuration.partitionWindowRecordsMax = 8
            let consumer = try fixture.consumer(configuration)
            let seen = Collected()
            let gate = Mutex(false)
            try await running(
                consumer,
                { record in
                    // The first record of partition 0 hangs.
                    while record.partition == 0, record.offset == 0, !gate.withLock({ $0 }) {
                        try await Task.sleep(for: .milliseconds(20))
                    }
                    seen.append(record)
                }
            ) {
                let inOne = try await eventuallyValue("partition 1 is through") {
                    let lag = try await TopicAdmin(configuration: fixture.configuration, logger: .disabled)
                        .lag(group: fixture.group, topics: [fixture.topic])
                    return lag.first { $0.partition == 1 && $0.lag == 0 }?.endOffset
                }
                #expect(seen.records.filter { $0.partition == 1 }.count == Int(inOne))
                #expect(seen.records.filter { $0.partition == 0 }.count == 7, "the window but the one that hangs")
                gate.withLock { $0 = true }
                try await eventually("all records") { seen.count == 200 }
            }
            #expect(Set(seen.texts).count == 200 && seen.count == 200)
        }
    }
}
