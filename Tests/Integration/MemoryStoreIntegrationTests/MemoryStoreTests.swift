import Domain
import JSON
import Memory
import Observability
import Postgres
import Store
import TestKit
import Testing

@testable import MemoryStore

/// The memory's store against a real server, several processes' worth of it at once.
@Suite(.timeLimit(.minutes(2)))
struct MemoryStoreTests {
    @Test("An index never misses a change that becomes visible late")
    func lateChanges() async throws {
        try await withMemory(gateways: 3) { gateways in
            let node = MemoryNodeKey(tenantID: "default", nodeID: "node")
            let keys = try await gateways[0].begin(12, node: node.nodeID)
            // While many learn, one reads all the time: what it has seen a number of, it must have seen below it too.
            let learned = try await withThrowingTaskGroup(of: Set<String>.self) { group in
                for (index, key) in keys.enumerated() {
                    let gateway = gateways[index % 2]
                    group.addTask {
                        var names: Set<String> = []
                        for round in 0..<15 {
                            let words = ["s\(index)", "r\(round)"]
                            _ = try await gateway.observe(words, key)
                            names.insert(try await gateway.learn(key))
                        }
                        return names
                    }
                }
                group.addTask {
                    var last = 0
                    for _ in 0..<100 {
                        let count = try await gateways[2].nodes.compute(node, prepare: { $0.patternCount }, { $0 })
                        #expect(count >= last)
                        last = count
                    }
                    return []
                }
                return try await group.reduce(into: Set<String>()) { $0.formUnion($1) }
            }
            #expect(learned.count == 12 * 15)
            for gateway in gateways {
                let count = try await gateway.nodes.compute(node, prepare: { $0.patternCount }, { $0 })
                #expect(count == learned.count, "nothing was skipped")
            }
            let rows = try await gateways[0].endpoint.sql(
                "SELECT count(*), count(DISTINCT seq), max(seq) FROM memory_patterns"
            )
            #expect(rows.contains("180|180|180"))
        }
    }

    @Test("A node that is cleared by one is empty for all, and learns on")
    func cleared() async throws {
        try await withMemory(gateways: 2) { gateways in
            let node = MemoryNodeKey(tenantID: "default", nodeID: "node")
            let key = try await gateways[0].begin(1, node: node.nodeID)[0]
            for round in 0..<4 {
                _ = try await gateways[0].observe(["a", "r\(round)"], key)
                _ = try await gateways[0].learn(key)
            }
            #expect(try await gateways[1].nodes.compute(node, prepare: { $0.patternCount }, { $0 }) == 4)
            let vector = IncomingObservation(try Observation(vectors: [[1]]), uniqueID: "v", newVector: [1])
            _ = try await gateways[0].perform(.observe([vector], SequenceOptions()), key)
            let held = "SELECT (SELECT count(*) FROM memory_patterns), (SELECT count(*) FROM memory_vectors)"
            #expect(try await gateways[0].endpoint.sql(held) == "4|1")
            _ = try await gateways[1].perform(.clearAll, key)
            #expect(try await gateways[0].endpoint.sql(held) == "0|0")
            #expect(try await gateways[0].nodes.compute(node, prepare: { $0.patternCount }, { $0 }) == 0)
            _ = try await gateways[0].observe(["a", "b"], key)
            _ = try await gateways[0].learn(key)
            for gateway in gateways {
                #expect(try await gateway.nodes.compute(node, prepare: { $0.patternCount }, { $0 }) == 1)
            }
        }
    }

