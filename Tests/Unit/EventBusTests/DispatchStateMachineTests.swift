import Testing

@testable import EventBus

private let start = ContinuousClock.now

private func record(_ partition: Int32, _ offset: Int64, _ key: String?, bytes: Int = 0) -> BusRecord {
    BusRecord(
        topic: "t",
        partition: partition,
        offset: offset,
        key: key,
        value: [UInt8](repeating: 0, count: bytes)
    )
}

private func machine(
    inFlight: Int = 100,
    bytes: Int = 1 << 20,
    window: Int = 100,
    partitions: [Int32] = [0, 1]
) -> DispatchStateMachine {
    var machine = DispatchStateMachine(
        limits: .init(inFlightRecordsMax: inFlight, inFlightBytesMax: bytes, partitionWindowRecordsMax: window)
    )
    machine.assigned(partitions)
    return machine
}

/// The next record to handle; there must be one.
private func started(_ machine: inout DispatchStateMachine) throws -> DispatchStateMachine.Work {
    let work = machine.next()
    return try #require(work)
}

@Suite struct DispatchStateMachineTests {
    @Test func recordsOfOneKeyRunOneAfterAnother() throws {
        var machine = machine()
        machine.received(record(0, 0, "a"))
        machine.received(record(0, 1, "a"))
        machine.received(record(0, 2, "b"))
        let first = try started(&machine)
        let other = try started(&machine)
        #expect(first.record.offset == 0 && first.attempt == 1)
        #expect(other.record.offset == 2)
        #expect(machine.next() == nil, "the second record of a waits for the first")
        #expect(machine.runningCount == 2 && machine.inFlightCount == 3)
        machine.finished(first)
        #expect(machine.next()?.record.offset == 1)
    }

    @Test func sameKeyInAnotherPartitionIsAnotherLane() throws {
        var machine = machine()
        machine.received(record(0, 0, "a"))
        machine.received(record(1, 0, "a"))
        #expect(machine.next() != nil && machine.next() != nil)
    }

    @Test func recordsWithoutKeyRunSideBySide() {
        var machine = machine()
        machine.received(record(0, 0, nil))
        machine.received(record(0, 1, nil))
        #expect(machine.next() != nil && machine.next() != nil)
    }

    @Test func failedRecordBlocksItsKeyOnlyAndComesFirst() throws {
        var machine = machine()
        machine.received(record(0, 0, "a"))
        machine.received(record(0, 1, "a"))
        machine.received(record(0, 2, "b"))
        let failing = try started(&machine)
        machine.failed(failing, retryAt: start + .seconds(1))
        let other = try started(&machine)
        #expect(other.record.key == "b")
        machine.finished(other)
        #expect(machine.next() == nil)
        #expect(machine.nextDeadline == start + .seconds(1))
        machine.advance(to: start + .milliseconds(999))
        #expect(machine.next() == nil)
        machine.advance(to: start + .seconds(1))
        let again = try started(&machine)
        #expect(again.record.offset == 0 && again.attempt == 2)
        #expect(machine.watermark(of: 0) == 0)
        machine.finished(again)
        #expect(machine.next()?.record.offset == 1)
        #expect(machine.watermark(of: 0) == 1)
    }

    @Test func commitsFollowTheWatermark() throws {
        var machine = machine()
        for offset in 0..<3 {
            machine.received(record(0, Int64(offset), "k\(offset)"))
        }
        let works = [machine.next(), machine.next(), machine.next()].compactMap { $0 }
        machine.finished(works[2])
        #expect(machine.finishedSinceCommit == 1)
        #expect(machine.takeCommits().isEmpty)
        machine.finished(works[0])
        #expect(machine.takeCommits() == [0: 1])
        machine.commitFailed(partition: 0, offset: 1)
        #expect(machine.takeCommits() == [0: 1])
        machine.finished(works[1])
        #expect(machine.takeCommits() == [0: 3])
        #expect(machine.inFlightCount == 0 && machine.inFlightBytes == 0)
    }

    @Test func resultsOfALostPartitionAreDropped() throws {
        var machine = machine()
        machine.received(record(0, 0, "a"))
        machine.received(record(0, 1, "b"))
        machine.received(record(1, 0, "c"))
        let work = try started(&machine)
        machine.revoking([0])
        #expect(machine.runningCount(in: [0]) == 1)
        #expect(machine.next()?.record.key == "c", "b is not started any more")
        machine.revoked([0])
        machine.finished(work)
        #expect(machine.staleCount == 1)
        #expect(machine.takeCommits().isEmpty)
        #expect(machine.inFlightCount == 1)
        machine.received(record(0, 2, "a"))
        #expect(machine.staleCount == 2 && machine.inFlightCount == 1, "not ours")
    }

    @Test func finishingWhileRevokingStillCounts() throws {
        var machine = machine()
        machine.received(record(0, 0, "a"))
        let work = try started(&machine)
        machine.revoking([0])
        machine.finished(work)
        #expect(machine.takeCommits() == [0: 1])
    }

