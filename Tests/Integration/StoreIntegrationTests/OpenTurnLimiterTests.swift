import Domain
import Postgres
import Store
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct OpenTurnLimiterTests {
    private static func configuration(_ max: Int) -> StoreConfiguration {
        var configuration = StoreConfiguration()
        configuration.openTurnsPerTenantMax = max
        return configuration
    }

    /// Accepts a message as a gateway does.
    private static func accept(_ stores: Stores, _ limiter: OpenTurnLimiter, _ session: String) async throws -> Bool {
        guard try await limiter.reserve("default") else { return false }
        defer { limiter.end("default") }
        _ = try await stores.accept(session)
        return true
    }

    @Test func oneGatewayAcceptsExactlyAsManyAsThereMayBe() async throws {
        try await withStores { stores in
            let limiter = OpenTurnLimiter(database: stores.database, configuration: Self.configuration(100))
            // All at once, again and again: never one too many, and none refused while there is room.
            for round in 1...3 {
                // The count on which the last ones were refused is believed for 100 ms.
                try await Task.sleep(for: .milliseconds(200))
                let accepted = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<300 {
                        group.addTask { try await Self.accept(stores, limiter, "s-\(round)-\(number % 50)") }
                    }
                    return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                }
                #expect(accepted == (round == 1 ? 100 : 30))
                let open = "SELECT count(*) FROM turns WHERE finished_at IS NULL"
                #expect(try await stores.endpoint.sql(open) == "100")
                _ = try await stores.endpoint.sql(
                    """
                    UPDATE turns SET finished_at = now() WHERE turn_id IN
                        (SELECT turn_id FROM turns WHERE finished_at IS NULL LIMIT 30)
                    """
                )
            }
        }
    }

    @Test func ofSeveralGatewaysEachSeesWhatTheOthersAcceptedASecondLater() async throws {
        try await withStores { stores in
            let limiters = (0..<2).map { _ in
                OpenTurnLimiter(database: stores.database, configuration: Self.configuration(10))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for limiter in limiters { group.addTask { await limiter.run() } }
                defer { for limiter in limiters { limiter.close() } }
                // Both have seen an empty table: together they may go over the limit, each may not.
                for limiter in limiters { #expect(try await Self.accept(stores, limiter, "s")) }
                var accepted = 2
                for limiter in limiters {
                    for _ in 0..<20 {
                        accepted += try await Self.accept(stores, limiter, "t") ? 1 : 0
                    }
                }
                #expect((10...20).contains(accepted))
                for limiter in limiters {
                    try await eventually("the count of the others") { try await !Self.accept(stores, limiter, "u") }
                }
                _ = try await stores.endpoint.sql("UPDATE turns SET finished_at = now()")
                for limiter in limiters {
                    try await eventually("room again") { try await Self.accept(stores, limiter, "v") }
                }
            }
        }
    }

    @Test func aTenantThatIsFullHoldsUpNoOther() async throws {
        try await withStores { stores in
            _ = try await stores.endpoint.sql("INSERT INTO tenants (tenant_id, name) VALUES ('acme', 'acme')")
            let limiter = OpenTurnLimiter(database: stores.database, configuration: Self.configuration(1))
            #expect(try await Self.accept(stores, limiter, "s"))
            #expect(try await !Self.accept(stores, limiter, "s"))
            #expect(try await limiter.reserve("acme"))
            limiter.release("acme")
            #expect(try await limiter.reserve("acme"))
        }
    }
}