    @Test("A pattern keeps the last emotives, the union of metadata and the sum of affinity, however it was learned")
    func patterns() async throws {
        try await withMemory(gateways: 1) { gateways in
            let gateway = gateways[0]
            let node = MemoryNodeKey(tenantID: "default", nodeID: "node")
            let key = try await gateway.begin(1, node: node.nodeID)[0]
            for number in 0..<7 {
                let observation = try Observation(
                    strings: ["a", "b"],
                    emotives: ["joy": Double(number)],
                    metadata: ["n": .int(number), "tag": .string("é")]
                )
                let incoming = IncomingObservation(observation, uniqueID: "x")
                _ = try await gateway.perform(.observe([incoming], SequenceOptions()), key)
                _ = try await gateway.learn(key)
            }
            // Seven more in one sequence, which learns after each.
            var options = SequenceOptions()
            options.learnsAfterEach = true
            let sequence = try (7..<10).map {
                IncomingObservation(
                    try Observation(strings: ["a", "b"], emotives: ["joy": Double($0)]),
                    uniqueID: "y\($0)"
                )
            }
            _ = try await gateway.perform(.observe(sequence, options), key)
            let name = PatternName(of: [["a", "b"]])
            let pattern = try #require(try await gateway.nodes.pattern(name, in: node))
            #expect(pattern.frequency == 10)
            #expect(pattern.emotives == (5..<10).map { ["joy": Double($0)] })
            #expect(pattern.metadata == ["n": (0..<7).map { "\($0)" }, "tag": ["é"]])
            let symbol = try await gateway.nodes.compute(node, prepare: { $0.statistics(of: "a") }, { $0 })
            #expect(symbol?.affinity == ["joy": 45.0])
        }
    }

    @Test("What is at hand is bounded, and what was let go of is read again")
    func bounds() async throws {
        var configuration = MemoryStoreConfiguration()
        configuration.sessionBytesMax = 3000
        configuration.nodeBytesMax = 6000
        configuration.patternsPerRead = 3
        let registry = MetricsRegistry()
        @Sendable func value(_ name: String) throws -> Int {
            let line = registry.render().split(separator: "\n").first { $0.hasPrefix("parley_memory_index_\(name) ") }
            return try #require(line?.split(separator: " ").last.flatMap { Int($0) }, "\(name)")
        }
        try await withMemory(gateways: 1, configuration, metrics: MemoryMetrics(registry)) { gateways in
            let gateway = gateways[0]
            var keys: [MemorySessionKey] = []
            for index in 0..<6 {
                let node = MemoryNodeKey(tenantID: "default", nodeID: "node\(index)")
                let key = try await gateway.begin(1, node: node.nodeID)[0]
                for round in 0..<7 {
                    _ = try await gateway.observe(["a", "r\(round)"], key)
                    _ = try await gateway.learn(key)
                }
                _ = try await gateway.observe(["last"], key)
                #expect(try await gateway.sessions.snapshot(of: key)?.state.memory.events == [["last"]])
                #expect(try await gateway.nodes.compute(node, prepare: { $0.patternCount }, { $0 }) == 7)
                let bytes = try value("bytes")
                #expect((1...6000).contains(bytes))
                #expect(gateway.sessions.atHand.size.bytes <= 3000)
                keys.append(key)
            }
            let evictions = try value("evictions_total")
            let nodes = try value("nodes")
            #expect(evictions > 0 && nodes < 6)
            #expect((1..<6).contains(gateway.sessions.atHand.size.count))
            // Those that had to go are read again, at the cost of others.
            for (index, key) in keys.enumerated() {
                let node = MemoryNodeKey(tenantID: "default", nodeID: "node\(index)")
                #expect(try await gateway.sessions.snapshot(of: key)?.state.memory.events == [["last"]])
                #expect(try await gateway.nodes.compute(node, prepare: { $0.patternCount }, { $0 }) == 7)
                let bytes = try value("bytes")
                #expect(bytes <= 6000 && gateway.sessions.atHand.size.bytes <= 3000)
            }
            let later = try value("evictions_total")
            #expect(later > evictions)
        }
    }

