import Store
import Testing

@testable import ServiceKit

/// What a member of a group reads, gives back and takes.
struct GroupMemberStateMachineTests {
    private let start = ContinuousClock.now
    private let lease = Duration.seconds(3)

    private func share(_ partitions: Set<Int32>, of quota: Int) -> GroupShare {
        GroupShare(partitions: partitions, quota: quota)
    }

    @Test func whatIsOverTheQuotaIsGivenBackOnceItIsReadNoMore() {
        var machine = GroupMemberStateMachine(lease: lease)
        var granted = machine.answered(share([0, 1, 2, 3], of: 4), now: start)
        #expect(granted == [0, 1, 2, 3])
        #expect(!machine.isUnsettled)
        granted = machine.answered(share([0, 1, 2, 3], of: 2), now: start)
        #expect(granted == [0, 1])
        #expect(machine.isUnsettled)
        #expect(machine.returning(reading: [0, 1, 2, 3]).isEmpty)
        #expect(machine.returning(reading: [0, 1, 3]) == [2])
        #expect(machine.returning(reading: [0, 1]) == [2, 3])
        granted = machine.answered(share([0, 1], of: 2), now: start)
        #expect(granted == [0, 1])
        #expect(!machine.isUnsettled)
    }

    @Test func aMemberHasJoinedWhenItReadsItsWholePart() {
        var machine = GroupMemberStateMachine(lease: lease)
        machine.settled()
        #expect(!machine.hasJoined, "nothing was answered")
        _ = machine.answered(share([0], of: 2), now: start)
        machine.settled()
        #expect(!machine.hasJoined && machine.isUnsettled)
        _ = machine.answered(share([0, 1], of: 2), now: start)
        #expect(!machine.hasJoined, "granted, and not read yet")
        machine.settled()
        #expect(machine.hasJoined)
        _ = machine.answered(share([], of: 2), now: start)
        #expect(machine.hasJoined, "it has, once")
    }

    @Test func aMemberTooManyHasJoinedWithNothing() {
        var machine = GroupMemberStateMachine(lease: lease)
        _ = machine.answered(share([], of: 0), now: start)
        machine.settled()
        #expect(machine.hasJoined && !machine.isUnsettled)
    }

    @Test func afterAnOutageOthersHaveALeaseToComeBack() {
        var machine = GroupMemberStateMachine(lease: lease)
        #expect(machine.mayTake(now: start), "the first one takes what the dead left")
        _ = machine.answered(share([0], of: 1), now: start)
        #expect(machine.mayTake(now: start + lease))
        let late = start + lease + .nanoseconds(1)
        #expect(!machine.mayTake(now: late))
        _ = machine.answered(share([0], of: 1), now: late)
        #expect(!machine.mayTake(now: late + lease - .nanoseconds(1)))
        _ = machine.answered(share([0], of: 1), now: late + lease - .nanoseconds(1))
        #expect(machine.mayTake(now: late + lease))
    }
}
