import EventBus
import Lifecycle
import Observability
import Postgres
import Redis
import Resilience
import Store
import Synchronization

/// Waits for what the service needs, says what it waits for, then opens the gate; from then on it watches how the
/// components are.
///
/// The parts of the platform may be started in any order.
struct StartupCheck: Service {
    let name = "startup"
    private let runtime: ServiceRuntime
    private let stopped = ShutdownSignal()
    private static let watchInterval = Duration.seconds(1)
    private static let joinInterval = Duration.milliseconds(50)

    init(runtime: ServiceRuntime) {
        self.runtime = runtime
    }

    func run() async throws {
        let migrations = try Migrations.files().count
        var notice = RareNotice()
        while let reason = await missing(migrations: migrations) {
            // Once, then rarely: it may be hours until what is waited for is there.
            if notice.isDue(reason.summary.description, now: .now) {
                runtime.logger.log(reason.level, reason.summary, reason.fields)
            }
            if await stopped.wait(atMost: .milliseconds(250)) { return }
        }
        runtime.readiness.open()
        runtime.logger.info("started")
        while !(await stopped.wait(atMost: pause)) {
            await watch()
        }
        runtime.health.beginShutdown()
    }

    func shutdown() async {
        runtime.health.beginShutdown()
        stopped.raise()
    }

    /// What the service still waits for.
    private struct Missing {
        let summary: StaticString
        var level = LogLevel.info
        var fields: LogMetadata = [:]
    }

    /// Looks whether all is there that the service needs.
    /// - Returns: Nil when it is; else the first thing that is not.
    private func missing(migrations: Int) async -> Missing? {
        let health = runtime.health
        do {
            let state = try await runtime.database.query(
                """
                SELECT count(*) AS applied, current_setting('synchronous_commit') AS durability
                FROM schema_migrations
                """,
                []
            )
            guard let row = state.rows.first, try row.int("applied") >= migrations else {
                health.report("postgres", .down, error: "the migrations are not applied")
                return Missing(summary: "waiting for the migrations: parleyctl migrate applies them")
            }
            let durability = try row.string("durability")
            guard durability == "on" || durability == "remote_apply" else {
                health.report("postgres", .down, error: "synchronous_commit is \(durability), it must be on")
                return Missing(
                    summary: "waiting for synchronous_commit to be on: a commit would not be durable",
                    level: .error
                )
            }
            health.report("postgres", .ok)
        } catch {
            health.report("postgres", .down, error: describe(error))
            try? await runtime.database.ping()
            return Missing(summary: "waiting for the database", fields: [.error: .string(describe(error))])
        }
        await watch()
        guard runtime.topics.areTopicsThere else {
            health.report("broker", .down, error: "the topics are not there yet")
            return Missing(summary: "waiting for the broker")
        }
        return nil
    }

    /// Short while consumers wait for their partitions: somebody may wait for `/readyz`.
    private var pause: Duration { runtime.haveConsumersJoined == false ? Self.joinInterval : Self.watchInterval }

    private func watch() async {
        let health = runtime.health
        if let haveJoined = runtime.haveConsumersJoined {
            health.report("consumers", haveJoined ? .ok : .down, error: haveJoined ? nil : "no partitions yet")
        }
        do {
            try await runtime.database.ping()
            health.report("postgres", .ok)
        } catch let error as PostgresError where error.outcome == .unknown && !isFailing("postgres") {
            health.report("postgres", .degraded, error: error.description)
        } catch {
            health.report("postgres", .down, error: describe(error))
        }
        if !runtime.topics.areTopicsThere {
            health.report("broker", .down, error: runtime.breakers.breaker("broker").status.lastError ?? "no answer")
        } else {
            health.report("broker", isFailing("broker") ? .degraded : .ok)
        }
        if let redis = runtime.redis {
            if redis.isAvailable {
                health.report("redis", .ok)
            } else {
                let error = runtime.breakers.breaker("redis").status.lastError
                health.report("redis", .down, error: error ?? "redis does not answer: slower, still right")
            }
        }
        for component in runtime.watchedComponents.withLock(\.self) {
            await component.probe()
            let (status, error) = component.health
            health.report(component.name, status, error: error)
        }
    }

    private func isFailing(_ breaker: String) -> Bool {
        runtime.breakers.breaker(breaker).status.state != .closed
    }

    private func describe(_ error: any Error) -> String {
        guard let error = error as? PostgresError else { return "unknown error" }
        // What opened the breaker says more than that it is open.
        let cause = error.code == .unavailable ? runtime.breakers.breaker("postgres").status.lastError : nil
        return cause ?? error.description
    }
}
