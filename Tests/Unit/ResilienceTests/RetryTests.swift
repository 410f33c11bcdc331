import Observability
import Resilience
import Synchronization
import Testing

struct RetryTests {
    private let time = ManualTime()

    @Test func theCeilingDoublesUpToTheHighest() {
        let policy = RetryPolicy(baseDelay: .seconds(1), delayMax: .seconds(10))
        let ceilings = (0..<6).map { policy.ceiling(retry: $0) }
        #expect(ceilings == [.seconds(1), .seconds(2), .seconds(4), .seconds(8), .seconds(10), .seconds(10)])
        #expect(policy.ceiling(retry: .max) == .seconds(10))
        #expect(
            RetryPolicy.endless(from: .milliseconds(50), to: .seconds(2)).delay(retry: 1_000_000, random: 0.5) != nil
        )
    }

    @Test(arguments: [0.0, 0.25, 0.999])
    func theWaitIsDrawnFromZeroToTheCeiling(random: Double) {
        let policy = RetryPolicy(baseDelay: .seconds(1), delayMax: .seconds(10))
        #expect(policy.pause(retry: 2, random: random) == .seconds(4) * random)
    }

    @Test func thereAreAsManyRetriesAsAllowedAndNotOneMore() {
        let policy = RetryPolicy(retriesMax: 3)
        #expect(policy.delay(retry: 2, random: 0) == .zero)
        #expect(policy.delay(retry: 3, random: 0) == nil)
        #expect(RetryPolicy(retriesMax: 0).delay(retry: 0, random: 0) == nil)
    }

    @Test func whatTheOtherSideAsksForIsTheLeast() {
        let policy = RetryPolicy(baseDelay: .seconds(1), delayMax: .seconds(10), retryAfterMax: .seconds(60))
        #expect(policy.delay(retry: 0, random: 0.5, retryAfter: .seconds(7)) == .seconds(7))
        #expect(policy.delay(retry: 2, random: 0.75, retryAfter: .seconds(2)) == .seconds(3))
        #expect(policy.delay(retry: 0, random: 0.5, retryAfter: .seconds(60)) == .seconds(60))
        #expect(policy.delay(retry: 0, random: 0.5, retryAfter: .seconds(61)) == nil)
    }

    @Test func aWaitThatReachesTheDeadlineIsNotBegun() {
        let policy = RetryPolicy(baseDelay: .seconds(1))
        #expect(policy.delay(retry: 0, random: 0.5, remaining: .milliseconds(501)) == .milliseconds(500))
        #expect(policy.delay(retry: 0, random: 0.5, remaining: .milliseconds(500)) == nil)
        #expect(policy.delay(retry: 0, random: 0.5, retryAfter: .seconds(3), remaining: .seconds(2)) == nil)
        #expect(policy.delay(retry: 0, random: 0, remaining: .seconds(-1)) == nil)
    }

    @Test func repeatsUntilItSucceeds() async throws {
        let retrier = Retrier(RetryPolicy(baseDelay: .seconds(1)), surroundings: time.surroundings(random: 0.5))
        let answer = try await retrier.run { attempt in
            if attempt < 3 { throw TestFailure("not yet") }
            return attempt
        }
        #expect(answer == 3)
        #expect(time.slept == [.milliseconds(500), .seconds(1)])
    }

    @Test func repeatsOnlyWhatMayBeRepeated() async {
        let retrier = Retrier(RetryPolicy(), surroundings: time.surroundings(random: 0.5))
        let calls = Mutex(0)
        await #expect(throws: TestFailure.self) {
            try await retrier.run { _ in
                calls.withLock { $0 += 1 }
                throw TestFailure("charged already", verdict: .giveUp)
            }
        }
        #expect(calls.withLock(\.self) == 1)
        #expect(time.slept == [])
    }

    @Test func cancellationIsNotRepeated() async {
        let retrier = Retrier(RetryPolicy(), surroundings: time.surroundings(random: 0.5))
        let calls = Mutex(0)
        await #expect(throws: CancellationError.self) {
            try await retrier.run { _ in
                calls.withLock { $0 += 1 }
                throw CancellationError()
            }
        }
        #expect(calls.withLock(\.self) == 1)
    }

    @Test func anErrorThatDoesNotSaySoIsNotRepeated() async {
        struct Unknown: Error {}
        let retrier = Retrier(RetryPolicy(), surroundings: time.surroundings(random: 0.5))
        await #expect(throws: Unknown.self) { try await retrier.run { _ in throw Unknown() } }
        #expect(time.slept == [])
    }

    @Test func keepsToTheDeadlineAndThrowsTheLastError() async {
        let retrier = Retrier(
            RetryPolicy(retriesMax: 100, baseDelay: .seconds(1), delayMax: .seconds(4)),
            surroundings: time.surroundings(random: 1)
        )
        let deadline = time.now + .seconds(10)
        await #expect(throws: TestFailure.self) {
            try await retrier.run(deadline: deadline) { _ in throw TestFailure("down") }
        }
        #expect(time.slept == [.seconds(1), .seconds(2), .seconds(4)])
        #expect(time.now < deadline)
    }

    @Test(arguments: [
        ("0", Duration.zero), ("120", .seconds(120)), (" 7 ", .seconds(7)), ("1.5", .milliseconds(1500)),
        ("999999999999", RetryAfter.waitMax),
        ("Fri, 31 Dec 1999 23:59:59 GMT", .seconds(59)), ("Fri, 31 Dec 1999 23:58:00 GMT", .zero),
        ("Tue, 29 Feb 2000 23:59:00 GMT", .seconds(60 * 86_400)),
    ])
    func readsRetryAfter(value: String, expected: Duration) {
        // 1999-12-31T23:59:00Z
        let now = WallClock(seconds: 946_684_740, microseconds: 0)
        #expect(RetryAfter.duration(value, now: now) == expected)
    }

    @Test(arguments: [
        "", "-1", "soon", "1e3", "inf", "nan", "0x10", "Fri, 31 Foo 1999 23:59:59 GMT", "Fri, 32 Dec 1999 23:59:59 GMT",
        "Fri, 31 Dec 1999 24:00:00 GMT", "Fri, 31 Dec 1999 23:59 GMT", "Friday, 31-Dec-99 23:59:59 GMT",
    ])
    func leavesAloneWhatIsNoRetryAfter(value: String) {
        #expect(RetryAfter.duration(value) == nil)
    }

    @Test func noHeaderIsNoWait() {
        #expect(RetryAfter.duration(nil) == nil)
    }

    @Test(arguments: [
        (429, true), (500, true), (502, true), (503, true), (504, true), (408, true), (400, false), (401, false),
        (404, false), (409, false), (501, false), (200, false),
    ])
    func knowsWhichAnswersMayBeRepeated(status: Int, isRepeated: Bool) {
        let verdict = Retrier.Verdict(httpStatus: status, retryAfter: .seconds(2))
        #expect(verdict == (isRepeated ? .again(after: .seconds(2)) : .giveUp))
    }
}
