import TestKit
import Testing

@testable import EventBus

/// What must hold whatever happens in whatever order; kept beside the machine under test.
private struct Model {
    var machine: DispatchStateMachine
    var generator: SeededRandom
    var now = ContinuousClock.now
    var running: [DispatchStateMachine.Work] = []
    var nextOffset: [Int32: Int64] = [:]
    /// Unfinished offsets of the present assignment.
    var unfinished: [Int32: Set<Int64>] = [:]
    /// Offsets that were handed to a handler in the present assignment, by lane.
    var lastStarted: [String: Int64] = [:]
    var assigned: Set<Int32> = [0, 1, 2]
    var epochs: [Int32: Int] = [:]
    var runningEpochs: [Int] = []

    init(seed: UInt64) {
        generator = SeededRandom(seed: seed)
        machine = DispatchStateMachine(
            limits: .init(inFlightRecordsMax: 20, inFlightBytesMax: 1 << 20, partitionWindowRecordsMax: 12)
        )
        machine.assigned([0, 1, 2])
    }

    mutating func step() {
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<40: receive()
        case 40..<65: startOne()
        case 65..<85: endOne(isSuccess: true)
        case 85..<90: endOne(isSuccess: false)
        case 90..<95:
            now += .milliseconds(Int.random(in: 0...50, using: &generator))
            machine.advance(to: now)
        case 95..<97: rebalance()
        case 97: rewind()
        default: check(commits: machine.takeCommits())
        }
        checkAlways()
    }

    private mutating func receive() {
        _ = machine.flow(holdBack: false)
        guard machine.room > 0, let partition = assigned.randomElement(using: &generator) else { return }
        guard (unfinished[partition]?.count ?? 0) < 12 else { return }
        let offset = nextOffset[partition, default: 0] + Int64.random(in: 0...2, using: &generator)
        nextOffset[partition] = offset + 1
        let key = Int.random(in: 0...4, using: &generator)
        unfinished[partition, default: []].insert(offset)
        machine.received(
            BusRecord(topic: "t", partition: partition, offset: offset, key: key == 0 ? nil : "k\(key)", value: [])
        )
    }

    private mutating func startOne() {
        guard let work = machine.next() else { return }
        let partition = work.record.partition
        #expect(unfinished[partition]?.contains(work.record.offset) == true, "handled though finished or not ours")
        if let key = work.record.key {
            #expect(
                !running.contains { $0.record.key == key && $0.record.partition == partition },
                "two handlers of one key"
            )
            let lane = "\(partition)/\(epochs[partition, default: 0])/\(key)"
            #expect(work.record.offset >= lastStarted[lane] ?? -1, "a key out of order")
            lastStarted[lane] = work.record.offset
        }
        running.append(work)
        runningEpochs.append(epochs[partition, default: 0])
    }

    private mutating func endOne(isSuccess: Bool) {
        guard let index = running.indices.randomElement(using: &generator) else { return }
        let work = running.remove(at: index)
        let epoch = runningEpochs.remove(at: index)
        if isSuccess {
            machine.finished(work)
            if epoch == epochs[work.record.partition, default: 0] {
                unfinished[work.record.partition]?.remove(work.record.offset)
            }
        } else {
            machine.failed(work, retryAt: now + .milliseconds(Int.random(in: 0...100, using: &generator)))
        }
    }

    private mutating func rebalance() {
        let partition = Int32.random(in: 0...2, using: &generator)
        machine.revoking([partition])
        check(commits: machine.takeCommits())
        machine.revoked([partition])
        assigned.remove(partition)
        begin(partition)
        if Bool.random(using: &generator) {
            machine.assigned([partition])
            assigned.insert(partition)
        }
        if assigned.isEmpty {
            machine.assigned([0, 1, 2])
            assigned = [0, 1, 2]
        }
    }

    private mutating func rewind() {
        guard let partition = assigned.randomElement(using: &generator), machine.room > 0,
            nextOffset[partition, default: 0] > 0, machine.watermark(of: partition) != nil
        else { return }
        begin(partition)
        nextOffset[partition] = 0
        machine.received(BusRecord(topic: "t", partition: partition, offset: 0, key: "k1", value: []))
        unfinished[partition] = [0]
        nextOffset[partition] = 1
    }

    private mutating func begin(_ partition: Int32) {
        unfinished[partition] = []
        epochs[partition, default: 0] += 1
    }

    private func check(commits: [Int32: Int64]) {
        for (partition, offset) in commits {
            let lowest = unfinished[partition]?.min()
            #expect(offset <= lowest ?? offset, "a commit past an unfinished record")
            #expect(offset <= nextOffset[partition, default: 0], "a commit past the end")
        }
    }

    private func checkAlways() {
        for partition in assigned {
            guard let watermark = machine.watermark(of: partition) else { continue }
            if let lowest = unfinished[partition]?.min() {
                #expect(watermark == lowest, "the watermark is the lowest unfinished record")
            }
        }
        #expect(machine.inFlightCount <= 20)
        #expect(machine.runningCount == running.count)
    }

    /// Whatever happened, everything that is still ours can be finished.
    mutating func finishAll() {
        var rounds = 0
        while rounds < 10_000, machine.inFlightCount > 0 {
            rounds += 1
            now += .seconds(1)
            machine.advance(to: now)
            startOne()
            endOne(isSuccess: true)
        }
        #expect(machine.inFlightCount == 0 && machine.inFlightBytes == 0 && machine.runningCount == 0)
        #expect(assigned.allSatisfy { unfinished[$0, default: []].isEmpty })
    }
}

@Suite struct DispatchPropertyTests {
    @Test(arguments: UInt64(1)...60)
    func holdsUnderRandomInterleavings(seed: UInt64) {
        var model = Model(seed: seed)
        for _ in 0..<1500 {
            model.step()
        }
        model.finishAll()
    }
}
