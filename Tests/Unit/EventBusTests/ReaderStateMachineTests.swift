import Testing

@testable import EventBus

private func record(_ offset: Int64, _ text: String, partition: Int32 = 0) -> BusRecord {
    BusRecord(
        topic: "t",
        partition: partition,
        offset: offset,
        key: "k",
        value: Array(text.utf8),
        timestampMilliseconds: 1
    )
}

@Suite struct ReaderStateMachineTests {
    @Test func newPartitionsStartAtTheirBeginning() {
        var machine = ReaderStateMachine()
        #expect(machine.positions.isEmpty)
        #expect(machine.discovered(count: 2) == true)
        #expect(machine.positions == [0: .start, 1: .start])
        #expect(machine.discovered(count: 2) == false)
        #expect(machine.discovered(count: 0) == false, "a topic that is away keeps its positions")
        #expect(machine.discovered(count: 3) == true)
        #expect(machine.positions[2] == .beginning)
        #expect(machine.received(record(0, "x", partition: 7)) == .skip, "not followed")
    }

    @Test func goesOnBehindTheLastRecord() {
        var machine = ReaderStateMachine()
        _ = machine.discovered(count: 1)
        #expect(machine.received(record(4, "x")) == .deliver)
        #expect(machine.positions == [0: .offset(5)])
    }

    @Test func readsTheAnchorAgainAfterALostConnection() {
        var machine = ReaderStateMachine()
        _ = machine.discovered(count: 2)
        _ = machine.received(record(4, "x"))
        machine.suspect()
        #expect(machine.positions == [0: .offset(4), 1: .start])
        #expect(machine.received(record(4, "x")) == .skip)
        #expect(machine.received(record(5, "y")) == .deliver)
        #expect(machine.resets == 0)
    }

    @Test func anotherRecordAtTheAnchorMeansAnotherLog() {
        var machine = ReaderStateMachine()
        _ = machine.discovered(count: 1)
        _ = machine.received(record(4, "x"))
        machine.suspect()
        #expect(machine.received(record(4, "other")) == .restart)
        #expect(machine.positions == [0: .beginning])
        #expect(machine.received(record(0, "first")) == .deliver)
        #expect(machine.positions == [0: .offset(1)])
        #expect(machine.resets == 1)
    }

    @Test func lowerOffsetsAfterALostConnectionAreANewLog() {
        var machine = ReaderStateMachine()
        _ = machine.discovered(count: 1)
        _ = machine.received(record(4, "x"))
        machine.suspect()
        #expect(machine.received(record(0, "first")) == .deliver)
        #expect(machine.received(record(1, "second")) == .deliver)
        #expect(machine.resets == 1)
    }

    @Test func anAnchorThatAgedOutIsNoNewLog() {
        var machine = ReaderStateMachine()
        _ = machine.discovered(count: 1)
        _ = machine.received(record(4, "x"))
        machine.suspect()
        #expect(machine.received(record(9, "later")) == .deliver)
        #expect(machine.resets == 0)
    }

    @Test func aLogThatEndsBeforeTheAnchorIsAnotherOne() {
        var machine = ReaderStateMachine()
        _ = machine.discovered(count: 2)
        _ = machine.received(record(4, "x"))
        #expect(machine.logEnds(at: 0, in: 0) == false, "nothing was lost")
        machine.suspect()
        #expect(machine.unverified == [0], "of the other partition nothing was seen")
        #expect(machine.logEnds(at: 5, in: 0) == false, "the anchor may be its last record")
        #expect(machine.logEnds(at: 0, in: 1) == false)
        #expect(machine.logEnds(at: 4, in: 0) == true)
        #expect(machine.positions == [0: .beginning, 1: .start])
        #expect(machine.unverified.isEmpty)
        #expect(machine.resets == 1)
    }
}
