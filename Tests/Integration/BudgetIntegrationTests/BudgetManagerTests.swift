import Budget
import Redis
import TestKit
import Testing

@Suite("Budgets against real servers", .timeLimit(.minutes(2)))
struct BudgetManagerTests {
    private func withBoth(_ body: (BudgetFixture, RedisClient?) async throws -> Void) async throws {
        try await withBudgetFixture { fixture in try await body(fixture, nil) }
        try await withBudgetFixture { fixture in
            try await withRedisClient { redis, _ in try await body(fixture, redis) }
        }
    }

    private func reserves(_ tokens: Int, _ budget: BudgetManager) async throws -> Bool {
        try await budget.reserve(tenant: "acme", persona: "support", estimate: tokens).decision.allowed
    }

    @Test("limit 500: 400 is allowed, 200 more is not and charges nothing, 100 more is; with and without Redis")
    func example() async throws {
        try await withBoth { fixture, redis in
            let budget = fixture.manager(redis)
            let expected: [(Int, Bool, Int64)] = [
                (400, true, 400), (200, false, 600), (100, true, 500), (1, false, 501),
            ]
            for (tokens, allowed, total) in expected {
                let decision = try await budget.consume(tenant: "acme", persona: "support", tokens: tokens)
                #expect(decision == BudgetDecision(allowed: allowed, totalTokens: total, limitTokens: 500))
            }
            let persona = try await fixture.used("support")
            let tenant = try await fixture.used("")
            #expect(persona == 500)
            #expect(tenant == 500)
        }
    }

    @Test("tenant and persona are charged together or not at all")
    func bothLimits() async throws {
        try await withBoth { fixture, redis in
            let budget = fixture.manager(redis)
            #expect(try await budget.consume(tenant: "acme", persona: "free", tokens: 700).allowed)
            let refused = try await budget.consume(tenant: "acme", persona: "support", tokens: 400)
            #expect(refused == BudgetDecision(allowed: false, totalTokens: 1100, limitTokens: 1000))
            #expect(try await budget.consume(tenant: "acme", persona: "support", tokens: 300).allowed)
            #expect(try await !budget.consume(tenant: "acme", persona: nil, tokens: 1).allowed)
            let used = try await [fixture.used(""), fixture.used("support"), fixture.used("free")]
            #expect(used == [1000, 300, 700])
        }
    }

    @Test("without a limit everything is allowed, and still charged")
    func unlimited() async throws {
        try await withBoth { fixture, redis in
            let budget = fixture.manager(redis)
            for total in [1_000_000, 2_000_000] {
                let decision = try await budget.consume(tenant: "other", persona: nil, tokens: 1_000_000)
                #expect(decision == BudgetDecision(allowed: true, totalTokens: Int64(total), limitTokens: nil))
            }
            let used = try await fixture.used("", tenant: "other")
            #expect(used == 2_000_000)
        }
    }