    @Test("A node that needs more memory than it may is refused, until it is cleared")
    func tooLarge() async throws {
        var configuration = MemoryStoreConfiguration()
        configuration.nodeBytesMax = 40_000
        configuration.patternsPerRead = 50
        try await withMemory(gateways: 1, configuration) { gateways in
            let gateway = gateways[0]
            let node = MemoryNodeKey(tenantID: "default", nodeID: "node")
            let key = try await gateway.begin(1, node: node.nodeID)[0]
            var options = SequenceOptions()
            options.learnsAfterEach = true
            let sequence = try (0..<600).map {
                IncomingObservation(try Observation(strings: ["a rather long symbol \($0)", "b"]), uniqueID: "x")
            }
            _ = try await gateway.perform(.observe(Array(sequence[..<20]), options), key)
            #expect(try await gateway.nodes.compute(node, prepare: { $0.patternCount }, { $0 }) == 20)
            _ = try await gateway.perform(.observe(sequence, options), key)
            for _ in 0..<2 {
                let error = await #expect(throws: MemoryError.self) {
                    try await gateway.nodes.compute(node, prepare: { $0.patternCount }, { $0 })
                }
                #expect(error?.code == .indexFull)
            }
            _ = try await gateway.perform(.clearAll, key)
            #expect(try await gateway.nodes.compute(node, prepare: { $0.patternCount }, { $0 }) == 0)
            _ = try await gateway.perform(.observe(Array(sequence[..<20]), options), key)
            #expect(try await gateway.nodes.compute(node, prepare: { $0.patternCount }, { $0 }) == 20)
        }
    }

    @Test("What a session predicts is computed as it observes, and kept until something changes, here or elsewhere")
    func kept() async throws {
        try await withMemory(gateways: 2) { gateways in
            let registry = MetricsRegistry()
            let metrics = MemoryMetrics(registry)
            // On a busy machine an index can take longer to read than an observation waits for it.
            var patient = MemoryStoreConfiguration()
            patient.observePredictionTime = .seconds(60)
            let predictions = gateways.map { gateway in
                MemoryPredictions(
                    sessions: gateway.sessions,
                    nodes: gateway.nodes,
                    configuration: patient,
                    metrics: metrics
                )
            }
            func count(_ result: String) -> Int {
                let start = "parley_memory_predictions_total{result=\"\(result)\"} "
                let line = registry.render().split(separator: "\n").first { $0.hasPrefix(start) }
                return line.flatMap { Int($0.dropFirst(start.count)) } ?? 0
            }
            func ask(_ number: Int, _ key: MemorySessionKey) async throws -> [[[String]]] {
                let state = try #require(try await gateways[number].sessions.snapshot(of: key)).state
                return try await predictions[number].current(of: state) { $0.predictions.map(\.future) }
            }
            let key = try await gateways[0].begin(1, node: "node")[0]
            let other = try await gateways[1].begin(1, node: "node")[0]
            let first = try await gateways[0].observe(["a"], key)
            #expect(first.nodeSeq == 0)
            await predictions[0].observed(key, nodeSeq: first.nodeSeq)
            _ = try await gateways[0].observe(["b"], key)
            _ = try await gateways[0].learn(key)
            let second = try await gateways[0].observe(["a"], key)
            #expect(second.nodeSeq == 1 && count("computed") == 0)
            await predictions[0].observed(key, nodeSeq: second.nodeSeq)
            #expect(count("computed") == 1)
            #expect(try await ask(0, key) == [[["b"]]])
            #expect(count("computed") == 1 && count("kept") == 1)
            // The other process computes the same; then the node learns more by it, and what was kept counts no more.
            #expect(try await ask(1, key) == [[["b"]]])
            #expect(count("computed") == 2)
            _ = try await gateways[1].observe(["a", "x"], other)
            _ = try await gateways[1].observe(["c"], other)
            _ = try await gateways[1].learn(other)
            #expect(Set(try await ask(0, key)) == [[["b"]], [["c"]]])
            #expect(count("computed") == 3)
            // And so it is with the session itself, and with its settings.
            _ = try await gateways[1].observe(["b"], key)
            #expect(try await ask(0, key).first == [])
            _ = try await gateways[1].perform(.configure(["process_predictions": false]), key)
            let computed = count("computed")
            let third = try await gateways[0].observe(["z"], key)
            await predictions[0].observed(key, nodeSeq: third.nodeSeq)
            #expect(count("computed") == computed, "who does not want predictions gets none computed")
        }
    }

    @Test("Vectors that several sessions learn at once are learned once")
    func vectors() async throws {
        try await withMemory(gateways: 2) { gateways in
            let keys = try await gateways[0].begin(8, node: "node")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (index, key) in keys.enumerated() {
                    group.addTask {
                        for number in 0..<5 {
                            let vector = [Double(number), 1]
                            let observation = try Observation(vectors: [vector])
                            let incoming = IncomingObservation(
                                observation,
                                uniqueID: "v",
                                vectorSymbols: [VectorSymbol.make(vector)],
                                newVector: vector
                            )
                            _ = try await gateways[index % 2].perform(.observe([incoming], SequenceOptions()), key)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let node = MemoryNodeKey(tenantID: "default", nodeID: "node")
            for gateway in gateways {
                let found = try await gateway.nodes.recall([[2.2, 1]], in: node)
                let expected = [[2.2, 1.0], [2.0, 1.0], [3.0, 1.0], [1.0, 1.0]].map { VectorSymbol.make($0) }
                #expect(found.map(\.symbols) == [expected] && found.map(\.isNew) == [true])
            }
            #expect(try await gateways[0].endpoint.sql("SELECT count(*) FROM memory_vectors").contains("5"))
        }
    }
}

/// One process's worth of the memory's store.
struct MemoryGateway {
    let sessions: MemorySessions
    let nodes: MemoryNodes
    let database: PostgresClient
    let endpoint: PostgresEndpoint

    func begin(_ count: Int, node: String) async throws -> [MemorySessionKey] {
        var keys: [MemorySessionKey] = []
        for _ in 0..<count {
            let key = MemorySessionKey(tenantID: "default", sessionID: Identifier.make())
            let session = NewMemorySession(
                key: key,
                nodeID: node,
                settings: SessionConfiguration(),
                metadata: JSONObject(),
                ttlSeconds: 600
            )
            _ = try #require(try await sessions.create(session))
            keys.append(key)
        }
        return keys
    }

    func perform(_ operation: MemoryOperation, _ key: MemorySessionKey) async throws -> MemoryAnswer {
        guard case .done(let answer) = try await sessions.perform(operation, on: key) else {
            throw StoreError(code: .corrupt, message: "the operation was refused")
        }
        return answer
    }

    func observe(_ strings: [String], _ key: MemorySessionKey) async throws -> MemoryAnswer {
        let incoming = IncomingObservation(try Observation(strings: strings), uniqueID: "o")
        return try await perform(.observe([incoming], SequenceOptions()), key)
    }

    func learn(_ key: MemorySessionKey) async throws -> String {
        try await perform(.learn, key).finallyLearned ?? ""
    }
}

/// Runs a test with some gateways' stores on one database, as the role that row-level security binds.
func withMemory(
    gateways count: Int,
    _ configuration: MemoryStoreConfiguration = .init(),
    metrics: MemoryMetrics? = nil,
    _ body: @Sendable @escaping ([MemoryGateway]) async throws -> Void
) async throws {
    try await withPostgres { endpoint in
        let owner = PostgresConfiguration(url: endpoint.connectionString)
        _ = try await PostgresMigrator(configuration: owner, files: Migrations.files()).migrate()
        _ = try? await endpoint.sql("ALTER ROLE parley_service LOGIN")
        var service = PostgresConfiguration(url: endpoint.user("parley_service").connectionString)
        service.serverSettings = StoreConfiguration.serverSettings
        service.poolSize = 6
        let databases = try (0..<count).map { _ in try PostgresClient(configuration: service) }
        let gateways = try databases.map { database in
            database.start()
            return MemoryGateway(
                sessions: MemorySessions(database: database, configuration: configuration),
                nodes: try MemoryNodes(database: database, configuration: configuration, metrics: metrics),
                database: database,
                endpoint: endpoint
            )
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for gateway in gateways {
                group.addTask { await gateway.sessions.run() }
                group.addTask { await gateway.nodes.run() }
            }
            let result: Result<Void, any Error>
            do {
                try await body(gateways)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            for gateway in gateways {
                gateway.sessions.close()
                gateway.nodes.close()
            }
            try await group.waitForAll()
            for database in databases { await database.close() }
            try result.get()
        }
    }
}
