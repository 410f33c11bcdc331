import Testing

@testable import Lifecycle

@Suite struct ServiceGroupStateMachineTests {
    @Test func stopsInReverseOrderEachAfterTheOneBefore() {
        var machine = ServiceGroupStateMachine(serviceCount: 3)
        #expect(machine.stopRequested() == .beginStopping(2))
        #expect(machine.shutdownReturned() == .none)
        #expect(machine.serviceEnded(2, hasFailed: false) == .shutDown(1))
        #expect(machine.shutdownReturned() == .none)
        #expect(machine.serviceEnded(0, hasFailed: false) == .none)
        #expect(machine.serviceEnded(1, hasFailed: false) == .finish(.clean))
    }

    @Test func aServiceThatEndsUnaskedStopsTheOthersAndIsAFailure() {
        var machine = ServiceGroupStateMachine(serviceCount: 2)
        #expect(machine.serviceEnded(1, hasFailed: false) == .beginStopping(0))
        #expect(machine.shutdownReturned() == .none)
        #expect(machine.serviceEnded(0, hasFailed: false) == .finish(.serviceFailed))
        var single = ServiceGroupStateMachine(serviceCount: 1)
        #expect(single.serviceEnded(0, hasFailed: true) == .finish(.serviceFailed))
    }

    @Test func aFailureWhileStoppingIsRemembered() {
        var machine = ServiceGroupStateMachine(serviceCount: 2)
        #expect(machine.stopRequested() == .beginStopping(1))
        #expect(machine.serviceEnded(1, hasFailed: true) == .shutDown(0))
        #expect(machine.serviceEnded(0, hasFailed: false) == .none)
        #expect(machine.shutdownReturned() == .none)
        #expect(machine.shutdownReturned() == .finish(.serviceFailed))
    }

    @Test func theDeadlineCancelsAndTheGraceForces() {
        var machine = ServiceGroupStateMachine(serviceCount: 2)
        #expect(machine.deadlineReached() == .none)
        #expect(machine.stopRequested() == .beginStopping(1))
        #expect(machine.graceOver() == .none)
        #expect(machine.deadlineReached() == .cancel)
        #expect(machine.stopRequested() == .none)
        #expect(machine.serviceEnded(1, hasFailed: false) == .none)
        #expect(machine.graceOver() == .forceExit(.deadlineExceeded))
        #expect(machine.serviceEnded(0, hasFailed: false) == .none)
    }

    @Test func aSecondRequestCancelsAtOnce() {
        var machine = ServiceGroupStateMachine(serviceCount: 1)
        #expect(machine.stopRequested() == .beginStopping(0))
        #expect(machine.stopRequested() == .cancel)
        #expect(machine.shutdownReturned() == .none)
        #expect(machine.serviceEnded(0, hasFailed: true) == .finish(.interrupted))
        #expect(machine.stopRequested() == .none)
    }

    @Test func aShutdownThatDoesNotReturnHoldsTheEnd() {
        var machine = ServiceGroupStateMachine(serviceCount: 1)
        #expect(machine.stopRequested() == .beginStopping(0))
        #expect(machine.serviceEnded(0, hasFailed: false) == .none)
        #expect(machine.deadlineReached() == .cancel)
        #expect(machine.shutdownReturned() == .finish(.clean), "what was cancelled has ended")
    }
}
