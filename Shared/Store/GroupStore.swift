package import Postgres

/// What a member of a group has of the group's partitions.
package struct GroupShare: Sendable, Equatable {
    /// The partitions that nobody else may take while this member lives.
    package let partitions: Set<Int32>
    /// How many it should have: an equal part of all.
    package let quota: Int

    /// Makes a share.
    package init(partitions: Set<Int32>, quota: Int) {
        self.partitions = partitions
        self.quota = quota
    }
}

/// Shares the partitions of a group's topics out among the processes that live.
///
/// A member has what it took until it gives it back or shows no sign of life for as long as its lease is.
package struct GroupStore: Sendable {
    private let database: PostgresClient
    private let group: String
    private let member: String
    private let lease: Duration

    /// Makes a store.
    /// - Parameters:
    ///   - database: The pool.
    ///   - group: The group's name.
    ///   - member: Names this process; a new one for each start.
    ///   - lease: How long a sign of life counts.
    package init(database: PostgresClient, group: String, member: String, lease: Duration) {
        self.database = database
        self.group = group
        self.member = member
        self.lease = lease
    }

    /// Gives a sign of life, gives partitions back, and takes what is missing of the member's part.
    /// - Parameters:
    ///   - returning: Partitions that the member reads no more.
    ///   - partitionCount: How many partitions there are.
    ///   - mayTake: Whether members without a sign of life are forgotten and what nobody has is taken.
    /// - Returns: What the member has now.
    /// - Throws: `PostgresError`.
    package func renew(returning: [Int32], partitionCount: Int, mayTake: Bool) async throws -> GroupShare {
        let results = try await database.batch([
            (GroupSQL.lock, [.text(group)]),
            (GroupSQL.live, [.text(group), .text(member), .int(lease.milliseconds)]),
            (GroupSQL.forget, [.text(group), .bool(mayTake)]),
            (GroupSQL.extend, [.text(group), .int(partitionCount)]),
            (GroupSQL.release, [.text(group), .text(member), .intArray(returning.map { Int64($0) })]),
            (GroupSQL.take, [.text(group), .text(member), .int(partitionCount), .bool(mayTake)]),
        ])
        guard let row = results.last?.rows.first else {
            throw StoreError(code: .corrupt, message: "A group without this member, which was just made.")
        }
        return GroupShare(
            partitions: Set(try row.intArray("partitions").compactMap { $0.map { Int32(clamping: $0) } }),
            quota: try row.int("quota")
        )
    }

    /// Gives everything back.
    /// - Throws: `PostgresError`.
    package func leave() async throws {
        _ = try await database.batch([
            (GroupSQL.lock, [.text(group)]), (GroupSQL.leave, [.text(group), .text(member)]),
        ])
    }
}
