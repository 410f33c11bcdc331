package import Observability
package import Postgres
package import Redis
import Synchronization

/// Decides whether a tenant and a persona may use tokens in the present UTC day.
///
/// Postgres is the truth (`budget_usage`, limits in `tenants` and `personas`). Redis, when it is there, counts what is
/// used and what running calls have set aside, for all processes together; when it is away each process counts its own
/// running calls on top of what Postgres says. A counter that Redis lost is made again from Postgres, and every counter
/// is raised to Postgres' number at least every `syncInterval` and after each outage of Redis.
///
/// ```swift
/// let reservation = try await budget.reserve(tenant: "acme", persona: "support", estimate: 1200)
/// guard reservation.decision.allowed else { throw … }
/// // the model is called; the worker's transaction charges `budget_usage`
/// await budget.settle(reservation, actual: 980)        // or release(reservation) when the call failed
/// ```
package final class BudgetManager: Sendable {
    /// The limits of the manager itself.
    package struct Configuration: Sendable {
        /// How long limits that were read from Postgres are believed: a changed limit counts after this time.
        package var limitsTimeToLive: Duration = .seconds(5)
        /// Tenants and personas whose limits are remembered.
        package var limitsCountMax = 10_000
        /// How long a counter in Redis is believed before it is compared with Postgres.
        package var syncInterval: Duration = .seconds(30)
        /// When a reservation that nobody settled is void: longer than any call of a model.
        package var reservationTimeout: Duration = .seconds(900)

        /// Makes a configuration with the documented defaults.
        package init() {}
    }

    private struct State {
        var limits: LimitsCache
        /// What this process has set aside while Redis was away.
        var reserved: [BudgetScopes: Int64] = [:]
        /// When Redis was last seen to fail, in milliseconds since 1970: older counters are compared with Postgres.
        var redisFailedAt: Int64 = 0

        /// What is set aside of each scope: of the tenant by all its personas.
        func reserved(_ scopes: BudgetScopes) -> [Int64] {
            let ofTenant = reserved.reduce(0) { sum, entry in
                entry.key.tenant == scopes.tenant && entry.key.window == scopes.window ? sum + entry.value : sum
            }
            return scopes.persona == nil ? [ofTenant] : [ofTenant, reserved[scopes] ?? 0]
        }
    }

    private let store: BudgetStore
    private let redis: RedisClient?
    private let configuration: Configuration
    private let now: @Sendable () -> WallClock
    private let logger: Logger
    private let state: Mutex<State>

    /// Makes a manager.
    /// - Parameters:
    ///   - postgres: Where limits and use are.
    ///   - redis: The shared counters; nil: Postgres alone.
    ///   - configuration: The limits of the manager.
    ///   - now: The wall clock; tests give their own.
    ///   - logger: Where it is said that Redis is not used.
    package init(
        postgres: PostgresClient,
        redis: RedisClient?,
        configuration: Configuration = Configuration(),
        now: @escaping @Sendable () -> WallClock = { WallClock.now() },
        logger: Logger = .disabled
    ) {
        store = BudgetStore(client: postgres)
        self.redis = redis
        self.configuration = configuration
        self.now = now
        self.logger = logger
        state = Mutex(
            State(
                limits: LimitsCache(
                    timeToLive: configuration.limitsTimeToLive,
                    countMax: configuration.limitsCountMax
                )
            )
        )
    }

    /// Uses tokens now: charged durably for tenant and persona together, or not at all.
    /// - Parameters:
    ///   - tenant: The tenant's id.
    ///   - persona: The persona's id; nil: the tenant only.
    ///   - tokens: How many; not negative.
    /// - Returns: Whether they were charged, and the total of the window.
    /// - Throws: `PostgresError` where the truth cannot be had; then nothing was charged, unless the connection was
    ///   lost during the commit. `BudgetError` for arguments that make no sense.
    package func consume(tenant: String, persona: String?, tokens: Int) async throws -> BudgetDecision {
        let scopes = try scopes(tenant: tenant, persona: persona)
        let amount = try Self.amount(tokens)
        let shared = try await reserveShared(amount, scopes)
        if let shared, !shared.decision.allowed { return shared.decision }
        do {
            let local = shared == nil ? locallyReserved(scopes) : scopes.personaIDs.map { _ in 0 }
            let (decision, usage) = try await store.charge(amount, scopes, reserved: local)
            // What Redis has set aside becomes what Postgres says, in one step; refused, Redis knew less than Postgres.
            await end(shared, scopes, used: 0, floors: usage.map(\.used))
            return decision
        } catch {
            await end(shared, scopes, used: 0, floors: [])
            throw error
        }
    }

    /// Sets tokens aside for a call whose exact use is not known yet.
    /// - Parameters:
    ///   - tenant: The tenant's id.
    ///   - persona: The persona's id; nil: the tenant only.
    ///   - estimate: How many at most, as well as is known; not negative.
    /// - Returns: The reservation; its `decision` says whether the tokens were set aside.
    /// - Throws: `PostgresError` where neither limits nor use can be had, `BudgetError` for arguments that make no
    ///   sense.
    package func reserve(tenant: String, persona: String?, estimate: Int) async throws -> BudgetReservation {
        let scopes = try scopes(tenant: tenant, persona: persona)
        let amount = try Self.amount(estimate)
        if let shared = try await reserveShared(amount, scopes) { return shared }
        return try await reserveLocally(amount, scopes)
    }

    /// Ends a reservation with what was really used; the durable charge is the caller's transaction.
    package func settle(_ reservation: BudgetReservation, actual: Int) async {
        await end(reservation, reservation.scopes, used: Int64(max(0, actual)), floors: [])
    }

    /// Ends a reservation of which nothing was used.
    package func release(_ reservation: BudgetReservation) async {
        await end(reservation, reservation.scopes, used: 0, floors: [])
    }

    // MARK: Redis

    /// - Returns: Nil when Redis cannot be used.
    private func reserveShared(_ amount: Int64, _ scopes: BudgetScopes) async throws -> BudgetReservation? {
        guard let redis else { return nil }
        let limits = try await limits(scopes)
        guard limits.contains(where: { $0 != nil }) else {
            // Without a limit nothing is counted beforehand; the total is what this call adds.
            let decision = BudgetDecision(allowed: true, totalTokens: amount, limitTokens: nil)
            return BudgetReservation(decision: decision, scopes: scopes, record: .none)
        }
        do {
            return try await reserve(amount, scopes, limits, redis)
        } catch let error as RedisError {
            noteFailure(error)
            return nil
        }
    }

    private func reserve(
        _ amount: Int64,
        _ scopes: BudgetScopes,
        _ limits: [Int64?],
        _ redis: RedisClient
    ) async throws -> BudgetReservation {
        let id = "\(UInt64.random(in: .min ... .max))"
        if let reservation = try await tryReserve(amount, scopes, limits, redis, id: id) { return reservation }
        try await seed(scopes, try await store.usage(scopes), redis)
        // Missing again: it was flushed in this very moment; Postgres decides this one.
        if let reservation = try await tryReserve(amount, scopes, limits, redis, id: id) { return reservation }
        throw RedisError(.unavailable, "the counters vanish from Redis as soon as they are made")
    }

    /// - Returns: Nil when a counter is missing or must be compared with Postgres first.
    private func tryReserve(
        _ amount: Int64,
        _ scopes: BudgetScopes,
        _ limits: [Int64?],
        _ redis: RedisClient,
        id: String
    ) async throws -> BudgetReservation? {
        let moment = milliseconds(now())
        let failedAt = state.withLock { $0.redisFailedAt }
        let trusted = max(moment - Self.milliseconds(configuration.syncInterval), failedAt)
        let voidAt = moment + Self.milliseconds(configuration.reservationTimeout)
        var arguments: [RedisArgument] = [
            RedisArgument(moment), RedisArgument(amount), RedisArgument(id), RedisArgument(voidAt),
            RedisArgument(trusted),
        ]
        arguments += limits.map { RedisArgument($0 ?? -1) }
        let answer = try await redis.eval(BudgetScripts.reserve, keys: Self.keys(scopes), arguments: arguments)
        guard let parts = answer.array, let status = parts.first?.int else { throw Self.unexpected }
        if status < 0 { return nil }
        guard parts.count == 3, let totals = parts[1].array?.map(\.int),
            let generations = parts[2].array?.map(\.string),
            totals.count == limits.count, generations.count == limits.count
        else { throw Self.unexpected }
        let usage = zip(totals, limits).map { ScopeUsage(used: $0 ?? 0, limit: $1) }
        let decision = BudgetDecision.decide(amount, scopes: usage)
        guard decision.allowed == (status == 1) else { throw Self.unexpected }
        guard decision.allowed, amount > 0 else {
            return BudgetReservation(decision: decision, scopes: scopes, record: .none)
        }
        return BudgetReservation(
            decision: decision,
            scopes: scopes,
            record: .redis(id: id, amount: amount, generations: generations.map { $0 ?? "" })
        )
    }

    private func seed(_ scopes: BudgetScopes, _ usage: [ScopeUsage], _ redis: RedisClient) async throws {
        let moment = now()
        // An hour more than the day, for calls that end after midnight.
        let timeToLive = BudgetWindow.millisecondsLeft(seconds: moment.seconds) + 3_600_000
        let generation = "\(UInt64.random(in: .min ... .max))"
        var arguments: [RedisArgument] = [
            RedisArgument(milliseconds(moment)), RedisArgument(timeToLive), RedisArgument(generation),
        ]
        arguments += usage.map { RedisArgument($0.used) }
        _ = try await redis.eval(BudgetScripts.seed, keys: Self.keys(scopes), arguments: arguments)
    }

    /// Ends a reservation, adds what was used, and raises the counters to at least `floors`.
    private func end(_ reservation: BudgetReservation?, _ scopes: BudgetScopes, used: Int64, floors: [Int64]) async {
        if case .local(let amount)? = reservation?.record {
            state.withLock { state in
                let rest = (state.reserved[scopes] ?? 0) - amount
                state.reserved[scopes] = rest > 0 ? rest : nil
            }
        }
        guard let redis, let reservation, case .redis(let id, let amount, let generations) = reservation.record else {
            return
        }
        var arguments: [RedisArgument] = [RedisArgument(id), RedisArgument(amount), RedisArgument(used)]
        arguments += generations.map { RedisArgument($0) }
        arguments += floors.map { RedisArgument($0) }
        do {
            _ = try await redis.eval(BudgetScripts.settle, keys: Self.keys(scopes), arguments: arguments)
        } catch {
            noteFailure(error)
        }
    }

    private func noteFailure(_ error: any Error) {
        let moment = milliseconds(now())
        let isNews = state.withLock { state in
            defer { state.redisFailedAt = max(state.redisFailedAt, moment) }
            return state.redisFailedAt + Self.milliseconds(configuration.syncInterval) < moment
        }
        if isNews { logger.warning("budgets are counted without redis", [.error: .error(error)]) }
    }

    // MARK: Postgres

    private func reserveLocally(_ amount: Int64, _ scopes: BudgetScopes) async throws -> BudgetReservation {
        let usage = try await store.usage(scopes)
        return state.withLock { state in
            let counted = zip(usage, state.reserved(scopes)).map { usage, reserved in
                ScopeUsage(used: usage.used + reserved, limit: usage.limit)
            }
            let decision = BudgetDecision.decide(amount, scopes: counted)
            guard decision.allowed, amount > 0 else {
                return BudgetReservation(decision: decision, scopes: scopes, record: .none)
            }
            state.reserved[scopes, default: 0] += amount
            return BudgetReservation(decision: decision, scopes: scopes, record: .local(amount: amount))
        }
    }

    private func locallyReserved(_ scopes: BudgetScopes) -> [Int64] {
        state.withLock { $0.reserved(scopes) }
    }

    private func limits(_ scopes: BudgetScopes) async throws -> [Int64?] {
        let key = LimitsCache.Key(tenant: scopes.tenant, persona: scopes.persona)
        if let limits = state.withLock({ $0.limits.limits(key, now: .now) }) { return limits }
        let limits = try await store.usage(scopes).map(\.limit)
        state.withLock { $0.limits.remember(limits, for: key, now: .now) }
        return limits
    }

    // MARK: Helpers

    private func scopes(tenant: String, persona: String?) throws(BudgetError) -> BudgetScopes {
        // A comma would name two tenants to row-level security; braces would tear a cluster's keys apart.
        guard !tenant.isEmpty, !tenant.utf8.contains(where: { ",{}".utf8.contains($0) }) else {
            throw BudgetError(code: .invalidArgument, message: "the tenant's id is empty or has a comma or a brace")
        }
        let window = BudgetWindow.name(iso8601: now().iso8601)
        return BudgetScopes(tenant: tenant, persona: persona?.isEmpty == true ? nil : persona, window: window)
    }

    private static func amount(_ tokens: Int) throws(BudgetError) -> Int64 {
        guard tokens >= 0 else {
            throw BudgetError(code: .invalidArgument, message: "a negative number of tokens cannot be used")
        }
        return Int64(tokens)
    }

    /// A slash cannot be in an id: the set of reservations of one scope is never the counter of another.
    private static func keys(_ scopes: BudgetScopes) -> [RedisArgument] {
        scopes.keys.flatMap { [RedisArgument($0), RedisArgument($0 + "/r")] }
    }

    private func milliseconds(_ moment: WallClock) -> Int64 {
        moment.seconds * 1000 + moment.microseconds / 1000
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }

    private static let unexpected = RedisError(.unexpectedAnswer, "a budget script answered what it never should")
}
