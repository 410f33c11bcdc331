import Testing

@testable import Store

struct OpenTurnsStateMachineTests {
    private func expectRoom(
        _ turns: inout OpenTurnsStateMachine,
        _ max: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let isFree = turns.reserve(max: max)
        #expect(isFree, sourceLocation: sourceLocation)
    }

    private func expectNoRoom(
        _ turns: inout OpenTurnsStateMachine,
        _ max: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let isFree = turns.reserve(max: max)
        #expect(!isFree, sourceLocation: sourceLocation)
    }

    @Test func thereIsRoomUpToTheLimitAndNotForOneMore() {
        var turns = OpenTurnsStateMachine(counted: 3)
        expectRoom(&turns, 5)
        expectRoom(&turns, 5)
        expectNoRoom(&turns, 5)
        turns.release()
        expectRoom(&turns, 5)
        expectNoRoom(&turns, 5)
    }

    @Test func whatTheCountHasSeenIsNotAddedAgain() {
        var turns = OpenTurnsStateMachine(counted: 0)
        for _ in 0..<4 { expectRoom(&turns, 5) }
        for _ in 0..<3 { turns.end() }
        turns.beginCount()
        // Three are committed; the fourth is not, and the count may have missed it.
        turns.endCount(3)
        #expect(turns.uncounted == 1)
        expectRoom(&turns, 5)
        expectNoRoom(&turns, 5)
    }

    @Test func aCommitThatEndsDuringTheCountIsAddedToIt() {
        var turns = OpenTurnsStateMachine(counted: 0)
        expectRoom(&turns, 2)
        turns.beginCount()
        turns.end()
        turns.endCount(0)
        expectRoom(&turns, 2)
        expectNoRoom(&turns, 2)
        turns.end()
        turns.beginCount()
        turns.endCount(2)
        #expect(turns.uncounted == 0 && turns.counted == 2)
    }

    @Test func aCountIsCertainWhenNoCommitRanMeanwhile() {
        var turns = OpenTurnsStateMachine(counted: 0)
        #expect(!turns.isCertain)
        turns.beginCount()
        turns.endCount(0)
        #expect(turns.isCertain)
        expectRoom(&turns, 9)
        #expect(turns.isBusy)
        turns.beginCount()
        turns.endCount(1)
        #expect(!turns.isCertain)
        turns.end()
        #expect(!turns.isBusy)
        turns.beginCount()
        expectRoom(&turns, 9)
        turns.endCount(1)
        #expect(!turns.isCertain)
        turns.end()
        turns.beginCount()
        turns.endCount(2)
        #expect(turns.isCertain)
    }

    @Test func finishedTurnsMakeRoom() {
        var turns = OpenTurnsStateMachine(counted: 5)
        expectNoRoom(&turns, 5)
        turns.beginCount()
        turns.endCount(4)
        expectRoom(&turns, 5)
    }
}
