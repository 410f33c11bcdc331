import JSON
import Postgres
import Store
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct DeadLetterStoreTests {
    private static func letter(
        _ offset: Int64,
        tenant: String = "default",
        topic: String = "tool.results"
    )
        -> NewDeadLetter
    {
        NewDeadLetter(
            tenantID: tenant,
            topic: topic,
            partition: 3,
            offset: offset,
            key: "k\(offset)",
            headers: [.init(name: "a\"\\", value: [0, 0xFF, 0x10]), .init(name: "", value: [])],
            payload: [0, 0xC3, 0x28],
            reason: offset.isMultiple(of: 2) ? .failed : .malformed,
            detail: "why: so",
            attempts: 5
        )
    }

    @Test func aLetterIsKeptAsItCame() async throws {
        try await withStores { stores in
            let store = DeadLetterStore(database: stores.database)
            try await store.insert(Self.letter(1))
            let listed = try #require(try await store.page(.init(tenantID: "default"), limit: 10).first)
            #expect(listed.topic == "tool.results" && listed.partition == 3 && listed.offset == 1)
            #expect(listed.reason == "malformed" && listed.detail == "why: so")
            #expect(listed.attempts == 5 && listed.bytes == 3 && listed.redrives == 0 && listed.redrivenAt == nil)
            let whole = try #require(try await store.letter(listed.id, tenantID: "default"))
            #expect(whole.letter == listed)
            #expect(whole.payload == [0, 0xC3, 0x28])
            #expect(whole.headers == Self.letter(1).headers)
            #expect(whole.json["payload_hex"] == "00c328")
            #expect(whole.json["payload"] == nil)
            // A second time it adds up, and is no second letter.
            try await store.insert(Self.letter(1))
            #expect(try await store.page(.init(tenantID: "default"), limit: 10).map(\.attempts) == [10])
            try await store.markRedriven(listed.id, tenantID: "default")
            let marked = try #require(try await store.letter(listed.id, tenantID: "default")).letter
            #expect(marked.redrives == 1 && marked.redrivenAt != nil)
        }
    }

    @Test func aLetterOfATenantThatWasMadeMeanwhileStaysOne() async throws {
        try await withStores { stores in
            let store = DeadLetterStore(database: stores.database)
            try await store.insert(Self.letter(1))
            try await stores.endpoint.sql("INSERT INTO tenants (tenant_id, name) VALUES ('acme', 'acme')")
            try await store.insert(Self.letter(1, tenant: "acme"))
            #expect(try await stores.endpoint.sql("SELECT tenant_id, attempts FROM dead_letters") == "default|10")
        }
    }

    @Test func filtersPagesAndTenantsAreKeptApart() async throws {
        try await withStores { stores in
            try await stores.endpoint.sql("INSERT INTO tenants (tenant_id, name) VALUES ('acme', 'acme')")
            let store = DeadLetterStore(database: stores.database)
            for offset in 1...4 { try await store.insert(Self.letter(Int64(offset))) }
            try await store.insert(Self.letter(5, topic: "tool.requests"))
            try await store.insert(Self.letter(6, tenant: "acme"))
            let all = try await store.page(.init(tenantID: "default"), limit: 10)
            #expect(all.map(\.offset) == [5, 4, 3, 2, 1])
            #expect(try await store.page(.init(tenantID: "default"), limit: 2).map(\.offset) == [5, 4])
            #expect(
                try await store.page(.init(tenantID: "default"), before: all[1].id, limit: 2).map(\.offset) == [3, 2]
            )
            let results = DeadLetterFilter(tenantID: "default", topic: "tool.results", reason: "failed")
            #expect(try await store.page(results, limit: 10).map(\.offset) == [4, 2])
            let theirs = try #require(try await store.page(.init(tenantID: "acme"), limit: 10).first)
            #expect(theirs.offset == 6)
            #expect(try await store.letter(theirs.id, tenantID: "default") == nil)
            #expect(try await !store.remove(theirs.id, tenantID: "default"))
            try await store.markRedriven(theirs.id, tenantID: "default")
            #expect(try await store.letter(theirs.id, tenantID: "acme")?.letter.redrives == 0)

            // Oldest first, without those that were sent again unless asked for.
            try await store.markRedriven(all[3].id, tenantID: "default")
            func waiting(after: Int64 = 0, all: Bool) async throws -> [Int64] {
                try await store.waiting(
                    .init(tenantID: "default", topic: "tool.results"),
                    after: after,
                    includesRedriven: all
                )
            }
            let ids = all.map(\.id)
            #expect(try await waiting(all: false) == [ids[4], ids[2], ids[1]])
            #expect(try await waiting(all: true) == [ids[4], ids[3], ids[2], ids[1]])
            #expect(try await waiting(after: ids[3], all: true) == [ids[2], ids[1]])
        }
    }

    @Test func aPurgeTakesWhatIsOldEnoughHoweverMuchItIs() async throws {
        try await withStores { stores in
            let count = DeadLetterStore.pageMax + 1
            try await stores.endpoint.sql(
                """
                INSERT INTO tenants (tenant_id, name) VALUES ('acme', 'acme');
                INSERT INTO dead_letters (tenant_id, topic, partition_number, record_offset, reason, payload,
                        payload_hash, last_at)
                    SELECT 'default', 'tool.results', 0, n, 'malformed: x', '', sha256('x'), now() - interval '7 days'
                    FROM generate_series(1, \(count)) AS n;
                INSERT INTO dead_letters (tenant_id, topic, partition_number, record_offset, reason, payload,
                        payload_hash, last_at) VALUES
                    ('default', 'tool.results', 1, 1, 'malformed: x', '', sha256('x'), now() - interval '6 days 23:50'),
                    ('default', 'tool.requests', 1, 1, 'malformed: x', '', sha256('x'), now() - interval '8 days'),
                    ('acme', 'tool.results', 2, 1, 'malformed: x', '', sha256('x'), now() - interval '8 days');
                """
            )
            let store = DeadLetterStore(database: stores.database)
            let filter = DeadLetterFilter(tenantID: "default", topic: "tool.results")
            #expect(try await store.waiting(filter, after: 0, includesRedriven: false).count == DeadLetterStore.pageMax)
            #expect(try await store.purge(filter, olderThan: .seconds(7 * 86_400)) == count)
            #expect(try await stores.endpoint.sql("SELECT count(*) FROM dead_letters") == "3")
            #expect(try await store.purge(filter, olderThan: .zero) == 1)
            let left = try await stores.endpoint.sql("SELECT tenant_id, topic FROM dead_letters ORDER BY 1")
            #expect(left == "acme|tool.results\ndefault|tool.requests")
        }
    }
}
