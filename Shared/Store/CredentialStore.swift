package import Postgres

/// Who an API key belongs to.
package struct Credential: Sendable, Equatable {
    /// The tenant.
    package let tenantID: String
    /// The key's public id.
    package let keyID: String
    /// What the key may do; empty means everything.
    package let scopes: [String]

    /// Makes a credential.
    package init(tenantID: String, keyID: String, scopes: [String]) {
        self.tenantID = tenantID
        self.keyID = keyID
        self.scopes = scopes
    }
}

/// API keys: only the SHA-256 of a key is stored.
package final class CredentialStore: Sendable {
    private static let lookup: PostgresStatement = """
        SELECT tenant_id, key_id, scopes FROM api_keys WHERE key_hash = decode($1, 'hex') AND revoked_at IS NULL
        """
    private static let insert: PostgresStatement = """
        INSERT INTO api_keys (key_hash, tenant_id, key_id, name, scopes) VALUES (decode($1, 'hex'), $2, $3, $4, $5)
        """

    private let database: PostgresClient

    /// Makes a store.
    package init(database: PostgresClient) {
        self.database = database
    }

    /// Looks a key up by the hash of its secret.
    /// - Parameter hash: SHA-256 of the whole key in 64 hexadecimal digits.
    /// - Returns: nil when there is no such key, or it was revoked.
    /// - Throws: `PostgresError`.
    package func credential(hash: String) async throws -> Credential? {
        let results = try await database.batch(
            settings: [("parley.key_hash", hash)],
            [(Self.lookup, [.text(hash)])]
        )
        return try results[0].rows.first.map { row in
            Credential(
                tenantID: try row.string("tenant_id"),
                keyID: try row.string("key_id"),
                scopes: try row.textArray("scopes").compactMap(\.self)
            )
        }
    }

    /// Stores a new key.
    /// - Parameters:
    ///   - hash: SHA-256 of the whole key in 64 hexadecimal digits.
    ///   - credential: Whose it is.
    ///   - name: What the operator calls it.
    /// - Throws: `PostgresError`.
    package func insert(hash: String, credential: Credential, name: String) async throws {
        _ = try await database.batch(
            settings: TenantScope.settings([credential.tenantID]),
            [
                (
                    Self.insert,
                    [
                        .text(hash), .text(credential.tenantID), .text(credential.keyID), .text(name),
                        .textArray(credential.scopes),
                    ]
                )
            ]
        )
    }
}
