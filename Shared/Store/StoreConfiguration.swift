import Postgres

/// How long leases and deadlines of the durable core are, and how many of what may be open.
package struct StoreConfiguration: Sendable {
    /// How long a worker holds a turn without a heartbeat; a lost worker's turns go on after it.
    ///
    /// Default 2.5 s.
    package var leaseDuration: Duration = .milliseconds(2500)
    /// After how long an event that nobody has processed is published again.
    ///
    /// Default 5 s.
    package var republishAfter: Duration = .seconds(5)
    /// After how long an event is published by any service because its own has not said that it was.
    ///
    /// Default 3 s, and never longer than ``republishAfter``.
    package var publishAfterMax: Duration = .seconds(3)
    /// How many accepted and unfinished turns a session may have; one more is refused.
    ///
    /// Default 20.
    package var openTurnsPerSessionMax = 20
    /// How many accepted and unfinished turns a tenant may have; a gateway refuses one more.
    ///
    /// Default 1,000.
    package var openTurnsPerTenantMax = 1000
    /// For how long the answer to a request with an idempotency key is kept.
    ///
    /// Default 24 h.
    package var idempotencyRetention: Duration = .seconds(24 * 3600)
    /// How many requests share one transaction at most.
    ///
    /// Default 64.
    package var batchMax = 64
    /// How many requests may wait for a transaction; one more is refused.
    ///
    /// Default 10,000.
    package var queueMax = 10_000

    /// The defaults.
    package init() {}

    /// How long a committed event waits to be published by the service that committed it.
    var publishAfter: Duration { min(publishAfterMax, republishAfter) }

    /// The limits of one kind of transaction.
    func commits<Request, Response>(concurrency: Int) -> GroupCommit<Request, Response>.Configuration {
        .init(concurrency: concurrency, batchMax: batchMax, queueMax: queueMax)
    }

    /// Settings that every connection of a service starts with.
    ///
    /// Every statement of this module finds its rows by key out of small arrays. A planner that has seen the tables
    /// empty would keep a plan that reads them whole, and go on with it while they grow.
    package static let serverSettings = [
        "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off",
    ]
}

/// The tenants that one transaction may touch, as row-level security wants them named.
package enum TenantScope {
    /// The name of the setting that the policies read.
    package static let setting = "parley.tenants"

    /// The setting for exactly these tenants.
    package static func settings(_ tenants: some Sequence<String>) -> [(String, String)] {
        [(setting, Set(tenants).sorted().joined(separator: ","))]
    }
}
