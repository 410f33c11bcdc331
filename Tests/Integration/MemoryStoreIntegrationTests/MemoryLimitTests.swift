import Domain
import JSON
import Memory
import Postgres
import Store
import Synchronization
import TestKit
import Testing

@testable import MemoryStore

/// Where numbers end and locks meet, against a real server.
@Suite(.timeLimit(.minutes(2)))
struct MemoryLimitTests {
    private static let name = PatternName(of: [["a", "b"]])
    private static let node = MemoryNodeKey(tenantID: "default", nodeID: "node")

    private final class Flag: Sendable {
        let isSet = Atomic(false)
    }

    private func learn(_ gateway: MemoryGateway, _ key: MemorySessionKey, joy: Double) async throws {
        let observation = try Observation(strings: ["a", "b"], emotives: ["joy": joy])
        let incoming = IncomingObservation(observation, uniqueID: "o")
        _ = try await gateway.perform(.observe([incoming], SequenceOptions()), key)
        _ = try await gateway.learn(key)
    }

    @Test("A frequency stays at its limit, and one beyond it from before is read as the limit")
    func frequency() async throws {
        try await withMemory(gateways: 2) { gateways in
            let key = try await gateways[0].begin(1, node: Self.node.nodeID)[0]
            try await learn(gateways[0], key, joy: 1)
            let limit = Pattern.frequencyLimit
            for (stored, learned) in [(limit - 1, limit), (limit, limit), (limit + 5, limit)] {
                _ = try await gateways[0].endpoint.sql("UPDATE memory_patterns SET frequency = \(stored)")
                #expect(try await gateways[1].nodes.pattern(Self.name, in: Self.node)?.frequency == min(stored, limit))
                try await learn(gateways[0], key, joy: 1)
                #expect(try await gateways[0].endpoint.sql("SELECT frequency FROM memory_patterns") == "\(learned)")
            }
            let count = try await gateways[1].nodes.compute(
                Self.node,
                prepare: { $0.frequency(of: Self.name) },
                { $0 }
            )
            #expect(count == limit)
        }
    }

