import Testing

@testable import Redis

@Suite("When the Redis client connects and refuses")
struct RedisConnectionStateMachineTests {
    private let start = ContinuousClock.now
    private let configuration = RedisConfiguration(address: .unix(path: "/nowhere"))

    @Test("the first command connects; others join it; all are sent when it stands")
    func firstUse() {
        var machine = RedisConnectionStateMachine(configuration: configuration)
        #expect(!machine.isAbsent)
        #expect(machine.submit(now: start) == .connect)
        #expect(machine.submit(now: start) == .send)
        #expect(machine.shouldConnect(now: start) == false)
        machine.connected()
        #expect(machine.isReady)
        #expect(machine.submit(now: start) == .send)
    }

    @Test("absent Redis: commands fail at once, the pause doubles to its limit, and it comes back by itself")
    func absent() {
        var machine = RedisConnectionStateMachine(configuration: configuration)
        var now = start
        for (attempt, pause) in [50, 100, 200, 400, 800, 1600, 2000, 2000].enumerated() {
            #expect(machine.shouldConnect(now: now) == true)
            if attempt > 0 { #expect(machine.submit(now: now) == .unavailable, "an attempt after a failure") }
            #expect(machine.failed(now: now, random: 1) == (attempt == 0), "the first failure is news")
            #expect(machine.submit(now: now) == .unavailable)
            #expect(machine.isAbsent)
            #expect(machine.shouldConnect(now: now + .milliseconds(pause - 1)) == false)
            now += .milliseconds(pause)
        }
        #expect(machine.shouldConnect(now: now) == true)
        machine.connected()
        #expect(machine.submit(now: now) == .send)
        machine.lost()
        #expect(!machine.isReady)
        #expect(machine.submit(now: now) == .connect, "a lost connection is made again at once")
    }

    @Test("the pause is drawn from 0 up to its ceiling")
    func jitter() {
        var machine = RedisConnectionStateMachine(configuration: configuration)
        #expect(machine.shouldConnect(now: start) == true)
        #expect(machine.failed(now: start, random: 0.5) == true)
        #expect(machine.shouldConnect(now: start + .milliseconds(24)) == false)
        #expect(machine.shouldConnect(now: start + .milliseconds(25)) == true)
    }

    @Test("an attempt is overdue at the connect timeout, not before")
    func overdue() {
        var machine = RedisConnectionStateMachine(configuration: configuration)
        #expect(!machine.isConnectOverdue(now: start))
        _ = machine.submit(now: start)
        #expect(!machine.isConnectOverdue(now: start + .milliseconds(999)))
        #expect(machine.isConnectOverdue(now: start + .seconds(1)))
        machine.connected()
        #expect(!machine.isConnectOverdue(now: start + .seconds(9)))
    }

    @Test("closed is for ever")
    func closed() {
        var machine = RedisConnectionStateMachine(configuration: configuration)
        machine.close()
        #expect(machine.submit(now: start) == .closed)
        #expect(machine.shouldConnect(now: start + .seconds(60)) == false)
        machine.connected()
        #expect(!machine.isReady)
    }
}

@Suite("Redis' words")
struct RedisWordsTests {
    @Test("commands are arrays of length-prefixed strings, any bytes allowed")
    func encoding() {
        let bytes = RedisCommandEncoder.encode(["SET", "k\r\n", RedisArgument([0, 255]), 12, ""])
        #expect(
            bytes == Array("*5\r\n$3\r\nSET\r\n$3\r\nk\r\n\r\n$2\r\n".utf8) + [0, 255]
                + Array("\r\n$2\r\n12\r\n$0\r\n\r\n".utf8)
        )
    }

    @Test("values convert where that makes sense")
    func values() {
        #expect(RedisValue.integer(7).int == 7)
        #expect(RedisValue.bytes(Array("-8".utf8)).int == -8)
        #expect(RedisValue.bytes(Array("x".utf8)).int == nil)
        #expect(RedisValue.status("OK").string == "OK")
        #expect(RedisValue.null.isNull)
        #expect(RedisValue.array([.null]).array == [.null])
        #expect(RedisValue.null.string == nil)
    }

    @Test(
        "URLs",
        arguments: [
            ("redis://127.0.0.1", .tcp(host: "127.0.0.1", port: 6379), nil, nil, 0),
            ("redis://h:1/3", .tcp(host: "h", port: 1), nil, nil, 3),
            ("redis://:p%@ss@h:1/", .tcp(host: "h", port: 1), nil, "p%@ss", 0),
            ("redis://u:p@[::1]:7", .tcp(host: "::1", port: 7), "u", "p", 0),
            ("unix:///a/b.sock?db=2", .unix(path: "/a/b.sock"), nil, nil, 2),
        ] as [(String, RedisConfiguration.Address, String?, String?, Int)]
    )
    func urls(
        url: String,
        address: RedisConfiguration.Address,
        username: String?,
        password: String?,
        database: Int
    ) throws {
        let configuration = try RedisConfiguration(url: url)
        #expect(configuration.address == address)
        #expect(configuration.username == username)
        #expect(configuration.password == password)
        #expect(configuration.database == database)
    }

    @Test(
        "bad URLs are refused without being quoted",
        arguments: ["", "http://h", "redis://", "redis://h:0", "redis://h:x", "redis://hidden-word@h/x", "unix://x"]
    )
    func badURLs(url: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error.map { "\($0)".contains("hidden-word") } == false)
    }
}
