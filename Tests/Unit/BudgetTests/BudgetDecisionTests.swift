import Testing

@testable import Budget

@Suite("Budget decisions")
struct BudgetDecisionTests {
    private func decide(_ amount: Int64, _ scopes: (used: Int64, limit: Int64?)...) -> BudgetDecision {
        BudgetDecision.decide(amount, scopes: scopes.map { ScopeUsage(used: $0.used, limit: $0.limit) })
    }

    @Test("the limit may be reached, not passed")
    func limit() {
        #expect(decide(400, (0, 500)) == BudgetDecision(allowed: true, totalTokens: 400, limitTokens: 500))
        #expect(decide(200, (400, 500)) == BudgetDecision(allowed: false, totalTokens: 600, limitTokens: 500))
        #expect(decide(100, (400, 500)) == BudgetDecision(allowed: true, totalTokens: 500, limitTokens: 500))
        #expect(decide(101, (400, 500)) == BudgetDecision(allowed: false, totalTokens: 501, limitTokens: 500))
        #expect(decide(0, (500, 500)).allowed)
        #expect(!decide(1, (0, 0)).allowed)
    }

    @Test("of tenant and persona the tighter one counts")
    func tighter() {
        #expect(decide(10, (90, 1000), (0, 20)) == BudgetDecision(allowed: true, totalTokens: 10, limitTokens: 20))
        #expect(decide(30, (90, 1000), (0, 20)) == BudgetDecision(allowed: false, totalTokens: 30, limitTokens: 20))
        #expect(
            decide(10, (995, 1000), (0, 20)) == BudgetDecision(allowed: false, totalTokens: 1005, limitTokens: 1000)
        )
        #expect(decide(10, (995, nil), (0, 20)).limitTokens == 20)
        #expect(decide(10, (995, nil), (7, nil)) == BudgetDecision(allowed: true, totalTokens: 1005, limitTokens: nil))
    }

    @Test("numbers beyond reason do not wrap around")
    func overflow() {
        #expect(!decide(.max, (.max, 500)).allowed)
        #expect(!decide(.max, (1, .max - 1)).allowed)
    }

    @Test("windows are UTC days")
    func window() {
        #expect(BudgetWindow.name(iso8601: "2026-11-21T23:59:59.999999Z") == "2026-11-21")
        #expect(BudgetWindow.millisecondsLeft(seconds: 0) == 86_400_000)
        #expect(BudgetWindow.millisecondsLeft(seconds: 86_399) == 1000)
        #expect(BudgetWindow.millisecondsLeft(seconds: 86_400) == 86_400_000)
    }

    @Test("a tenant's keys share a slot of a cluster and are apart from every other's")
    func keys() {
        let scopes = BudgetScopes(tenant: "acme", persona: "p", window: "2026-11-21")
        #expect(scopes.keys == ["parley:budget:{acme}:2026-11-21:", "parley:budget:{acme}:2026-11-21:p"])
        #expect(BudgetScopes(tenant: "acme", persona: nil, window: "d").keys == ["parley:budget:{acme}:d:"])
    }

    @Test("limits are believed for their time, and forgotten when there are too many")
    func cache() {
        let start = ContinuousClock.now
        var cache = LimitsCache(timeToLive: .seconds(5), countMax: 2)
        let keys = (0..<3).map { LimitsCache.Key(tenant: "t\($0)", persona: nil) }
        cache.remember([1], for: keys[0], now: start)
        cache.remember([2], for: keys[1], now: start)
        #expect(cache.limits(keys[0], now: start + .milliseconds(4999)) == [1])
        #expect(cache.limits(keys[0], now: start + .seconds(5)) == nil)
        cache.remember([3], for: keys[1], now: start)
        #expect(cache.limits(keys[0], now: start) == [1], "a known key does not fill the cache")
        cache.remember([4], for: keys[2], now: start)
        #expect(cache.limits(keys[1], now: start) == nil, "it was asked for longest ago")
        #expect(cache.limits(keys[0], now: start) == [1])
        #expect(cache.limits(keys[2], now: start) == [4])
    }
}
