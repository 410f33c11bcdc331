import Foundation
import TestKit
import Testing

@Suite(.timeLimit(.minutes(2))) struct ServersTests {
    @Test func eachTestGetsAnEmptyDatabaseThatIsGoneAfterwards() async throws {
        let (name, server) = try await withPostgres { database in
            #expect(try await database.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (7); SELECT a FROM t") == "7")
            #expect(try await database.sql("SHOW fsync") == "on")
            return (database.database, try await withPostgres { $0 })
        }
        await #expect(throws: TestKitError.self) { try await server.sql("SELECT 1") }
        #expect(name != server.database)
    }

    @Test func postgresKeepsCommittedDataThroughAKill() async throws {
        try await withOwnPostgres(settings: ["max_connections": "33"]) { postgres in
            let database = try await postgres.makeDatabase()
            #expect(try await database.sql("SHOW max_connections") == "33")
            try await database.sql("CREATE TABLE t (a int); INSERT INTO t VALUES (7)")
            try await postgres.kill9()
            await #expect(throws: TestKitError.self) { try await database.sql("SELECT 1") }
            try await postgres.restart()
            #expect(try await database.sql("SELECT a FROM t") == "7")
            try await postgres.restart()
            #expect(try await database.sql("SELECT a FROM t") == "7")
        }
    }

    @Test func redisAnswersAndLosesItsDataAtARestart() async throws {
        try await withRedis { redis in
            #expect(try await ask(redis, "SET a 1") == "+OK\r\n")
            #expect(try await ask(redis, "GET a") == "$1\r\n")
            try await redis.kill9()
            await #expect(throws: TestKitError.self) { try await ask(redis, "GET a") }
            try await redis.restart()
            #expect(try await ask(redis, "GET a") == "$-1\r\n")
            #expect(FileManager.default.fileExists(atPath: redis.socketPath))
        }
    }

    @Test func aPausedServerStaysConnectedAndSilent() async throws {
        try await withRedis { redis in
            let socket = try await RawSocket.connect(port: redis.port)
            redis.server.pause()
            try await socket.write("PING\r\n")
            await #expect(throws: TestKitError.self) {
                try await socket.read(until: "\r\n", timeout: .milliseconds(100))
            }
            redis.server.resume()
            #expect(try await socket.read(until: "\r\n") == Array("+PONG\r\n".utf8))
        }
    }

    @Test func theBrokerListensAndComesBackAtTheSameAddress() async throws {
        try await withOwnBroker { broker in
            #expect(LoopbackPort.isListening(broker.port))
            try await broker.kill9()
            #expect(!LoopbackPort.isListening(broker.port))
            try await broker.restart()
            #expect(LoopbackPort.isListening(broker.port))
        }
        let shared = try await withBroker { ($0.port, $0.uniqueName("topic"), $0.uniqueName("topic")) }
        #expect(try await withBroker { $0.port } == shared.0)
        #expect(shared.1 != shared.2)
    }

    private func ask(_ redis: RedisServer, _ command: String) async throws -> String {
        let socket = try await RawSocket.connect(port: redis.port)
        try await socket.write(command + "\r\n")
        return String(decoding: try await socket.read(until: "\r\n"), as: UTF8.self)
    }
}
