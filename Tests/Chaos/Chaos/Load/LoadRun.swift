import HTTPClient
import TestKit

/// The load of a run: all clients together.
struct LoadRun: Sendable {
    /// What they say.
    let plan: LoadPlan
    /// What each is told.
    let records: [SessionRecord]
    /// What they count together.
    let counters = LoadCounters()
    /// The time of the run.
    let clock: RunClock

    /// Prepares a run.
    init(_ plan: LoadPlan) {
        let clock = RunClock()
        self.plan = plan
        self.clock = clock
        records = plan.sessions.map { SessionRecord($0, clock: clock) }
    }

    /// How many turns there are in all.
    var total: Int { plan.sessions.reduce(0) { $0 + $1.messages.count } }

    /// Holds all conversations to their ends.
    /// - Parameters:
    ///   - gateways: The gateways that clients may go to.
    ///   - patience: How long a client waits for one answer.
    ///   - limit: When the run is given up: nothing more is sent.
    /// - Throws: `HTTPClientError` when there can be no client.
    func run(_ gateways: [PlatformClient], patience: Duration, limit: Duration) async throws {
        try await Self.withClients(of: gateways) { clients in
            await withTaskGroup(of: Void.self) { group in
                for (session, record) in zip(plan.sessions, records) {
                    let client = LoadSession(
                        plan: session,
                        gateways: clients,
                        record: record,
                        counters: counters,
                        clock: clock,
                        patience: patience,
                        limit: limit
                    )
                    group.addTask { await client.run() }
                }
            }
        }
    }

    /// Gives `body` clients of these gateways that have enough connections for a load.
    /// - Throws: `HTTPClientError` when there can be no client.
    static func withClients(
        of gateways: [PlatformClient],
        _ body: ([PlatformClient]) async -> Void
    ) async throws {
        var configuration = HTTPClientPool.Configuration()
        configuration.connectionsPerHostMax = 1024
        configuration.connectionsMax = 2048
        configuration.connectTimeout = .seconds(2)
        let pool = try HTTPClientPool(configuration)
        let clients = gateways.map { gateway in
            var client = gateway.with(pool: pool)
            // A stream that is cut off after minutes is resumed like any other.
            client.timeout = .seconds(120)
            // The gateway says every 15 s that it lives; who hears nothing for longer comes again.
            client.idleTimeout = .seconds(25)
            return client
        }
        await body(clients)
        await pool.shutDown()
    }
}
