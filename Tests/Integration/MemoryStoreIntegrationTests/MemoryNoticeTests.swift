import JSON
import TestKit
import Testing

@testable import MemoryStore

/// What listeners are told, against a real server.
@Suite(.timeLimit(.minutes(2)))
struct MemoryNoticeTests {
    @Test("Each tenant's notices are read from its own horizon on, in order, and each once")
    func horizons() async throws {
        try await withMemory(gateways: 1) { gateways in
            // Transactions of long ago, so that none that runs at this moment has a smaller number.
            _ = try await gateways[0].endpoint.sql(
                """
                INSERT INTO tenants (tenant_id, name) VALUES ('other', 'other'), ('third', 'third');
                INSERT INTO memory_notices (tenant_id, event_type, data, written_in) VALUES
                    ('default', 'd', '{}', '3'), ('other', 'e', '{}', '4'), ('default', 'c', '{}', '5'),
                    ('other', 'b', '{}', '5'), ('other', 'a', '{}', '6'), ('third', 'f', '{}', '6')
                """
            )
            let upkeep = MemoryUpkeep(database: gateways[0].database)
            func read(_ horizons: [String: String]) async throws -> [String] {
                try await upkeep.notices(since: horizons).notices.map { "\($0.tenantID) \($0.eventType)" }
            }
            let all = try await read(["default": "3:3:", "other": "5:5:"])
            #expect(all == ["default d", "default c", "other b", "other a"])
            #expect(try await read(["default": "6:6:", "other": "4:4:"]) == ["other e", "other b", "other a"])
            // Of those that had begun at that moment, some were over and some were not.
            #expect(try await read(["default": "3:6:3", "other": "4:7:4,6"]) == ["default d", "other e", "other a"])
            let (notices, horizon) = try await upkeep.notices(since: ["default": "1:1:", "third": "1:1:"])
            #expect(notices.map(\.eventType) == ["d", "c", "f"])
            let next = try #require(horizon)
            let later = try await upkeep.notices(since: ["default": next, "other": next])
            #expect(later.notices.isEmpty && later.horizon == nil)
        }
    }
}
