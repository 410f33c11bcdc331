import Glibc
import Memory
import Synchronization
import TestKit
import Testing

@testable import MemoryStore

/// What happens when threads or the database keep a prediction waiting.
@Suite(.timeLimit(.minutes(2)))
struct MemoryLatenessTests {
    /// Holds a thread until it is opened.
    private final class Gate: Sendable {
        let isOpen = Atomic(false)
        let hasBegun = Atomic(false)
    }

    /// A session with a pattern in its node and a state that fits it.
    private func prepared(_ gateway: MemoryGateway) async throws -> (key: MemorySessionKey, nodeSeq: Int64) {
        let key = try await gateway.begin(1, node: "node")[0]
        for word in ["a", "b"] { _ = try await gateway.observe([word], key) }
        _ = try await gateway.learn(key)
        return (key, try await gateway.observe(["a"], key).nodeSeq)
    }

    private var limits: MemoryStoreConfiguration {
        var limits = MemoryStoreConfiguration()
        limits.threads = 1
        limits.predictionTime = .milliseconds(300)
        limits.observePredictionTime = .milliseconds(50)
        return limits
    }

    /// Asks for everything that takes a thread or an up-to-date index, and expects each to be told that it is late.
    private func expectLate(
        _ gateway: MemoryGateway,
        _ predictions: MemoryPredictions,
        _ key: MemorySessionKey
    )
        async throws
    {
        let node = MemoryNodeKey(tenantID: "default", nodeID: "node")
        let state = try #require(try await gateway.sessions.snapshot(of: key)).state
        let asked = await #expect(throws: MemoryError.self) {
            try await predictions.current(of: state) { $0.predictions.count }
        }
        #expect(asked?.code == .predictionTooSlow && asked?.isRetriable == true)
        let turn = await #expect(throws: MemoryError.self) {
            try await gateway.nodes.predict(from: state, atMost: 3, within: .milliseconds(50))
        }
        #expect(turn?.code == .predictionTooSlow)
        let near = await #expect(throws: MemoryError.self) { try await gateway.nodes.recall([[1]], in: node) }
        #expect(near?.code == .busy)
        let count = await #expect(throws: MemoryError.self) {
            try await gateway.nodes.compute(node, prepare: { $0.patternCount }, { $0 })
        }
        #expect(count?.code == .busy)
    }

    @Test("Who waits for a thread for too long is told so, and an observation goes on without predictions")
    func threads() async throws {
        let limits = limits
        try await withMemory(gateways: 1, limits) { gateways in
            let gateway = gateways[0]
            let (key, nodeSeq) = try await prepared(gateway)
            let predictions = MemoryPredictions(
                sessions: gateway.sessions,
                nodes: gateway.nodes,
                configuration: limits
            )
            let gate = Gate()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try await gateway.nodes.threads.run(until: .now.advanced(by: .seconds(60))) {
                        gate.hasBegun.store(true, ordering: .relaxed)
                        while !gate.isOpen.load(ordering: .relaxed) { usleep(1000) }
                    }
                }
                defer { gate.isOpen.store(true, ordering: .relaxed) }
                // Without deadlines everything would wait for ever, and no test would fail.
                let watchdog = Task {
                    try await Task.sleep(for: .seconds(30))
                    gate.isOpen.store(true, ordering: .relaxed)
                }
                defer { watchdog.cancel() }
                try await eventually("the only thread is held") { gate.hasBegun.load(ordering: .relaxed) }
                await predictions.observed(key, nodeSeq: nodeSeq)
                try await expectLate(gateway, predictions, key)
                #expect(gateway.nodes.threads.waitingCount == 0)
                gate.isOpen.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
            try await goesOn(gateway, key)
        }
    }

    @Test("Who waits for the index for too long is told so, and an observation goes on without predictions")
    func loading() async throws {
        let limits = limits
        try await withMemory(gateways: 1, limits) { gateways in
            let gateway = gateways[0]
            let (key, nodeSeq) = try await prepared(gateway)
            let predictions = MemoryPredictions(
                sessions: gateway.sessions,
                nodes: gateway.nodes,
                configuration: limits
            )
            async let holder = try? gateway.endpoint.sql(
                "BEGIN; LOCK TABLE memory_patterns IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(100)"
            )
            try await eventually("the lock") {
                try await gateway.endpoint.sql("SELECT count(*) \(Self.holders)") == "1"
            }
            await predictions.observed(key, nodeSeq: nodeSeq)
            try await expectLate(gateway, predictions, key)
            #expect(try await gateway.endpoint.sql("SELECT count(*) \(Self.holders)") == "1", "somebody waited for it")
            _ = try await gateway.endpoint.sql("SELECT pg_terminate_backend(pid) \(Self.holders)")
            _ = await holder
            try await goesOn(gateway, key)
        }
    }

    /// Who holds the patterns of this test's database.
    private static let holders = """
        FROM pg_locks JOIN pg_database d ON d.oid = database
        WHERE datname = current_database() AND relation = 'memory_patterns'::regclass
            AND mode = 'AccessExclusiveLock' AND granted
        """

    /// The same session predicts again, in as much time as it takes.
    private func goesOn(_ gateway: MemoryGateway, _ key: MemorySessionKey) async throws {
        let predictions = MemoryPredictions(sessions: gateway.sessions, nodes: gateway.nodes)
        let state = try #require(try await gateway.sessions.snapshot(of: key)).state
        #expect(state.memory.events == [["a"]])
        #expect(try await predictions.current(of: state) { $0.predictions.map(\.future) } == [[["b"]]])
        let turn = try await gateway.nodes.predict(from: state, atMost: 3, within: .seconds(60))
        #expect(turn.predictions.map(\.future) == [[["b"]]])
    }
}
