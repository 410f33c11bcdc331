import EventBus
import Lifecycle
import Observability
import Postgres
import Redis
import Store

/// Waits for what the service needs, says what it waits for, then opens the gate; from then on it watches how the
/// components are.
///
/// The parts of the platform may be started in any order.
struct StartupCheck: Service {
    let name = "startup"
    private let runtime: ServiceRuntime
    private let stopped = ShutdownSignal()
    private static let watchInterval = Duration.seconds(1)

    init(runtime: ServiceRuntime) {
        self.runtime = runtime
    }

    func run() async throws {
        let migrations = try Migrations.files().count
        while !(await isUsable(migrations: migrations)) {
            if await stopped.wait(atMost: .milliseconds(250)) { return }
        }
        runtime.readiness.open()
        runtime.logger.info("started")
        while !(await stopped.wait(atMost: Self.watchInterval)) {
            await watch()
        }
        runtime.health.beginShutdown()
    }

    func shutdown() async {
        runtime.health.beginShutdown()
        stopped.raise()
    }

    private func isUsable(migrations: Int) async -> Bool {
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
                runtime.logger.info("waiting for the migrations: parleyctl migrate applies them")
                return false
            }
            let durability = try row.string("durability")
            guard durability == "on" || durability == "remote_apply" else {
                health.report("postgres", .down, error: "synchronous_commit is \(durability), it must be on")
                runtime.logger.error("synchronous_commit must be on: a commit would not be durable")
                return false
            }
            health.report("postgres", .ok)
        } catch {
            health.report("postgres", .down, error: describe(error))
            runtime.logger.info("waiting for the database", [.error: .error(error)])
            return false
        }
        guard runtime.topics.areTopicsThere else {
            health.report("broker", .down, error: "the topics are not there yet")
            runtime.logger.info("waiting for the broker")
            return false
        }
        await watch()
        return true
    }

    private func watch() async {
        let health = runtime.health
        do {
            _ = try await runtime.database.query("SELECT 1", [])
            health.report("postgres", .ok)
        } catch {
            health.report("postgres", .down, error: describe(error))
        }
        if runtime.topics.areTopicsThere {
            health.report("broker", .ok)
        } else {
            health.report("broker", .down, error: "the broker does not answer")
        }
        if let redis = runtime.redis {
            if redis.isAvailable {
                health.report("redis", .ok)
            } else {
                health.report("redis", .degraded, error: "redis does not answer: slower, still right")
            }
        }
    }

    private func describe(_ error: any Error) -> String {
        (error as? PostgresError)?.description ?? "unknown error"
    }
}
