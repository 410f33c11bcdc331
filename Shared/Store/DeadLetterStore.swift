package import Postgres

/// Records that could not be processed, with the reason.
package final class DeadLetterStore: Sendable {
    private static let insert: PostgresStatement = """
        INSERT INTO dead_letters AS d
            (tenant_id, topic, partition_number, record_offset, record_key, reason, payload, payload_hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, sha256($7))
        ON CONFLICT (topic, partition_number, record_offset, payload_hash)
            DO UPDATE SET attempts = d.attempts + 1, last_at = now()
        """

    private let database: PostgresClient

    /// Makes a store.
    package init(database: PostgresClient) {
        self.database = database
    }

    /// Stores a record; a second time it only counts the attempt.
    /// - Parameters:
    ///   - tenantID: The record's tenant, or the default one where it has none.
    ///   - topic: Where it came from.
    ///   - partition: Where it came from.
    ///   - offset: Where it came from.
    ///   - key: The record's key.
    ///   - reason: Why it could not be processed, without data of the record.
    ///   - payload: The record's value.
    /// - Throws: `PostgresError`.
    package func insert(
        tenantID: String,
        topic: String,
        partition: Int32,
        offset: Int64,
        key: String?,
        reason: String,
        payload: [UInt8]
    ) async throws {
        _ = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [
                (
                    Self.insert,
                    [
                        .text(tenantID), .text(topic), .int(Int64(partition)), .int(offset), .text(orNull: key),
                        .text(reason), .bytes(payload),
                    ]
                )
            ]
        )
    }
}