    @Test("Emotives that were stored before there was a limit neither stop learning nor the end of a session")
    func emotives() async throws {
        try await withMemory(gateways: 2) { gateways in
            func sql(_ text: String) async throws -> String { try await gateways[0].endpoint.sql(text) }
            let key = try await gateways[0].begin(1, node: Self.node.nodeID)[0]
            try await learn(gateways[0], key, joy: 1)
            _ = try await sql(
                #"UPDATE memory_patterns SET affinity = '{"joy": 1.7e308}', emotives = '[{"joy": 1.7e308}]'"#
            )
            // Two observations of an earlier build, which the other process reads first.
            let incoming = try ["a", "b"].map {
                let observation = try Observation(strings: [$0], emotives: ["joy": 1], metadata: ["k": "v"])
                return IncomingObservation(observation, uniqueID: "o")
            }
            _ = try await gateways[0].perform(.observeTurn(seq: 1, incoming[0]), key)
            _ = try await gateways[0].perform(.observeTurn(seq: 2, incoming[1]), key)
            _ = try await sql(#"UPDATE memory_observations SET emotives = '{"joy": 1.7e308}'"#)
            _ = try await sql(#"UPDATE memory_observations SET metadata = '{"k": "a\u0000b"}'"#)
            #expect(try await gateways[1].sessions.delete(key))
            let other = PatternName(of: [["a"], ["b"]])
            let ended = try #require(try await gateways[1].nodes.pattern(other, in: Self.node))
            #expect(ended.emotives == [["joy": 1e100], ["joy": 1e100]])
            #expect(ended.metadata == ["k": ["a\u{FFFD}b"]])
            // And what was learned already is learned on.
            let next = try await gateways[1].begin(1, node: Self.node.nodeID)[0]
            try await learn(gateways[1], next, joy: 1e100)
            try await learn(gateways[1], next, joy: 1e100)
            let pattern = try #require(try await gateways[1].nodes.pattern(Self.name, in: Self.node))
            #expect(pattern.frequency == 3)
            #expect(Emotives.mean(pattern.emotives)["joy"]?.isFinite == true)
            let affinity = "SELECT (affinity->>'joy')::float8 = 1e120 FROM memory_patterns WHERE frequency = 3"
            #expect(try await sql(affinity) == "t")
            let symbol = try await gateways[0].nodes.compute(Self.node, prepare: { $0.statistics(of: "a") }, { $0 })
            #expect(symbol?.affinity["joy"]?.isFinite == true)
        }
    }

    @Test("Adding to what was stored before there was a limit does not overflow")
    func added() async throws {
        try await withMemory(gateways: 1) { gateways in
            let transfer = MemoryTransfer(database: gateways[0].database, node: Self.node)
            let pattern = StoredPattern(
                pattern: try Pattern(events: [["a", "b"]]),
                emotivesKept: 5,
                affinity: ["joy": -1.7e308, "fear": 2]
            )
            for _ in 0..<3 { _ = try await transfer.write([pattern], vectors: [], adds: true) }
            let stored = try #require(try await transfer.patterns(after: nil, limit: 1).first)
            #expect(stored.affinity == ["joy": -1e120, "fear": 6])
            let kept = "SELECT (affinity->>'joy')::float8 = -1e120 FROM memory_patterns"
            #expect(try await gateways[0].endpoint.sql(kept) == "t", "and so it is stored, not only read")
            #expect(stored.pattern.frequency == 3)
        }
    }

    @Test("Transactions that learn vectors and patterns in several nodes wait for each other in turn")
    func locks() async throws {
        try await withMemory(gateways: 2) { gateways in
            func step(_ node: String, _ number: Int, isVector: Bool) async throws -> MemoryStep {
                let key = try await gateways[number].begin(1, node: node)[0]
                let before = try #require(gateways[number].sessions.atHand(key))
                let vector = [Double(number), 1]
                let incoming = IncomingObservation(
                    try isVector ? Observation(vectors: [vector]) : Observation(strings: ["a", "b"]),
                    uniqueID: "o",
                    vectorSymbols: isVector ? [VectorSymbol.make(vector)] : [],
                    newVector: isVector ? vector : nil
                )
                var options = SequenceOptions()
                options.learnsAtEnd = !isVector
                var after = before
                var change = MemoryChange()
                _ = try after.perform(.observe([incoming], options), into: &change)
                return MemoryStep(before: before, after: after, change: change, records: [])
            }
            // Each has a vector in the last node that the other's patterns are in, and both have one in the first.
            var steps: [[MemoryStep]] = []
            for (number, last) in [("n2", "n1"), ("n1", "n2")].enumerated() {
                steps.append([
                    try await step(last.0, number, isVector: true), try await step("n0", number, isVector: false),
                    try await step(last.1, number, isVector: false),
                ])
            }
            let batches = steps
            let blocked = Flag()
            let written = try await withThrowingTaskGroup(of: [Int64?].self) { group in
                group.addTask {
                    try await gateways[0].database.transaction(settings: TenantScope.settings(["default"])) { blocker in
                        _ = try await blocker.query("SELECT FROM memory_nodes WHERE node_id = 'n0' FOR UPDATE")
                        blocked.isSet.store(true, ordering: .sequentiallyConsistent)
                        try await eventually("both to wait for the first node") {
                            let waiting = """
                                SELECT count(*) FROM pg_stat_activity
                                WHERE datname = current_database() AND wait_event_type = 'Lock'
                                """
                            return try await gateways[0].endpoint.sql(waiting) == "2"
                        }
                    }
                    return []
                }
                try await eventually("the first node to be locked") {
                    blocked.isSet.load(ordering: .sequentiallyConsistent)
                }
                for (number, steps) in batches.enumerated() {
                    group.addTask {
                        let database = gateways[number].database
                        return try await MemoryWriting.write(steps, signature: Identifier.make(), to: database)
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(written.count == 6 && !written.contains(nil), "none was a victim of the other")
            let learned = "SELECT (SELECT count(*) FROM memory_patterns), (SELECT count(*) FROM memory_vectors)"
            #expect(try await gateways[0].endpoint.sql(learned) == "3|2")
        }
    }
}
