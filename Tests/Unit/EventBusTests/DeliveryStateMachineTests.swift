import Testing

@testable import EventBus

@Suite struct DeliveryStateMachineTests {
    private func ticket(_ publish: UInt, _ index: Int) -> UInt {
        DeliveryStateMachine.ticket(publish: publish, index: index)
    }

    @Test func aPublishEndsWithItsLastReport() {
        var machine = DeliveryStateMachine(bufferedMax: 1)
        let first = machine.begin(topics: ["a", "b"])
        let second = machine.begin(topics: ["a"])
        #expect(machine.pendingCount == 3)
        #expect(machine.reported(ticket: ticket(first, 1), failure: nil) == nil)
        #expect(
            machine.reported(ticket: ticket(second, 0), failure: nil)
                == .init(publish: second, count: 1, failures: [])
        )
        let outcome = machine.reported(ticket: ticket(first, 0), failure: .deliveryTimedOut)
        let failure = BusError.Failure(index: 0, topic: "a", code: .deliveryTimedOut, isRetriable: true)
        #expect(outcome == .init(publish: first, count: 2, failures: [failure]))
        #expect(machine.pendingCount == 0)
    }

    @Test func aRecordIsReportedOnce() {
        var machine = DeliveryStateMachine(bufferedMax: 1)
        let publish = machine.begin(topics: ["a", "a"])
        #expect(machine.reported(ticket: ticket(publish, 0), failure: nil) == nil)
        #expect(machine.reported(ticket: ticket(publish, 0), failure: nil) == nil, "a repeat does not end the publish")
        #expect(machine.pendingCount == 1)
        #expect(machine.reported(ticket: ticket(publish, 1), failure: nil) != nil)
        #expect(machine.reported(ticket: ticket(publish, 1), failure: nil) == nil, "closed")
        #expect(machine.reported(ticket: ticket(99, 0), failure: nil) == nil, "never was")
        #expect(machine.reported(ticket: ticket(publish, 5), failure: nil) == nil, "has no such record")
    }

    @Test func failingAllEndsEveryPublishOnce() {
        var machine = DeliveryStateMachine(bufferedMax: 1)
        let first = machine.begin(topics: ["a", "b", "c"])
        let second = machine.begin(topics: ["d"])
        _ = machine.reported(ticket: ticket(first, 1), failure: nil)
        let outcomes = machine.failAll(.producerReset)
        #expect(outcomes.map(\.publish) == [first, second])
        #expect(outcomes[0].failures.map(\.index) == [0, 2])
        #expect(outcomes[1].failures.map(\.code) == [.producerReset])
        #expect(machine.failAll(.closed).isEmpty && machine.pendingCount == 0)
    }

    @Test func bufferedRecordsHaveALimit() {
        var machine = DeliveryStateMachine(bufferedMax: 2)
        let admitted = (0..<3).map { _ in machine.admitBuffered() }
        #expect(admitted == [true, true, false], "the third is over the limit")
        machine.bufferedReported()
        #expect(machine.admitBuffered() == true)
    }

    @Test func ticketsHoldTheLargestPublish() {
        let index = 1 << DeliveryStateMachine.indexBits - 1
        var machine = DeliveryStateMachine(bufferedMax: 1)
        let publish = machine.begin(topics: [String](repeating: "a", count: index + 1))
        _ = machine.reported(ticket: ticket(publish, index), failure: .messageTooLarge)
        #expect(machine.pendingCount == index)
        #expect(ticket(publish, 0) != DeliveryStateMachine.bufferedTicket)
    }
}
