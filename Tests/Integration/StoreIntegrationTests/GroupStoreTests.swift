import Store
import TestKit
import Testing

/// Partitions of a group, shared out among members.
@Suite(.timeLimit(.minutes(2)))
struct GroupStoreTests {
    private func member(_ name: String, _ stores: Stores, lease: Duration = .seconds(60)) -> GroupStore {
        GroupStore(database: stores.database, group: "group", member: name, lease: lease)
    }

    /// What a member has after a sign of life.
    private func renew(_ store: GroupStore, returning: [Int32] = [], mayTake: Bool = true) async throws -> GroupShare {
        try await store.renew(returning: returning, partitionCount: 8, mayTake: mayTake)
    }

    @Test("The first member has everything; a second gets what the first gives back, and no more than its part")
    func shares() async throws {
        try await withStores { stores in
            let (first, second) = (member("b", stores), member("a", stores))
            #expect(try await renew(first) == GroupShare(partitions: Set(0..<8), quota: 8))
            #expect(try await renew(second) == GroupShare(partitions: [], quota: 4))
            #expect(try await renew(first) == GroupShare(partitions: Set(0..<8), quota: 4))
            let kept = try await renew(first, returning: [3, 4, 5, 6, 7])
            #expect(kept == GroupShare(partitions: [0, 1, 2, 3], quota: 4), "it may take back what it is short of")
            #expect(try await renew(second) == GroupShare(partitions: [4, 5, 6, 7], quota: 4))
            #expect(try await renew(second, returning: [0, 1]).partitions == [4, 5, 6, 7], "not its own to give")
            #expect(try await renew(first).partitions == [0, 1, 2, 3])
            try await first.leave()
            #expect(try await renew(second) == GroupShare(partitions: Set(0..<8), quota: 8))
        }
    }

    @Test("Parts differ by one at most, the oldest members have the larger ones, and there can be members without any")
    func quotas() async throws {
        try await withStores { stores in
            let names = (0..<10).map { "member-\(9 - $0)" }
            for (count, expected) in [(3, [3, 3, 2]), (5, [2, 2, 2, 1, 1]), (10, [1, 1, 1, 1, 1, 1, 1, 1, 0, 0])] {
                for name in names.prefix(count) { _ = try await renew(member(name, stores), mayTake: false) }
                var quotas: [Int] = []
                for name in names.prefix(count) {
                    quotas.append(try await renew(member(name, stores), mayTake: false).quota)
                }
                #expect(quotas == expected)
            }
        }
    }

    @Test("Nobody takes what a living member has; what a lost one had is taken when its time is over, by who may take")
    func lost() async throws {
        try await withStores { stores in
            let (lost, other) = (member("lost", stores, lease: .milliseconds(700)), member("other", stores))
            #expect(try await renew(lost).partitions.count == 8)
            #expect(try await renew(other).partitions.isEmpty)
            try await eventually("the end of the lease") {
                try await stores.endpoint.sql(
                    "SELECT alive_until < clock_timestamp() FROM group_members WHERE member = 'lost'"
                ) == "t"
            }
            #expect(try await renew(other, mayTake: false) == GroupShare(partitions: [], quota: 4))
            #expect(try await renew(other) == GroupShare(partitions: Set(0..<8), quota: 8))
            // It was not lost after all: it learns that nothing is its own any more.
            #expect(try await renew(lost) == GroupShare(partitions: [], quota: 4))
        }
    }

    @Test("Members that come at the same moment never have the same partition")
    func together() async throws {
        try await withStores { stores in
            let shares = try await withThrowingTaskGroup(of: GroupShare.self) { group in
                for number in 0..<8 {
                    group.addTask { try await renew(member("\(number)", stores)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let all = shares.flatMap(\.partitions)
            #expect(Set(all).count == all.count)
            #expect(all.sorted() == Array(0..<8))
        }
    }
}
