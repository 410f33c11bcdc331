import HTTPClient
import HTTPServer
import JSON
import Synchronization
import TestKit
import Testing

/// What the platform does while a part that it stands on is gone, and that it goes on by itself when it is back.
@Suite(.timeLimit(.minutes(4)), .serviceLogs)
struct OutageTests {
    private static let patience = Duration.seconds(60)

    private func component(_ client: PlatformClient, _ name: String) async throws -> JSONValue? {
        try await client.get("/health").json["components"]?[name]
    }

    private func becomes(_ status: String, _ name: String, _ client: PlatformClient) async throws {
        try await eventually("\(name) to be \(status)", timeout: Self.patience, interval: .milliseconds(100)) {
            try await self.component(client, name)?["status"]?.stringValue == status
        }
    }

    @Test("Redis gone: slower, still right; the budget is kept in Postgres")
    func redis() async throws {
        try await withOwnPlatform { platform in
            let session = unique("redis")
            let first = try await platform.client.post("one", session: session)
            #expect(try await platform.client.answer(to: first) == "You said: one")
            try await platform.redis.kill9()
            let worker = platform.client.onPort(platform.worker.port)
            try await becomes("down", "redis", worker)
            let health = try await worker.get("/health")
            #expect(health.status == 200 && health.json["status"] == "degraded")
            #expect(health.json["components"]?["redis"]?["last_error"]?.stringValue?.isEmpty == false)
            #expect(try await worker.get("/readyz").status == 200)
            let used = "SELECT coalesce(sum(used_tokens), 0) FROM budget_usage"
            let before = try #require(Int(try await platform.sql(used)))
            let second = try await platform.client.post("two", session: session)
            #expect(try await platform.client.answer(to: second) == "You said: two")
            try await eventually("the charge", timeout: Self.patience, interval: .milliseconds(100)) {
                Int(try await platform.sql(used)) ?? 0 > before
            }
            try await platform.redis.server.start()
            try await becomes("ok", "redis", worker)
            let third = try await platform.client.post("three", session: session)
            #expect(try await platform.client.answer(to: third) == "You said: three")
        }
    }

