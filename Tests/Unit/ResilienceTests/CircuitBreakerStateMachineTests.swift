import Resilience
import Testing

struct CircuitBreakerStateMachineTests {
    private typealias Machine = CircuitBreakerStateMachine
    private let start = ContinuousClock.now

    private func admitted(_ machine: inout Machine, at now: ContinuousClock.Instant) throws -> Machine.Permit {
        guard case .admitted(let permit) = machine.begin(now: now) else {
            throw TestFailure("refused")
        }
        return permit
    }

    private func fail(_ machine: inout Machine, times: Int, at now: ContinuousClock.Instant) throws {
        for _ in 0..<times {
            let permit = try admitted(&machine, at: now)
            machine.end(permit, .failure, now: now)
        }
    }

    @Test func opensAtTheFifthFailureInARowAndNotBefore() throws {
        var machine = Machine()
        try fail(&machine, times: 4, at: start)
        #expect(machine.state == .closed)
        #expect(machine.consecutiveFailures == 4)
        try fail(&machine, times: 1, at: start)
        #expect(machine.state == .open)
        #expect(machine.begin(now: start) == .refused(retryAfter: .seconds(30)))
    }

    @Test func aSuccessBeginsTheCountAnew() throws {
        var machine = Machine()
        try fail(&machine, times: 4, at: start)
        machine.end(try admitted(&machine, at: start), .success, now: start)
        #expect(machine.isPristine)
        try fail(&machine, times: 4, at: start)
        #expect(machine.state == .closed)
    }

    @Test func whatSaysNothingDoesNotCount() throws {
        var machine = Machine()
        try fail(&machine, times: 4, at: start)
        for _ in 0..<20 { machine.end(try admitted(&machine, at: start), .unknown, now: start) }
        #expect(machine.consecutiveFailures == 4)
        #expect(machine.state == .closed)
    }

    @Test func letsOneProbeThroughAfterThirtySecondsAndNotBefore() throws {
        var machine = Machine()
        try fail(&machine, times: 5, at: start)
        let before = start + .seconds(30) - .nanoseconds(1)
        #expect(machine.begin(now: before) == .refused(retryAfter: .nanoseconds(1)))
        let after = start + .seconds(30)
        let probe = try admitted(&machine, at: after)
        #expect(machine.state == .halfOpen)
        #expect(machine.begin(now: after) == .refused(retryAfter: Machine.probePause))
        machine.end(probe, .success, now: after)
        #expect(machine.isPristine)
        _ = try admitted(&machine, at: after)
    }

    @Test func aProbeThatFailsOpensItForAnotherThirtySeconds() throws {
        var machine = Machine()
        try fail(&machine, times: 5, at: start)
        let later = start + .seconds(31)
        machine.end(try admitted(&machine, at: later), .failure, now: later + .seconds(2))
        #expect(machine.state == .open)
        #expect(machine.begin(now: later + .seconds(31)) == .refused(retryAfter: .seconds(1)))
        _ = try admitted(&machine, at: later + .seconds(32))
        #expect(machine.state == .halfOpen)
    }

    @Test func aProbeThatSaysNothingLeavesItsPlaceToTheNext() throws {
        var machine = Machine()
        try fail(&machine, times: 5, at: start)
        let later = start + .seconds(30)
        machine.end(try admitted(&machine, at: later), .unknown, now: later)
        #expect(machine.state == .halfOpen)
        machine.end(try admitted(&machine, at: later), .success, now: later)
        #expect(machine.state == .closed)
    }

    @Test func aProbeThatNeverComesBackIsFollowedByAnother() throws {
        var machine = Machine()
        try fail(&machine, times: 5, at: start)
        let later = start + .seconds(30)
        let lost = try admitted(&machine, at: later)
        #expect(machine.begin(now: later + .seconds(29)) == .refused(retryAfter: Machine.probePause))
        let second = try admitted(&machine, at: later + .seconds(30))
        machine.end(lost, .failure, now: later + .seconds(31))
        #expect(machine.state == .halfOpen, "the lost probe's answer is about another time")
        machine.end(second, .success, now: later + .seconds(31))
        #expect(machine.state == .closed)
    }

    @Test func answersToCallsOfAnEarlierTimeDoNotCount() throws {
        var machine = Machine()
        let slow = try admitted(&machine, at: start)
        let slower = try admitted(&machine, at: start)
        try fail(&machine, times: 5, at: start)
        machine.end(slow, .success, now: start)
        #expect(machine.state == .open, "it had begun before the failures")
        machine.end(try admitted(&machine, at: start + .seconds(30)), .success, now: start + .seconds(30))
        machine.end(slower, .failure, now: start + .seconds(30))
        #expect(machine.isPristine)
    }

    @Test func closesWhenTheDependencyIsSeenToBeThere() throws {
        var machine = Machine()
        try fail(&machine, times: 5, at: start)
        machine.recover()
        #expect(machine.isPristine)
        try fail(&machine, times: 3, at: start)
        machine.recover()
        #expect(machine.consecutiveFailures == 0)
    }

    @Test func failuresOutsideOfCallsCountWhileItIsClosed() throws {
        var machine = Machine()
        for _ in 0..<4 { machine.fail(now: start) }
        #expect(machine.state == .closed && !machine.refuses(now: start))
        machine.fail(now: start)
        #expect(machine.state == .open)
        machine.fail(now: start + .seconds(29))
        #expect(machine.refuses(now: start + .seconds(29)))
        #expect(!machine.refuses(now: start + .seconds(30)), "it does not stay open for them")
        _ = try admitted(&machine, at: start + .seconds(30))
        #expect(machine.refuses(now: start + .seconds(30)), "the probe runs")
        machine.fail(now: start + .seconds(30))
        #expect(machine.state == .halfOpen, "the probe decides")
        #expect(!machine.refuses(now: start + .seconds(60)), "the probe is lost")
    }

    @Test func keepsToItsLimits() throws {
        var machine = Machine(limits: .init(failuresMax: 1, openDuration: .milliseconds(10)))
        try fail(&machine, times: 1, at: start)
        #expect(machine.state == .open)
        _ = try admitted(&machine, at: start + .milliseconds(10))
    }

    @Test(arguments: [
        (200, Machine.Outcome.success), (304, .success), (400, .success), (401, .success), (404, .success),
        (408, .failure), (422, .success), (429, .unknown), (499, .success), (500, .failure), (503, .failure),
    ])
    func readsHTTPStatuses(status: Int, outcome: CircuitBreakerStateMachine.Outcome) {
        #expect(CircuitBreakerStateMachine.Outcome(httpStatus: status) == outcome)
    }
}
