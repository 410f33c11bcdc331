import Testing

@testable import HTTPClient

struct BodyStateMachineTests {
    private func receive(_ machine: inout BodyStateMachine, _ bytes: [UInt8]) -> BodyStateMachine.ReceiveAction {
        bytes.withUnsafeBytes { machine.received($0) }
    }

    @Test func keepsUntilReadAndDeliversToAWaitingReader() {
        var machine = BodyStateMachine(bufferBytesMax: 10)
        #expect(receive(&machine, [1]) == .kept)
        #expect(receive(&machine, [2]) == .kept)
        #expect(machine.read() == .deliver([1, 2], resumes: false))
        #expect(machine.read() == .wait)
        #expect(receive(&machine, [3]) == .deliver([3]))
        #expect(machine.read() == .wait)
        #expect(machine.ended(nil) == .end)
        #expect(machine.read() == .end)
    }

    @Test func pausesWhenTheBufferIsFullAndResumesWhenItWasRead() {
        var machine = BodyStateMachine(bufferBytesMax: 2)
        #expect(receive(&machine, [1]) == .kept)
        #expect(receive(&machine, [2]) == .kept)
        #expect(receive(&machine, [3]) == .pause)
        #expect(machine.isPaused)
        #expect(machine.read() == .deliver([1, 2], resumes: true))
        #expect(!machine.isPaused)
        #expect(receive(&machine, [3]) == .kept)
        #expect(machine.read() == .deliver([3], resumes: false))
    }

    @Test func anErrorComesAfterTheBytesBeforeIt() {
        let error = HTTPClientError(code: .connectionLost, message: "cut")
        var machine = BodyStateMachine(bufferBytesMax: 2)
        #expect(receive(&machine, [1]) == .kept)
        #expect(machine.ended(error) == nil)
        #expect(machine.ended(nil) == nil)
        #expect(receive(&machine, [2]) == .kept)
        #expect(machine.read() == .deliver([1], resumes: false))
        #expect(machine.read() == .fail(error))
        #expect(machine.read() == .fail(error))
    }
}