    @Test func aKeyOfANewAssignmentWaitsForTheOldHandler() throws {
        var machine = machine()
        machine.received(record(0, 0, "a"))
        let old = try started(&machine)
        machine.revoked([0])
        machine.assigned([0])
        machine.received(record(0, 0, "a"))
        #expect(machine.next() == nil, "two handlers for one key at once")
        machine.finished(old)
        #expect(machine.watermark(of: 0) == 0, "the old result does not count for the new assignment")
        let new = try started(&machine)
        machine.finished(new)
        #expect(machine.takeCommits() == [0: 1])
    }

    @Test func aFailureOfALostPartitionIsNotRetried() throws {
        var machine = machine()
        machine.received(record(0, 0, "a"))
        let work = try started(&machine)
        machine.revoked([0])
        machine.failed(work, retryAt: start)
        machine.advance(to: start)
        #expect(machine.next() == nil && machine.nextDeadline == nil && machine.inFlightCount == 0)
    }

    @Test func delayedRecordsGoWithTheirPartition() throws {
        var machine = machine()
        machine.received(record(0, 0, "a"))
        machine.received(record(1, 0, "a"))
        for _ in 0..<2 {
            machine.failed(try started(&machine), retryAt: start)
        }
        machine.revoked([0])
        machine.advance(to: start)
        #expect(machine.next()?.record.partition == 1)
        #expect(machine.next() == nil)
    }

    @Test func aRewoundLogStartsAnew() throws {
        var machine = machine()
        machine.received(record(0, 7, "a"))
        let old = try started(&machine)
        machine.received(record(0, 0, "b"))
        machine.finished(old)
        #expect(machine.watermark(of: 0) == 0)
        machine.finished(try started(&machine))
        #expect(machine.takeCommits() == [0: 1], "not 8")
    }

    @Test func abandonedRecordsStayUnfinished() throws {
        var machine = machine()
        machine.received(record(0, 0, "a"))
        machine.received(record(0, 1, "a"))
        machine.abandoned(try started(&machine))
        #expect(machine.takeCommits().isEmpty)
        #expect(machine.watermark(of: 0) == 0)
        #expect(machine.inFlightCount == 0 && machine.runningCount == 0 && machine.next() == nil)
    }
}

@Suite struct DispatchFlowTests {
    @Test func roomEndsAtTheRecordLimit() throws {
        var machine = machine(inFlight: 4)
        for offset in 0..<3 {
            machine.received(record(0, Int64(offset), "k\(offset)"))
        }
        #expect(machine.room == 1)
        machine.received(record(0, 3, "k3"))
        #expect(machine.room == 0, "at the limit")
        machine.received(record(0, 4, "k4"))
        #expect(machine.room == 0, "over the limit")
        machine.finished(try started(&machine))
        #expect(machine.room == 0 && !machine.hasRoomAgain)
        machine.finished(try started(&machine))
        #expect(machine.room == 1 && !machine.hasRoomAgain)
        machine.finished(try started(&machine))
        #expect(machine.room == 2 && machine.hasRoomAgain)
    }

    @Test func roomEndsAtTheByteLimit() throws {
        var machine = machine(bytes: 2 * (1000 + 129))
        machine.received(record(0, 0, "a", bytes: 1000))
        #expect(machine.room > 0)
        machine.received(record(0, 1, "a", bytes: 1000))
        #expect(machine.inFlightBytes == 2 * (1000 + 129))
        #expect(machine.room == 0)
        machine.finished(try started(&machine))
        #expect(machine.room > 0)
    }

    @Test func aFullWindowPausesItsPartitionOnly() throws {
        var machine = machine(window: 4)
        for offset in 0..<4 {
            machine.received(record(0, Int64(offset), "k\(offset)"))
            #expect(offset == 3 || machine.flow(holdBack: false) == .init())
        }
        #expect(machine.flow(holdBack: false) == .init(pause: [0], resume: []))
        #expect(machine.room == 4, "partition 1 goes on, as far as its window")
        let works = (0..<4).compactMap { _ in machine.next() }
        for work in works.dropFirst() {
            machine.finished(work)
        }
        #expect(machine.flow(holdBack: false) == .init(), "the lowest holds the window")
        machine.finished(works[0])
        #expect(machine.flow(holdBack: false) == .init(pause: [], resume: [0]))
    }

    @Test func holdingBackPausesAllUntilHalfIsFree() throws {
        var machine = machine(inFlight: 4)
        for offset in 0..<4 {
            machine.received(record(0, Int64(offset), "k\(offset)"))
        }
        var flow = machine.flow(holdBack: true)
        flow.pause.sort()
        #expect(flow == .init(pause: [0, 1], resume: []))
        #expect(machine.isHoldingBack)
        machine.finished(try started(&machine))
        #expect(machine.flow(holdBack: true) == .init())
        #expect(machine.room == 0)
        machine.finished(try started(&machine))
        // Its owner has seen no room until now, so it still says that the topic has been full for long.
        flow = machine.flow(holdBack: true)
        flow.resume.sort()
        #expect(flow == .init(pause: [], resume: [0, 1]))
        #expect(machine.room == 2)
        #expect(machine.flow(holdBack: true) == .init(), "there is room")
    }

    @Test func partitionsAssignedWhileHoldingBackArePaused() throws {
        var machine = machine(inFlight: 1, partitions: [0])
        machine.received(record(0, 0, "a"))
        #expect(machine.flow(holdBack: true).pause == [0])
        machine.assigned([5])
        #expect(machine.flow(holdBack: false).pause == [5])
    }
}
