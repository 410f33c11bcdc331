import Testing

@testable import Postgres

@Suite("The decisions of a group commit")
struct GroupCommitStateMachineTests {
    private typealias Machine = GroupCommitStateMachine<String>

    @Test("what waits goes together, up to the batch's limit, in order")
    func batches() {
        var machine = Machine(batchMax: 3, queueMax: 10)
        for id in 1...5 { #expect(machine.enqueue(UInt64(id), key: nil) == .queued) }
        #expect(machine.nextBatch()?.ids == [1, 2, 3])
        #expect(machine.nextBatch()?.ids == [4, 5])
        #expect(machine.nextBatch() == nil)
    }

    @Test("the queue takes as many as its limit, one more is refused")
    func queueMax() {
        var machine = Machine(batchMax: 1, queueMax: 2)
        #expect(machine.enqueue(1, key: nil) == .queued)
        #expect(machine.enqueue(2, key: nil) == .queued)
        #expect(machine.enqueue(3, key: nil) == .overloaded)
        _ = machine.nextBatch()
        #expect(machine.enqueue(4, key: nil) == .queued)
    }

    @Test("a key in one batch holds its later requests back, in order, and nobody else's")
    func keys() throws {
        var machine = Machine(batchMax: 10, queueMax: 10)
        _ = machine.enqueue(1, key: "a")
        _ = machine.enqueue(2, key: "a")
        let firstBatch = machine.nextBatch()
        let first = try #require(firstBatch)
        #expect(first.ids == [1, 2], "one batch may carry several requests of a key")
        _ = machine.enqueue(3, key: "a")
        _ = machine.enqueue(4, key: "b")
        _ = machine.enqueue(5, key: "a")
        _ = machine.enqueue(6, key: nil)
        let secondBatch = machine.nextBatch()
        let second = try #require(secondBatch)
        #expect(second.ids == [4, 6])
        #expect(!machine.hasBatch)
        #expect(machine.nextBatch() == nil)
        machine.finished(first)
        #expect(machine.hasBatch)
        #expect(machine.nextBatch()?.ids == [3, 5])
    }

    @Test("a waiting request can be cancelled, one in a batch cannot")
    func cancel() {
        var machine = Machine(batchMax: 1, queueMax: 10)
        _ = machine.enqueue(1, key: nil)
        _ = machine.enqueue(2, key: nil)
        _ = machine.nextBatch()
        #expect(machine.cancel(1) == false)
        #expect(machine.cancel(2) == true)
        #expect(machine.cancel(2) == false)
        #expect(machine.nextBatch() == nil)
    }

    @Test("closed it takes nothing, and is drained when the queue is empty")
    func close() {
        var machine = Machine(batchMax: 1, queueMax: 10)
        _ = machine.enqueue(1, key: nil)
        machine.close()
        #expect(machine.enqueue(2, key: nil) == .closed)
        #expect(!machine.isDrained)
        _ = machine.nextBatch()
        #expect(machine.isDrained)
    }
}
