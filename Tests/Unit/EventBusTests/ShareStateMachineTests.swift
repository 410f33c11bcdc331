import Testing

@testable import EventBus

/// What a client reads of its member's share.
struct ShareStateMachineTests {
    @Test func whatIsGrantedComesAndWhatIsNotLeaves() {
        var machine = ShareStateMachine()
        #expect(machine.coming(granted: [2, 0, 1], partitionCount: 8) == [0, 1, 2])
        #expect(machine.leaving(granted: [0]).isEmpty, "nothing is read yet")
        for partition in Int32(0)...2 { machine.began(partition, at: nil) }
        #expect(machine.coming(granted: [0, 1, 2], partitionCount: 8).isEmpty)
        #expect(machine.leaving(granted: [1, 5]) == [0, 2])
        machine.ended([0, 2])
        #expect(machine.reading == [1])
        #expect(machine.coming(granted: [1, 5], partitionCount: 8) == [5])
    }

    @Test func partitionsThatTheTopicDoesNotHaveAreLeftOut() {
        let machine = ShareStateMachine()
        #expect(machine.coming(granted: [3, 4], partitionCount: 4) == [3])
        #expect(machine.coming(granted: [3, 4], partitionCount: 0).isEmpty)
    }

    @Test func aLogThatEndsBeforeWhatWasCommittedIsAnotherOne() {
        var machine = ShareStateMachine()
        machine.began(0, at: 10)
        machine.began(1, at: 10)
        machine.began(2, at: nil)
        #expect(machine.unsure == [0, 1], "where reading begins at the beginning nothing can be skipped")
        let isAnother = [machine.logEnds(at: 10, in: 0), machine.logEnds(at: 9, in: 1)]
        #expect(isAnother == [false, true], "at 10 the next record is the first new one")
        #expect(machine.unsure.isEmpty)
        let again = machine.logEnds(at: 0, in: 0)
        #expect(!again, "it is asked once")
        machine.began(3, at: 5)
        machine.ended([3])
        #expect(machine.unsure.isEmpty)
    }
}
