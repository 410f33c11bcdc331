import Testing

@testable import EventBus

@Suite struct PartitionStateMachineTests {
    @Test func watermarkIsTheLowestUnfinishedRecord() {
        var partition = PartitionStateMachine(generation: 1)
        #expect(partition.watermark == nil)
        #expect(partition.takeCommit() == nil)
        let slots = [10, 11, 15].map { partition.received(offset: $0) }
        #expect(partition.watermark == 10)
        #expect(partition.takeCommit() == nil, "nothing is finished")
        partition.finished(slot: slots[1])
        #expect(partition.watermark == 10, "10 is not finished")
        #expect(partition.windowCount == 3)
        partition.finished(slot: slots[0])
        #expect(partition.watermark == 15, "holes in the offsets are no records")
        #expect(partition.windowCount == 1)
        #expect(partition.takeCommit() == 15)
        #expect(partition.takeCommit() == nil, "once is enough")
        partition.finished(slot: slots[2])
        #expect(partition.watermark == 16)
        #expect(partition.takeCommit() == 16)
    }

    @Test func failedCommitIsOfferedAgain() {
        var partition = PartitionStateMachine(generation: 1)
        partition.finished(slot: partition.received(offset: 0))
        #expect(partition.takeCommit() == 1)
        partition.commitFailed(offset: 1)
        #expect(partition.takeCommit() == 1)
        partition.finished(slot: partition.received(offset: 1))
        #expect(partition.takeCommit() == 2)
        partition.commitFailed(offset: 1)
        #expect(partition.takeCommit() == nil, "a later commit covers the failed one")
    }

    @Test func lowerOffsetIsARewind() {
        var partition = PartitionStateMachine(generation: 1)
        #expect(!partition.isRewind(0))
        _ = partition.received(offset: 5)
        #expect(partition.isRewind(5) && partition.isRewind(0))
        #expect(!partition.isRewind(6))
    }
}
