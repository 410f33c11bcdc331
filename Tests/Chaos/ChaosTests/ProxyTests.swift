import Foundation
import TestKit
import Testing

@testable import parley_chaos

/// The proxy does to connections what it is asked to do.
@Suite(.timeLimit(.minutes(1)))
struct ProxyTests {
    /// Runs `body` with a proxy in front of servers, each of which answers with its name.
    private func withProxy(
        _ names: [String] = ["a"],
        _ body: (TCPProxy) async throws -> Void
    ) async throws {
        let servers = try names.map { name in
            try ScriptedModelServer(.immediate { _ in .text(name) })
        }
        let proxy = try TCPProxy(seed: 1)
        proxy.setTargets(servers.map(\.port))
        defer {
            proxy.send(.stop)
            for server in servers { server.stop() }
        }
        try await body(proxy)
    }

    private static let question = "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"

    /// Sends a request and reads the whole answer.
    private func ask(_ socket: RawSocket, timeout: Duration = .seconds(45)) async throws -> String {
        try await socket.write(Self.question)
        let bytes = try await socket.read(until: #""total_tokens":"#, timeout: timeout)
        _ = try await socket.read(until: "}}", timeout: timeout)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("Bytes go through, both ways, on one connection after another")
    func forwards() async throws {
        try await withProxy { proxy in
            for _ in 0..<3 {
                let socket = try await RawSocket.connect(port: proxy.port)
                #expect(try await ask(socket).contains(#""content":"a""#))
                #expect(try await ask(socket).contains(#""content":"a""#))
                socket.close()
            }
            #expect(proxy.connections == 3)
        }
    }

    @Test("With several targets connections take turns, and pass over one that does not accept")
    func balances() async throws {
        try await withProxy(["a", "b"]) { proxy in
            var answers: Set<Bool> = []
            for _ in 0..<2 {
                let socket = try await RawSocket.connect(port: proxy.port)
                answers.insert(try await ask(socket).contains(#""content":"a""#))
            }
            #expect(answers == [true, false])
        }
        try await withProxy { proxy in
            let server = try ScriptedModelServer(.instant("c"))
            defer { server.stop() }
            proxy.setTargets([try freePort(), server.port])
            for _ in 0..<2 {
                let socket = try await RawSocket.connect(port: proxy.port)
                #expect(try await ask(socket).contains(#""content":"c""#))
            }
        }
    }

    @Test("A delay is added each way, and a narrow way takes its time")
    func slow() async throws {
        try await withProxy { proxy in
            let socket = try await RawSocket.connect(port: proxy.port)
            _ = try await ask(socket)
            proxy.setWeather(ProxyWeather(delay: .milliseconds(100)))
            var clock = ContinuousClock.now
            _ = try await ask(socket)
            #expect(clock.duration(to: .now) >= .milliseconds(200))
            proxy.setWeather(ProxyWeather(bytesPerSecond: 1000))
            clock = .now
            _ = try await ask(socket)
            #expect(clock.duration(to: .now) >= .milliseconds(200))
        }
    }

    @Test("A cut resets connections, and a refusal new ones")
    func cuts() async throws {
        try await withProxy { proxy in
            let socket = try await RawSocket.connect(port: proxy.port)
            _ = try await ask(socket)
            proxy.send(.cut)
            #expect(try await socket.readToEnd().isEmpty)
            proxy.setWeather(ProxyWeather(isRefusing: true))
            let refused = try await RawSocket.connect(port: proxy.port)
            await #expect(throws: TestKitError.self) { _ = try await ask(refused) }
            proxy.setWeather(ProxyWeather())
            let welcome = try await RawSocket.connect(port: proxy.port)
            #expect(try await ask(welcome).contains("content"))
        }
    }

    @Test("Half-closed, a client reads the end while it may still write")
    func halfCloses() async throws {
        try await withProxy { proxy in
            let socket = try await RawSocket.connect(port: proxy.port)
            _ = try await ask(socket)
            proxy.send(.halfClose(.down))
            #expect(try await socket.readToEnd().isEmpty)
            try await socket.write(Self.question)
        }
    }

    @Test("Half-closed the other way, a server reads the end, and its answer still arrives")
    func halfClosesUp() async throws {
        let effects = try await EffectServer(seed: 1)
        try await withProxy { proxy in
            proxy.setTargets([effects.port])
            let socket = try await RawSocket.connect(port: proxy.port)
            effects.hold(true)
            try await socket.write("POST /book_plain HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
            try await eventually("the call") { effects.inside == 1 }
            proxy.send(.halfClose(.up))
            effects.hold(false)
            // A server that had not read the end would wait for the next request.
            let answer = String(decoding: try await socket.readToEnd(), as: UTF8.self)
            #expect(answer.contains("done"))
        }
        await effects.stop()
    }

    @Test("In silence nothing comes through, and nothing is lost when it ends")
    func silent() async throws {
        try await withProxy { proxy in
            let socket = try await RawSocket.connect(port: proxy.port)
            _ = try await ask(socket)
            proxy.setWeather(ProxyWeather(isSilent: true))
            try await socket.write(Self.question)
            await #expect(throws: TestKitError.self) {
                _ = try await socket.read(count: 1, timeout: .milliseconds(300))
            }
            proxy.setWeather(ProxyWeather())
            #expect(try await socket.read(until: "}}").count > 100)
        }
    }

    @Test("Connections fail at as many pieces as is asked for")
    func fails() async throws {
        try await withProxy { proxy in
            proxy.setWeather(ProxyWeather(failures: 1))
            let socket = try await RawSocket.connect(port: proxy.port)
            await #expect(throws: TestKitError.self) { _ = try await ask(socket) }
        }
    }

    @Test("Connections are cut at random, as many within a second as were asked for")
    func cutsAtRandom() async throws {
        let weather = ProxyWeather(cutsPerSecond: 0.3)
        #expect(abs(weather.chanceOfCut(within: .seconds(1)) - 0.3) < 1e-9)
        #expect(abs(weather.chanceOfCut(within: .seconds(2)) - 0.51) < 1e-9)
        #expect(ProxyWeather().chanceOfCut(within: .seconds(100)) == 0)
        try await withProxy { proxy in
            let calm = try await RawSocket.connect(port: proxy.port)
            #expect(try await ask(calm).contains(#""content":"a""#))
            proxy.setWeather(ProxyWeather(cutsPerSecond: 0.999))
            // A time that passes would be an error of the same type.
            #expect(try await calm.readToEnd(timeout: .seconds(20)).isEmpty)
            proxy.setWeather(ProxyWeather())
            let next = try await RawSocket.connect(port: proxy.port)
            #expect(try await ask(next).contains(#""content":"a""#))
        }
    }
}

/// The clock that is loaded into a service jumps.
@Suite struct JumpingClockTests {
    @Test("A program sees the wall clock jump ahead and back")
    func jumps() async throws {
        let clock = try JumpingClock()
        var configuration = ChildProcess.Configuration()
        configuration.environment = clock.environment
        for jump in [0, 3600, -3600] {
            try clock.set(.seconds(jump))
            let result = try await ChildProcess.run(try Programs.find("date"), ["+%s"], configuration)
            let told = Double(result.standardOutput.filter(\.isNumber)) ?? 0
            #expect(abs(told - Date().timeIntervalSince1970 - Double(jump)) < 30)
        }
    }
}
