import Caching
import Domain
package import Store
import Synchronization

/// Which tenants exist, so that not every record asks Postgres.
///
/// Only those that exist are remembered: one that is made is known at once.
package final class KnownTenants: Sendable {
    /// How much is remembered, and how long.
    package struct Limits: Sendable {
        /// How long a tenant counts as there without asking again.
        ///
        /// Default 60 s.
        package var lifetime = Duration.seconds(60)
        /// How many tenants are remembered; past it the one that was used longest ago goes.
        ///
        /// Default 10,000.
        package var tenantsMax = 10_000

        /// The defaults.
        package init() {}
    }

    private let lifetime: Duration
    private let exists: @Sendable (String) async throws -> Bool
    private let known: Mutex<LeastRecentlyUsed<String, ContinuousClock.Instant>>

    /// Remembers what a store says.
    package convenience init(store: TenantStore, limits: Limits = Limits()) {
        self.init(limits: limits) { tenantID in try await store.exists(tenantID) }
    }

    /// Remembers what `exists` says.
    init(limits: Limits = Limits(), exists: @escaping @Sendable (String) async throws -> Bool) {
        lifetime = limits.lifetime
        self.exists = exists
        known = Mutex(LeastRecentlyUsed(weightMax: limits.tenantsMax))
    }

    /// Whether there is such a tenant.
    /// - Throws: `PostgresError` when it has to be asked for and cannot be.
    func contains(_ tenantID: String, now: ContinuousClock.Instant = .now) async throws -> Bool {
        guard Identifier.isValid(tenantID) else { return false }
        if let until = known.withLock({ $0.use(tenantID) }), until > now { return true }
        let isThere = try await exists(tenantID)
        known.withLock { known in
            if isThere { known.set(tenantID, now + lifetime) } else { known.remove(tenantID) }
        }
        return isThere
    }
}
