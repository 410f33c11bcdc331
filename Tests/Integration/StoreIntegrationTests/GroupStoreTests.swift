import Domain
import JSON
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

    @Test("A tool's run is interrupted as soon as its executor is no living member, and not while it is one")
    func runsOfLostMembers() async throws {
        try await withStores { stores in
            let request = ToolRequest(
                eventID: "run-1",
                sessionID: "s",
                toolName: "pay",
                arguments: [:]
            )
            let first = runs("first", stores)
            let second = runs("second", stores)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await second.run() }
                let alive = member("first", stores)
                _ = try await renew(alive)
                let minute = Duration.seconds(60)
                #expect(try await first.begin(request, tenantID: "default", timeout: minute) == .granted)
                #expect(try await second.begin(request, tenantID: "default", timeout: minute) == .running)
                let interrupted = ToolResult(to: request, status: .interrupted, payload: [:])
                let event = OutboxEvent(
                    tenantID: "default",
                    topic: .toolResults,
                    eventID: "run-1",
                    sessionID: "s",
                    payload: interrupted.serialized()
                )
                #expect(
                    try await !second.finish(request, tenantID: "default", result: interrupted, event: event),
                    "it is not the second one's to end"
                )
                try await alive.leave()
                #expect(try await second.begin(request, tenantID: "default", timeout: minute) == .interrupted)
                #expect(try await second.finish(request, tenantID: "default", result: interrupted, event: event))
                #expect(try await first.begin(request, tenantID: "default", timeout: minute) == .finished)
                second.close()
                try await group.waitForAll()
            }
        }
    }

    private func runs(_ owner: String, _ stores: Stores) -> ToolRunStore {
        ToolRunStore(
            database: stores.database,
            configuration: StoreConfiguration(),
            owner: owner,
            ownersAreMembers: true
        )
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
