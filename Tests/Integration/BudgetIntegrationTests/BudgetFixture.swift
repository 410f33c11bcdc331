import Budget
import Observability
import Postgres
import Redis
import Synchronization
import TestKit

/// A wall clock that a test sets.
final class ManualWallClock: Sendable {
    private let seconds: Mutex<Int64>

    init(seconds: Int64) {
        self.seconds = Mutex(seconds)
    }

    var now: WallClock { WallClock(seconds: seconds.withLock { $0 }, microseconds: 0) }

    func advance(seconds amount: Int64) {
        seconds.withLock { $0 += amount }
    }
}

/// Everything a budget test needs: the tables in a database of its own, reached as a role that row-level security
/// binds.
struct BudgetFixture {
    let endpoint: PostgresEndpoint
    let postgres: PostgresClient
    /// 2026-11-21T12:00:00Z at first.
    let clock = ManualWallClock(seconds: 1_795_262_400)

    func manager(_ redis: RedisClient?, limitsTimeToLive: Duration = .seconds(5)) -> BudgetManager {
        var configuration = BudgetManager.Configuration()
        configuration.limitsTimeToLive = limitsTimeToLive
        let clock = clock
        return BudgetManager(postgres: postgres, redis: redis, configuration: configuration, now: { clock.now })
    }

    /// What Postgres says; '' is the tenant as a whole.
    func used(_ persona: String, tenant: String = "acme", day: String = "2026-11-21") async throws -> Int {
        let text = try await endpoint.sql(
            """
            SELECT coalesce(sum(used_tokens), 0) FROM budget_usage
            WHERE tenant_id = '\(tenant)' AND persona_id = '\(persona)' AND window_start = '\(day)'
            """
        )
        return Int(text) ?? -1
    }

    /// What a worker's transaction writes after a turn.
    func chargeDirectly(_ tokens: Int, persona: String) async throws {
        for scope in ["", persona] {
            try await endpoint.sql(
                """
                INSERT INTO budget_usage AS b VALUES ('acme', '\(scope)', '2026-11-21', \(tokens))
                ON CONFLICT (tenant_id, persona_id, window_start)
                DO UPDATE SET used_tokens = b.used_tokens + \(tokens)
                """
            )
        }
    }
}

/// Runs a test with a tenant `acme` (limit 1000), its personas `support` (limit 500) and `free` (no limit), and a
/// tenant `other` without limits.
func withBudgetFixture(_ body: (BudgetFixture) async throws -> Void) async throws {
    try await withPostgres { endpoint in
        let role = "\(endpoint.database)_budget"
        try await endpoint.sql(
            """
            CREATE ROLE \(role) LOGIN;
            CREATE TABLE tenants (tenant_id text PRIMARY KEY, budget_tokens_per_day bigint);
            CREATE TABLE personas (tenant_id text, persona_id text, budget_tokens_per_day bigint,
                PRIMARY KEY (tenant_id, persona_id));
            CREATE TABLE budget_usage (tenant_id text, persona_id text, window_start date, used_tokens bigint,
                PRIMARY KEY (tenant_id, persona_id, window_start));
            INSERT INTO tenants VALUES ('acme', 1000), ('other', NULL);
            INSERT INTO personas VALUES ('acme', 'support', 500), ('acme', 'free', NULL);
            DO $$ DECLARE name text; BEGIN
                FOREACH name IN ARRAY ARRAY['tenants', 'personas', 'budget_usage'] LOOP
                    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
                    EXECUTE format('CREATE POLICY own ON %I USING (tenant_id = ANY(
                        string_to_array(current_setting(''parley.tenants'', true), '','')))', name);
                    EXECUTE format('GRANT ALL ON %I TO \(role)', name);
                END LOOP;
            END $$;
            """
        )
        let client = try PostgresClient(
            configuration: PostgresConfiguration(url: endpoint.user(role).connectionString)
        )
        do {
            try await body(BudgetFixture(endpoint: endpoint, postgres: client))
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        try await endpoint.sql("DROP OWNED BY \(role); DROP ROLE \(role)")
    }
}

/// Runs a test with a client of a Redis of its own.
func withRedisClient(_ body: (RedisClient, RedisServer) async throws -> Void) async throws {
    try await withRedis { server in
        var configuration = RedisConfiguration(address: .unix(path: server.socketPath))
        configuration.reconnectDelayMax = .milliseconds(100)
        configuration.commandTimeout = .seconds(5)
        configuration.silenceMax = .seconds(5)
        let client = try RedisClient(configuration: configuration)
        client.start()
        try await eventually("Redis") { client.isAvailable }
        do {
            try await body(client, server)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }
}
