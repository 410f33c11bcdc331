import EventBus
import TestKit
import Testing

/// Consumers that are told from outside which partitions are theirs.
@Suite(.timeLimit(.minutes(3)))
struct ShareTests {
    private func consumer(_ fixture: BusFixture, _ shares: PartitionShares) throws -> BusConsumer {
        try BusConsumer(
            configuration: fixture.configuration,
            group: fixture.group,
            topics: [fixture.topic],
            logger: fixture.logger,
            shares: shares
        )
    }

    private func records(_ fixture: BusFixture, _ name: String, count: Int = 40) -> [OutgoingRecord] {
        (0..<count).map { fixture.record("key-\($0)", "\(name)-\($0)") }
    }

    @Test("Partitions move from one member to another: every record is handled, and what was committed not again")
    func moves() async throws {
        try await withBroker { broker in
            let fixture = BusFixture(broker)
            try await fixture.makeTopic()
            let (sharesA, sharesB) = (PartitionShares(partitionCount: 1), PartitionShares(partitionCount: 4))
            let (a, b) = (try consumer(fixture, sharesA), try consumer(fixture, sharesB))
            let (seenA, seenB) = (Collected(), Collected())
            try await running(a) {
                seenA.append($0)
            } during: {
                try await running(b) {
                    seenB.append($0)
                } during: {
                    try await fixture.publish(records(fixture, "first"))
                    #expect(!sharesA.isSettled, "nothing was granted")
                    sharesA.grant([0, 1, 2, 3])
                    sharesB.grant([])
                    try await eventually("the first records") { seenA.count == 40 }
                    #expect(sharesA.partitionCount == 4, "the broker has told")
                    #expect(sharesA.isSettled && sharesB.isSettled && a.hasJoined && b.hasJoined)
                    #expect(a.assignedPartitions(of: fixture.topic) == [0, 1, 2, 3])

                    sharesA.grant([0, 1])
                    try await eventually("two are given up") { sharesA.reading == [0, 1] }
                    sharesB.grant([2, 3])
                    try await eventually("two are taken up") { sharesB.reading == [2, 3] }
                    try await fixture.publish(records(fixture, "second"))
                    try await eventually("the second records") { seenA.count + seenB.count >= 80 }
                    #expect(Set(seenA.texts + seenB.texts).count == 80)
                    #expect(seenA.count + seenB.count == 80, "nothing comes again that was committed")
                    #expect(seenB.records.allSatisfy { $0.partition >= 2 } && seenB.count > 0)
                }
            }
            // Both have committed at their end: who comes next begins where they stopped.
            let sharesC = PartitionShares(partitionCount: 4)
            let seenC = Collected()
            try await running(try consumer(fixture, sharesC)) {
                seenC.append($0)
            } during: {
                sharesC.grant([0, 1, 2, 3])
                try await fixture.publish(records(fixture, "third"))
                try await eventually("the third records") { seenC.count >= 40 }
                #expect(seenC.texts.allSatisfy { $0.hasPrefix("third") })
            }
        }
    }

    @Test(
        "After a broker restart without data a member reads on, whether the new log is longer than the old or shorter"
    )
    func survivesALostBroker() async throws {
        try await withOwnBroker { broker in
            let fixture = BusFixture(broker)
            let keeper = try fixture.keeper()
            try await keeper.ensure()
            let shares = PartitionShares(partitionCount: 4)
            shares.grant([0, 1, 2, 3])
            let seen = Collected()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await keeper.run() }
                try await running(try consumer(fixture, shares)) {
                    seen.append($0)
                } during: {
                    for (round, count) in [("long", 80), ("short", 8), ("longer", 120)] {
                        let expected = Set((0..<count).map { "\(round)-\($0)" })
                        let back = ContinuousClock.now
                        while true {
                            do {
                                try await fixture.publish(records(fixture, round, count: count))
                                break
                            } catch {
                                try await Task.sleep(for: .milliseconds(100))
                            }
                        }
                        try await eventually("all of the \(round) log", timeout: .seconds(60)) {
                            expected.isSubset(of: seen.texts)
                        }
                        print("the \(round) log was read after \(ContinuousClock.now - back)")
                        // What was handled is committed, so that the next log is compared with it.
                        try await Task.sleep(for: .milliseconds(500))
                        try await broker.restart()
                    }
                }
                keeper.shutdown()
                try await group.waitForAll()
            }
        }
    }
}
