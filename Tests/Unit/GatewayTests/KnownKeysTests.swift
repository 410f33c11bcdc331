import Store
import Testing

@testable import parley_gateway

struct KnownKeysTests {
    private let start = ContinuousClock.now

    private func credential(_ key: String) -> Credential {
        Credential(tenantID: "acme", keyID: key, scopes: [])
    }

    private func known(_ change: (inout KnownKeys.Limits) -> Void = { _ in }) -> KnownKeys {
        var limits = KnownKeys.Limits()
        change(&limits)
        return KnownKeys(limits: limits)
    }

    @Test func aKeyIsKnownForItsTimeFromWhenTheStoreWasAsked() {
        var known = known()
        let first = known.look("a", now: start)
        #expect(first == .unknown)
        known.remember(credential("a"), for: "a", askedAt: start)
        known.remember(nil, for: "b", askedAt: start)
        // A key that is in use all the time is asked for again like any other: its end must be seen.
        for milliseconds in stride(from: 0, to: 10_000, by: 100) {
            let answer = known.look("a", now: start + .milliseconds(milliseconds))
            #expect(answer == .valid(credential("a")))
        }
        let last = known.look("b", now: start + .milliseconds(9999))
        #expect(last == .wrong)
        let (a, b) = (known.look("a", now: start + .seconds(10)), known.look("b", now: start + .seconds(10)))
        #expect(a == .unknown && b == .unknown)
    }

    @Test func aRevokedKeyIsWrongFromThenOnAndACreatedOneValid() {
        var known = known()
        known.remember(credential("a"), for: "a", askedAt: start)
        known.remember(nil, for: "a", askedAt: start + .seconds(1))
        let revoked = known.look("a", now: start + .seconds(2))
        #expect(revoked == .wrong)
        known.remember(credential("a"), for: "a", askedAt: start + .seconds(2))
        let created = known.look("a", now: start + .seconds(2))
        #expect(created == .valid(credential("a")))
    }

    @Test func validKeysAtAndOverTheLimit() {
        var known = known { $0.validMax = 2 }
        for key in ["a", "b"] { known.remember(credential(key), for: key, askedAt: start) }
        let (a, b) = (known.look("a", now: start), known.look("b", now: start))
        #expect(a == .valid(credential("a")) && b == .valid(credential("b")))
        _ = known.look("a", now: start)
        known.remember(credential("c"), for: "c", askedAt: start)
        let left = ["a", "b", "c"].map { known.look($0, now: start) }
        #expect(left == [.valid(credential("a")), .unknown, .valid(credential("c"))], "the longest unused one goes")
    }

    @Test func wrongKeysAtAndOverTheLimitPushOutNoValidOne() {
        var known = known {
            $0.validMax = 1
            $0.wrongMax = 3
        }
        known.remember(credential("a"), for: "a", askedAt: start)
        for number in 0..<3 { known.remember(nil, for: "wrong \(number)", askedAt: start) }
        let atLimit = (0..<3).map { known.look("wrong \($0)", now: start) }
        #expect(atLimit == [.wrong, .wrong, .wrong])
        for number in 3..<1000 { known.remember(nil, for: "wrong \(number)", askedAt: start) }
        let (first, last, valid) = (
            known.look("wrong 0", now: start), known.look("wrong 999", now: start), known.look("a", now: start)
        )
        #expect(first == .unknown && last == .wrong)
        #expect(valid == .valid(credential("a")))
    }
}
