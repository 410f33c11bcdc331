package import Postgres

/// What an API key may be limited to.
package enum CredentialScope: String, Sendable, CaseIterable {
    /// Conversations, tools and memory: everything that clients do.
    case messages
    /// What operators of a tenant do, under `/v1/admin`.
    case admin
}

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

    /// Whether the key may be used for this.
    package func allows(_ scope: CredentialScope) -> Bool {
        scopes.isEmpty || scopes.contains(scope.rawValue)
    }
}

/// An API key as operators see it: never the key itself.
package struct CredentialSummary: Sendable, Equatable {
    /// The key's public id.
    package let keyID: String
    /// What the operator calls it.
    package let name: String
    /// What the key may do; empty means everything.
    package let scopes: [String]
    /// When it was made, ISO 8601 in UTC.
    package let createdAt: String
    /// When it was revoked, ISO 8601 in UTC; nil while it is active.
    package let revokedAt: String?
}

/// API keys: only the SHA-256 of a key is stored.
package final class CredentialStore: Sendable {
    private static let lookup: PostgresStatement = """
        SELECT tenant_id, key_id, scopes FROM api_keys WHERE key_hash = decode($1, 'hex') AND revoked_at IS NULL
        """
    private static let insert: PostgresStatement = """
        INSERT INTO api_keys (key_hash, tenant_id, key_id, name, scopes) VALUES (decode($1, 'hex'), $2, $3, $4, $5)
        """
    private static let list: PostgresStatement = """
        SELECT key_id, name, scopes, created_at, revoked_at FROM api_keys
        WHERE tenant_id = $1 ORDER BY created_at, key_id
        """
    private static let revoke: PostgresStatement = """
        UPDATE api_keys SET revoked_at = now() WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL
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

    /// The keys of a tenant, oldest first, revoked ones among them.
    package func keys(tenantID: String) async throws -> [CredentialSummary] {
        let results = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [(Self.list, [.text(tenantID)])]
        )
        return try results[0].rows.map { row in
            CredentialSummary(
                keyID: try row.string("key_id"),
                name: try row.string("name"),
                scopes: try row.textArray("scopes").compactMap(\.self),
                createdAt: try row.timestamp("created_at"),
                revokedAt: try row.isNull("revoked_at") ? nil : row.timestamp("revoked_at")
            )
        }
    }

    /// Ends a key; gateways remember it for up to 10 s.
    /// - Returns: False when the tenant has no active key by this id.
    /// - Throws: `PostgresError`.
    package func revoke(keyID: String, tenantID: String) async throws -> Bool {
        let results = try await database.batch(
            settings: TenantScope.settings([tenantID]),
            [(Self.revoke, [.text(tenantID), .text(keyID)])]
        )
        return results[0].affectedRows == 1
    }
}
