import Redis
import TestKit
import Testing

@Suite("The Redis client against a real server", .timeLimit(.minutes(2)))
struct RedisClientTests {
    private func configuration(_ server: RedisServer) -> RedisConfiguration {
        var configuration = RedisConfiguration(address: .tcp(host: server.host, port: Int(server.port)))
        configuration.reconnectDelayMax = .milliseconds(100)
        return configuration
    }

    private func withClient(
        _ configuration: RedisConfiguration,
        _ body: (RedisClient) async throws -> Void
    ) async throws {
        let client = try RedisClient(configuration: configuration)
        do {
            try await body(client)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    @Test("each kind of answer, over TCP and over a Unix socket, in a database of its own")
    func answers() async throws {
        try await withRedis { server in
            var unix = RedisConfiguration(address: .unix(path: server.socketPath))
            unix.database = 3
            for configuration in [configuration(server), unix] {
                try await withClient(configuration) { client in
                    #expect(try await client.command(["PING"]) == .status("PONG"))
                    #expect(try await client.get("none") == nil)
                    try await client.set("k", RedisArgument([0, 13, 10, 255]))
                    #expect(try await client.get("k") == [0, 13, 10, 255])
                    #expect(try await client.command(["INCRBY", "n", 5]) == .integer(5))
                    let array = try await client.command(["EVAL", "return {1, 'a', {false, 2}}", 0])
                    #expect(array == .array([.integer(1), .bytes([97]), .array([.null, .integer(2)])]))
                    #expect(try await client.delete(["k", "n", "none"]) == 2)
                    #expect(try await client.delete([]) == 0)
                    try await client.set("short", "x", expiry: .milliseconds(20))
                    try await eventually("its expiry") { try await client.get("short") == nil }
                }
            }
        }
    }

    @Test("a refused command fails with its kind, without data, and the connection goes on")
    func refused() async throws {
        try await withRedis { server in
            try await withClient(configuration(server)) { client in
                try await client.set("text", "hidden-word")
                let error = await #expect(throws: RedisError.self) { try await client.command(["LPUSH", "text", "x"]) }
                #expect(error?.code == .server(kind: "WRONGTYPE"))
                let unknown = await #expect(throws: RedisError.self) { try await client.command(["HIDDEN-WORD"]) }
                #expect(unknown.map { "\($0)".contains("HIDDEN-WORD") } == false)
                let pong = try await client.command(["PING"])
                #expect(pong == .status("PONG"))
            }
        }
    }

    @Test("5,000 commands at once share the connection and get their own answers")
    func pipelining() async throws {
        try await withRedis { server in
            var configuration = configuration(server)
            configuration.commandTimeout = .seconds(10)
            configuration.silenceMax = .seconds(10)
            try await withClient(configuration) { client in
                _ = try await client.command(["PING"])
                let right = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<5000 {
                        group.addTask {
                            try await client.command(["ECHO", RedisArgument(number)]).int == Int64(number)
                        }
                    }
                    return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(right == 5000)
                try await eventually("one connection for all") {
                    let clients = try await client.command(["CLIENT", "LIST"]).string ?? ""
                    return clients.split(whereSeparator: \.isNewline).count == 1
                }
            }
        }
    }

    @Test("a value of 8 MB goes and comes whole")
    func large() async throws {
        try await withRedis { server in
            var configuration = configuration(server)
            configuration.commandTimeout = .seconds(20)
            configuration.silenceMax = .seconds(20)
            try await withClient(configuration) { client in
                let bytes = [UInt8](repeating: 7, count: 8 << 20)
                try await client.set("large", RedisArgument(bytes))
                let back = try await client.get("large")
                #expect(back == bytes)
            }
        }
    }

    @Test("a script runs by its digest, also after Redis forgot it")
    func scripts() async throws {
        try await withRedis { server in
            try await withClient(configuration(server)) { client in
                let script = RedisScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
                for total in [2, 4] {
                    let answer = try await client.eval(script, keys: ["n"], arguments: [2])
                    #expect(answer == .integer(Int64(total)))
                }
                _ = try await client.command(["SCRIPT", "FLUSH"])
                let answer = try await client.eval(script, keys: ["n"], arguments: [2])
                #expect(answer == .integer(6))
                let error = await #expect(throws: RedisError.self) {
                    try await client.eval(RedisScript("return redis.call('NO')"), keys: [])
                }
                #expect(error?.code == .server(kind: "ERR"))
            }
        }
    }

    @Test("absent Redis: calls fail fast; it comes, goes and comes back without a restart of ours")
    func outage() async throws {
        try await withRedis { server in
            try await server.kill9()
            try await withClient(configuration(server)) { client in
                client.start()
                try await eventually("the failed attempt") {
                    do {
                        _ = try await client.command(["PING"])
                        return false
                    } catch let error as RedisError {
                        return error.code == .unavailable
                    }
                }
                let start = ContinuousClock.now
                for _ in 0..<100 {
                    let error = await #expect(throws: RedisError.self) { try await client.command(["PING"]) }
                    #expect(error?.code == .unavailable)
                }
                #expect(
                    ContinuousClock.now - start < .seconds(5),
                    "no call waits for a server that is not there"
                )
                #expect(!client.isAvailable)
                for _ in 0..<2 {
                    try await server.restart()
                    try await eventually("Redis is back") { client.isAvailable }
                    let pong = try await client.command(["PING"])
                    #expect(pong == .status("PONG"))
                    try await server.kill9()
                    try await eventually("Redis is gone") { !client.isAvailable }
                }
            }
        }
    }

