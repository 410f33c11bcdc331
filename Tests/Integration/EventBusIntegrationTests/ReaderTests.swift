import EventBus
import Observability
import TestKit
import Testing

/// Runs a reader beside a body and ends it afterwards.
func reading(
    _ reader: BusReader,
    into seen: Collected,
    during body: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await reader.run { seen.append($0) } }
        do {
            try await eventually("the reader reads") { reader.isReading }
            try await body()
        } catch {
            reader.shutdown()
            throw error
        }
        reader.shutdown()
        try await group.waitForAll()
    }
}

@Suite(.timeLimit(.minutes(2)))
struct ReaderTests {
    @Test("Every reader gets the records of all partitions, in order within each")
    func seesAllPartitions() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            try await fixture.makeTopic()
            let readers = try (0..<2).map { _ in try fixture.reader(.beginning) }
            let records = (0..<200).map { fixture.record("key-\($0 % 40)", String($0)) }
            try await fixture.publish(records)
            for reader in readers {
                let seen = Collected()
                try await reading(reader, into: seen) {
                    try await eventually("all records") { seen.count == 200 }
                }
                #expect(Set(seen.records.map(\.partition)) == [0, 1, 2, 3])
                for partition in Int32(0)..<4 {
                    let offsets = seen.records.filter { $0.partition == partition }.map(\.offset)
                    #expect(offsets == (0..<Int64(offsets.count)).map { $0 })
                }
            }
        }
    }

    @Test("A reader that starts at the end gets what comes later")
    func startsAtTheEnd() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            try await fixture.makeTopic()
            // One record a batch: then even the local broker's idea of the end is right but for the last one.
            for number in 0..<8 {
                try await fixture.publish([fixture.record("key-\(number)", "old-\(number)")])
            }
            let reader = try fixture.reader(.end)
            let seen = Collected()
            try await reading(reader, into: seen) {
                try await Task.sleep(for: .milliseconds(500))
                try await fixture.publish((0..<20).map { fixture.record("key-\($0)", "new-\($0)") })
                try await eventually("the new records") { seen.texts.filter { $0.hasPrefix("new") }.count == 20 }
            }
            #expect(seen.texts.filter { $0.hasPrefix("old") }.isEmpty)
        }
    }

    @Test("A reader may start at a time")
    func startsAtATime() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker, partitions: 1)
            try await fixture.makeTopic()
            for number in 0..<3 {
                try await fixture.publish([fixture.record("k", "old-\(number)")])
            }
            try await Task.sleep(for: .milliseconds(30))
            try await fixture.publish([fixture.record("k", "mark")])
            let first = Collected()
            try await reading(try fixture.reader(.beginning), into: first) {
                try await eventually("all records") { first.count == 4 }
            }
            let mark = try #require(first.records.last)
            let seen = Collected()
            let reader = try fixture.reader(.since(milliseconds: mark.timestampMilliseconds))
            try await reading(reader, into: seen) {
                try await eventually("the mark") { seen.texts.contains("mark") }
            }
            print("start by time gave \(seen.texts)")
            #expect(seen.texts == ["mark"])
        }
    }

    @Test("A busy handler bounds what is held, and nothing is lost")
    func boundsMemory() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker).with { $0.readerBufferRecordsMax = 10 }
            try await fixture.makeTopic()
            try await fixture.publish((0..<300).map { fixture.record("key-\($0)", String($0)) })
            let reader = try fixture.reader(.beginning)
            let seen = Collected()
            let sizes = Collected()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await reader.run { records in
                        #expect(records.count <= 10)
                        sizes.append(records[0])
                        if sizes.count == 1 {
                            try? await Task.sleep(for: .seconds(1))
                            #expect(reader.metrics.consumed <= UInt64(records.count) + 10)
                        }
                        seen.append(records)
                    }
                }
                try await eventually("all records") { seen.count == 300 }
                group.cancelAll()
                try await group.waitForAll()
            }
            #expect(Set(seen.texts).count == 300)
        }
    }

    @Test("A topic that is made later is found")
    func waitsForTheTopic() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            let reader = try fixture.reader(.end)
            let seen = Collected()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await reader.run { seen.append($0) } }
                try await Task.sleep(for: .milliseconds(500))
                #expect(!reader.isReading)
                try await fixture.makeTopic()
                try await eventually("it is found") { reader.isReading }
                try await fixture.publish((0..<20).map { fixture.record("key-\($0)", String($0)) })
                try await eventually("all records") { seen.count >= 20 }
                reader.shutdown()
                try await group.waitForAll()
            }
        }
    }
}