    @Test("Postgres gone: 503 with Retry-After, turns wait, and all goes on by itself when it is back")
    func postgres() async throws {
        var options = PlatformOptions()
        options.ownsPostgres = true
        try await withOwnPlatform(options) { platform in
            let gate = Gate()
            defer { gate.open() }
            let marker = platform.model.answer { _, _ in
                await gate.wait()
                return .text("paid for, and kept")
            }
            let running = try await platform.client.post("Wait \(marker)", session: unique("pg"))
            try await eventually("the model call", timeout: Self.patience) {
                platform.model.requests(marker).count == 1
            }
            let processes = platform.services.map { $0.process?.pid }
            try await platform.postgres.stopImmediately()
            gate.open()
            try await eventually("a refusal", timeout: Self.patience, interval: .milliseconds(50)) {
                let answer = try await platform.client.post("/v1/session/message", json: ["message": "no"])
                return answer.status == 503 && answer.headers["retry-after"] != nil && answer.code == "unavailable"
            }
            try await becomes("down", "postgres", platform.client)
            #expect(try await platform.client.get("/readyz").status == 503)
            let error = try await component(platform.client, "postgres")?["last_error"]?.stringValue
            #expect(error?.contains("postgres error") == true)
            #expect(try await platform.client.get("/livez").status == 200)

            try await platform.postgres.startAgain()
            for service in platform.services {
                try await becomes("ok", "postgres", platform.client.onPort(service.port))
            }
            #expect(try await platform.client.get("/readyz").status == 200)
            #expect(try await platform.client.answer(to: running, timeout: Self.patience) == "paid for, and kept")
            // The pool is whole: many at once are accepted and answered, by the same processes.
            let sent = try await withThrowingTaskGroup(of: SentMessage.self) { group in
                for _ in 0..<20 { group.addTask { try await platform.client.post("again") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            for message in sent {
                #expect(try await platform.client.answer(to: message, timeout: Self.patience) == "You said: again")
            }
            #expect(platform.services.map { $0.process?.pid } == processes)
            let allRun = platform.services.allSatisfy(\.isRunning)
            #expect(allRun)
        }
    }

    @Test("The pool at its limit: callers wait, then get 503 with Retry-After")
    func poolAtItsLimit() async throws {
        var options = PlatformOptions()
        options.gateway["PARLEY_DATABASE_POOL_SIZE"] = "1"
        options.gateway["PARLEY_DATABASE_ACQUIRE_TIMEOUT"] = "1s"
        try await withOwnPlatform(options) { platform in
            let client = platform.client
            let path = "/v1/sessions/none/events"
            let usual = try await client.get(path).status
            let accepted = try await withThrowingTaskGroup(of: PlatformResponse.self) { group in
                try await platform.locking("sessions") {
                    group.addTask { try await client.post("/v1/session/message", json: ["message": "held"]) }
                    try await refusesToRead(platform, path)
                }
                return try await group.next()
            }
            // The message that had the connection is accepted, and everything answers again.
            #expect(accepted?.status == 200)
            try await eventually("an answer", timeout: Self.patience, interval: .milliseconds(50)) {
                try await client.get(path).status == usual
            }
            let event = accepted?.json["event_id"]?.stringValue ?? ""
            #expect(try await client.finishedTurn(event, timeout: Self.patience)["status"] == "completed")
        }
    }

    /// While a message has the only connection.
    private func refusesToRead(_ platform: Platform, _ path: String) async throws {
        try await eventually("the connection to be taken", timeout: Self.patience) {
            try await platform.waitingForLocks("%INSERT INTO sessions%") > 0
        }
        let started = ContinuousClock.now
        let refused = try await platform.client.get(path)
        let waited = started.duration(to: .now)
        #expect(refused.status == 503 && refused.code == "unavailable")
        #expect(refused.headers["retry-after"] == "1")
        #expect(waited >= .milliseconds(900), "it did not wait for the connection")
        #expect(waited < .seconds(30), "it waited far longer than it may: \(waited)")
        #expect(try await platform.client.get("/livez").status == 200)
    }

    @Test("The broker gone: messages are accepted, and answered when it is back")
    func broker() async throws {
        try await withOwnPlatform { platform in
            try await platform.broker.kill9()
            try await becomes("down", "broker", platform.client)
            var sent: [SentMessage] = []
            for _ in 0..<10 { sent.append(try await platform.client.post("kept")) }
            #expect(try await platform.client.get("/readyz").status == 200)
            #expect(try await platform.client.get("/health").json["status"] == "degraded")
            try await platform.broker.server.start()
            for message in sent {
                #expect(try await platform.client.answer(to: message, timeout: Self.patience) == "You said: kept")
            }
            try await becomes("ok", "broker", platform.client)
        }
    }

    @Test("The policy engine gone: what comes meanwhile waits for it, then is denied")
    func policyEngine() async throws {
        let engine = try await SwitchableEngine.start()
        var options = PlatformOptions()
        options.environment["PARLEY_OPA_URL"] = "http://127.0.0.1:\(engine.port)"
        options.environment["PARLEY_POLICY_CACHE"] = "0ms"
        options.environment["PARLEY_POLICY_PATIENCE"] = "8s"
        try await withOwnPlatform(options) { platform in
            let before = try await platform.client.post("before")
            #expect(try await platform.client.answer(to: before) == "You said: before")
            engine.isUp.store(false, ordering: .relaxed)
            let short = try await platform.client.post("short")
            try await eventually("a question", timeout: Self.patience) { engine.refused.load(ordering: .relaxed) > 1 }
            engine.isUp.store(true, ordering: .relaxed)
            #expect(try await platform.client.answer(to: short) == "You said: short")

            engine.isUp.store(false, ordering: .relaxed)
            let long = try await platform.client.post("long")
            let turn = try await platform.client.finishedTurn(long.eventID, timeout: Self.patience)
            #expect(turn["status"] == "failed")
            #expect(turn["error"]?["code"] == "policy_unavailable")
            let worker = platform.client.onPort(platform.worker.port)
            try await becomes("down", "policy", worker)
            engine.isUp.store(true, ordering: .relaxed)
            try await becomes("ok", "policy", worker)
            let after = try await platform.client.post("after")
            #expect(try await platform.client.answer(to: after) == "You said: after")
        }
        await engine.stop()
    }

    @Test("Services that start before what they need wait for it, say so once and in /health, and then work")
    func anyOrder() async throws {
        var options = PlatformOptions()
        options.ownsPostgres = true
        options.startsGateway = false
        options.startsWorker = false
        options.startsExecutor = false
        try await withOwnPlatform(options) { platform in
            let services = platform.services
            try await platform.postgres.stopImmediately()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await platform.broker.kill9() }
                try await group.waitForAll()
                for service in services { group.addTask { try await service.start() } }
                try await logs("waiting for the database", services)
                let processes = services.map { $0.process?.pid }
                let before = try await healthWhileWaiting(platform)
                try await platform.postgres.startAgain()
                try await logs("waiting for the broker", services)
                try await platform.broker.server.start()
                try await group.waitForAll()
                #expect(services.map { $0.process?.pid } == processes, "somebody gave up and was started again")
                for line in ["waiting for the database", "waiting for the broker"] {
                    #expect(services.map { $0.log.ranges(of: line).count } == [1, 1, 1], "\(line)")
                }
                try await expectAllIsWell(platform, since: before)
            }
            let sent = try await platform.client.post("Calculate 6 * 7")
            #expect(try await platform.client.answer(to: sent, timeout: Self.patience).contains("42"))
        }
    }

    private func logs(_ line: String, _ services: [PlatformService]) async throws {
        for service in services {
            try await eventually("\(service.program) to say: \(line)", timeout: Self.patience) {
                service.log.contains(line)
            }
        }
    }

    /// What each service says of the database that it waits for.
    /// - Returns: Since when each says so.
    private func healthWhileWaiting(_ platform: Platform) async throws -> [String] {
        try await logs("listening", platform.services)
        var times: [String] = []
        for service in platform.services {
            let client = platform.client.onPort(service.port)
            let health = try await client.get("/health")
            let postgres = health.json["components"]?["postgres"]
            #expect(health.status == 503 && health.json["status"] == "down")
            #expect(postgres?["status"] == "down" && postgres?["required"] == true)
            #expect(postgres?["last_error"]?.stringValue?.isEmpty == false)
            let ready = try await client.get("/readyz")
            #expect(ready.status == 503 && String(decoding: ready.body, as: UTF8.self).contains("postgres: "))
            times.append(postgres?["since"]?.stringValue ?? "")
        }
        return times
    }

    private func expectAllIsWell(_ platform: Platform, since before: [String]) async throws {
        let parts: [Set<String>] = [
            ["postgres", "redis", "broker"], ["postgres", "redis", "broker", "consumers", "policy", "model"],
            ["postgres", "redis", "broker", "consumers", "policy"],
        ]
        for (index, service) in platform.services.enumerated() {
            let client = platform.client.onPort(service.port)
            for part in parts[index] { try await becomes("ok", part, client) }
            let health = try await client.get("/health")
            #expect(health.status == 200 && health.json["status"] == "ok")
            let postgres = health.json["components"]?["postgres"]
            // The error stays, and says what was wrong.
            #expect(postgres?["last_error"]?.stringValue?.isEmpty == false)
            #expect(postgres?["since"]?.stringValue ?? "" > before[index])
        }
    }
}

/// A policy server that allows everything, while it is up.
private final class SwitchableEngine: Sendable {
    let isUp = Atomic(true)
    let refused = Atomic(0)
    private let listener = Mutex<HTTPListener?>(nil)

    var port: UInt16 { listener.withLock { $0?.port ?? 0 } }

    static func start() async throws -> SwitchableEngine {
        let engine = SwitchableEngine()
        let listener = HTTPListener(configuration: HTTPServerConfiguration()) { [engine] request in
            guard engine.isUp.load(ordering: .relaxed) else {
                if request.path != "/health" { engine.refused.add(1, ordering: .relaxed) }
                return HTTPResponse(status: 500)
            }
            let answer: JSONValue = ["result": ["allow": true, "reason": "allowed", "obligations": [:]]]
            return HTTPResponse(
                status: 200,
                headers: [("content-type", "application/json")],
                body: .bytes(answer.serialized())
            )
        }
        try await listener.start()
        engine.listener.withLock { $0 = listener }
        return engine
    }

    func stop() async {
        let listener = listener.withLock { $0 }
        await listener?.shutdown(gracePeriod: .zero)
    }
}