    @Test("commands in flight fail when the server dies; nothing hangs")
    func killedInTheMiddle() async throws {
        try await withRedis { server in
            try await withClient(configuration(server)) { client in
                _ = try await client.command(["PING"])
                await withTaskGroup(of: Bool.self) { group in
                    for _ in 0..<50 {
                        group.addTask {
                            do {
                                _ = try await client.command(["BLPOP", "nothing", 0])
                                return false
                            } catch {
                                return error is RedisError
                            }
                        }
                    }
                    try? await server.kill9()
                    let failed = await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                    #expect(failed == 50)
                }
            }
        }
    }

    @Test("a command beyond its timeout fails, later answers go to those who asked, and a silent server is given up")
    func timeouts() async throws {
        try await withRedis { server in
            var configuration = configuration(server)
            configuration.silenceMax = .seconds(10)
            try await withClient(configuration) { client in
                _ = try await client.command(["PING"])
                let start = ContinuousClock.now
                let error = await #expect(throws: RedisError.self) { try await client.command(["BLPOP", "q", "0.6"]) }
                #expect(error?.code == .timeout)
                let waited = ContinuousClock.now - start
                // Well before the server's own answer would be on a machine that has time; a busy one takes longer.
                #expect(waited >= .milliseconds(250) && waited < .seconds(8))
                try await eventually("the next answer is for the next command") {
                    try await client.command(["ECHO", "mine"]).string == "mine"
                }
            }
            configuration.silenceMax = .milliseconds(300)
            try await withClient(configuration) { client in
                _ = try await client.command(["PING"])
                _ = try? await client.command(["BLPOP", "q", 0])
                try await eventually("a new connection") { try await client.command(["PING"]) == .status("PONG") }
            }
        }
    }

    @Test("as many may wait as the limit says, one more is refused at once")
    func overloaded() async throws {
        try await withRedis { server in
            var configuration = configuration(server)
            configuration.pendingMax = 3
            try await withClient(configuration) { client in
                _ = try await client.command(["PING"])
                let codes = await withTaskGroup(of: RedisError.Code?.self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            do {
                                _ = try await client.command(["BLPOP", "q", "0.02"])
                                return nil
                            } catch {
                                return (error as? RedisError)?.code
                            }
                        }
                    }
                    return await group.reduce(into: [RedisError.Code?]()) { $0.append($1) }
                }
                #expect(codes.filter { $0 == .overloaded }.count == 1)
                let pong = try await client.command(["PING"])
                #expect(pong == .status("PONG"))
            }
        }
    }

    @Test("a password is used; a wrong one leaves Redis unavailable and is never named")
    func password() async throws {
        try await withRedis { server in
            try await withClient(configuration(server)) { client in
                _ = try await client.command(["CONFIG", "SET", "requirepass", "right-word"])
            }
            var configuration = configuration(server)
            configuration.password = "right-word"
            try await withClient(configuration) { client in
                let pong = try await client.command(["PING"])
                #expect(pong == .status("PONG"))
            }
            configuration.password = "hidden-word"
            try await withClient(configuration) { client in
                let error = await #expect(throws: RedisError.self) { try await client.command(["PING"]) }
                #expect(error?.code == .unavailable)
                #expect(error.map { "\($0)".contains("hidden-word") } == false)
            }
        }
    }

    @Test("a cancelled call ends at once; a closed client refuses")
    func cancelAndClose() async throws {
        try await withRedis { server in
            try await withClient(configuration(server)) { client in
                _ = try await client.command(["PING"])
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        await #expect(throws: CancellationError.self) {
                            try await client.command(["BLPOP", "q", "0.2"])
                        }
                    }
                    group.cancelAll()
                }
                await client.close()
                let error = await #expect(throws: RedisError.self) { try await client.command(["PING"]) }
                #expect(error?.code == .closed)
            }
        }
    }
}