    @Test("concurrent consumers of several processes use the limit up and never exceed it")
    func concurrent() async throws {
        try await withBoth { fixture, redis in
            let managers = (0..<3).map { _ in fixture.manager(redis) }
            let allowed = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<120 {
                    let budget = managers[number % 3]
                    group.addTask { try await budget.consume(tenant: "acme", persona: "support", tokens: 10).allowed }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            let used = try await fixture.used("support")
            #expect(used == allowed * 10, "what was allowed is what was charged")
            #expect(used <= 500)
            // One after another the rest fits exactly.
            while try await managers[0].consume(tenant: "acme", persona: "support", tokens: 10).allowed {}
            let full = try await fixture.used("support")
            #expect(full == 500)
        }
    }

    @Test("reservations count until they are settled or released")
    func reservations() async throws {
        try await withBoth { fixture, redis in
            let budget = fixture.manager(redis)
            let first = try await budget.reserve(tenant: "acme", persona: "support", estimate: 300)
            #expect(first.decision == BudgetDecision(allowed: true, totalTokens: 300, limitTokens: 500))
            let second = try await budget.reserve(tenant: "acme", persona: "support", estimate: 300)
            #expect(second.decision == BudgetDecision(allowed: false, totalTokens: 600, limitTokens: 500))
            #expect(try await !budget.consume(tenant: "acme", persona: "support", tokens: 201).allowed)
            await budget.release(first)
            let third = try await budget.reserve(tenant: "acme", persona: "support", estimate: 500)
            #expect(third.decision.allowed)
            await budget.settle(third, actual: 120)
            try await fixture.chargeDirectly(120, persona: "support")
            let rest = try await budget.reserve(tenant: "acme", persona: "support", estimate: 381)
            #expect(rest.decision == BudgetDecision(allowed: false, totalTokens: 501, limitTokens: 500))
            #expect(try await budget.consume(tenant: "acme", persona: "support", tokens: 380).allowed)
            let used = try await fixture.used("support")
            #expect(used == 500)
        }
    }

    @Test("at midnight UTC the window is new; a call that ends after it does not spend tomorrow's tokens")
    func midnight() async throws {
        try await withBoth { fixture, redis in
            let budget = fixture.manager(redis)
            #expect(try await budget.consume(tenant: "acme", persona: "support", tokens: 400).allowed)
            let late = try await budget.reserve(tenant: "acme", persona: "support", estimate: 100)
            fixture.clock.advance(seconds: 43_199)
            #expect(try await !budget.consume(tenant: "acme", persona: "support", tokens: 200).allowed, "23:59:59")
            fixture.clock.advance(seconds: 1)
            await budget.settle(late, actual: 100)
            let decision = try await budget.consume(tenant: "acme", persona: "support", tokens: 500)
            #expect(decision == BudgetDecision(allowed: true, totalTokens: 500, limitTokens: 500))
            let days = try await [fixture.used("support"), fixture.used("support", day: "2026-11-22")]
            #expect(days == [400, 500])
        }
    }

    @Test("a reservation that nobody ends is void after its time")
    func voidReservation() async throws {
        try await withBudgetFixture { fixture in
            try await withRedisClient { redis, _ in
                let crashed = fixture.manager(redis)
                let first = try await reserves(500, crashed)
                #expect(first)
                let budget = fixture.manager(redis)
                fixture.clock.advance(seconds: 899)
                #expect(try await !reserves(1, budget))
                fixture.clock.advance(seconds: 1)
                #expect(try await reserves(500, budget))
            }
        }
    }

    @Test("Redis is flushed: counters are made again from Postgres; an old reservation's end takes nothing off them")
    func flushed() async throws {
        try await withBudgetFixture { fixture in
            try await withRedisClient { redis, _ in
                let budget = fixture.manager(redis)
                #expect(try await budget.consume(tenant: "acme", persona: "support", tokens: 300).allowed)
                let old = try await budget.reserve(tenant: "acme", persona: "support", estimate: 150)
                #expect(old.decision.allowed)
                _ = try await redis.command(["FLUSHALL"])
                let refused = try await budget.reserve(tenant: "acme", persona: "support", estimate: 201)
                #expect(refused.decision == BudgetDecision(allowed: false, totalTokens: 501, limitTokens: 500))
                await budget.settle(old, actual: 50)
                let next = try await budget.reserve(tenant: "acme", persona: "support", estimate: 151)
                #expect(next.decision == BudgetDecision(allowed: false, totalTokens: 501, limitTokens: 500))
                await budget.release(old)
                let last = try await budget.reserve(tenant: "acme", persona: "support", estimate: 150)
                #expect(last.decision.allowed)
            }
        }
    }

    @Test("Redis is killed in the middle: Postgres decides; back and behind, its counters are raised before they count")
    func killed() async throws {
        try await withBudgetFixture { fixture in
            try await withRedisClient { redis, server in
                let budget = fixture.manager(redis)
                #expect(try await budget.consume(tenant: "acme", persona: "support", tokens: 100).allowed)
                let held = try await budget.reserve(tenant: "acme", persona: "support", estimate: 100)
                try await server.kill9()
                try await eventually("Redis is gone") { !redis.isAvailable }
                #expect(try await budget.consume(tenant: "acme", persona: "support", tokens: 200).allowed)
                let local = try await budget.reserve(tenant: "acme", persona: "support", estimate: 150)
                #expect(local.decision == BudgetDecision(allowed: true, totalTokens: 450, limitTokens: 500))
                let decision = try await budget.consume(tenant: "acme", persona: "support", tokens: 51)
                #expect(decision == BudgetDecision(allowed: false, totalTokens: 501, limitTokens: 500))
                await budget.release(local)
                await budget.release(held)
                try await server.restart()
                try await eventually("Redis is back") { redis.isAvailable }
                let after = try await budget.consume(tenant: "acme", persona: "support", tokens: 201)
                #expect(after == BudgetDecision(allowed: false, totalTokens: 501, limitTokens: 500))
                #expect(try await budget.consume(tenant: "acme", persona: "support", tokens: 200).allowed)
                let used = try await fixture.used("support")
                #expect(used == 500)
            }
        }
    }

    @Test("a counter that missed charges is raised to Postgres' number after the interval")
    func synchronised() async throws {
        try await withBudgetFixture { fixture in
            try await withRedisClient { redis, _ in
                let budget = fixture.manager(redis)
                #expect(try await reserves(0, budget))
                try await fixture.chargeDirectly(450, persona: "support")
                fixture.clock.advance(seconds: 31)
                let decision = try await budget.reserve(tenant: "acme", persona: "support", estimate: 51).decision
                #expect(decision == BudgetDecision(allowed: false, totalTokens: 501, limitTokens: 500))
            }
        }
    }

    @Test("even when Redis knows nothing of a charge, Postgres refuses what exceeds the limit")
    func postgresRefuses() async throws {
        try await withBudgetFixture { fixture in
            try await withRedisClient { redis, _ in
                let budget = fixture.manager(redis)
                #expect(try await budget.consume(tenant: "acme", persona: "support", tokens: 10).allowed)
                try await fixture.chargeDirectly(450, persona: "support")
                let decision = try await budget.consume(tenant: "acme", persona: "support", tokens: 41)
                #expect(decision == BudgetDecision(allowed: false, totalTokens: 501, limitTokens: 500))
                let reserved = try await budget.reserve(tenant: "acme", persona: "support", estimate: 41).decision
                #expect(!reserved.allowed, "Redis has learnt of it")
            }
        }
    }

    @Test("a changed limit counts after the time for which limits are believed")
    func changedLimit() async throws {
        try await withBudgetFixture { fixture in
            try await withRedisClient { redis, _ in
                let budget = fixture.manager(redis, limitsTimeToLive: .zero)
                #expect(try await !budget.consume(tenant: "acme", persona: "support", tokens: 501).allowed)
                try await fixture.endpoint.sql(
                    "UPDATE personas SET budget_tokens_per_day = 501 WHERE persona_id = 'support'"
                )
                #expect(try await budget.consume(tenant: "acme", persona: "support", tokens: 501).allowed)
            }
        }
    }

    @Test("ids that would name another tenant, and negative tokens, are refused")
    func arguments() async throws {
        try await withBudgetFixture { fixture in
            let budget = fixture.manager(nil)
            for tenant in ["", "acme,other", "a{b"] {
                await #expect(throws: BudgetError.self) {
                    try await budget.consume(tenant: tenant, persona: nil, tokens: 1)
                }
            }
            await #expect(throws: BudgetError.self) {
                try await budget.reserve(tenant: "acme", persona: nil, estimate: -1)
            }
        }
    }
}
