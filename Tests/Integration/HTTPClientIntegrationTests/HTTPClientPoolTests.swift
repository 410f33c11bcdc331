import HTTPClient
import Synchronization
import Testing

/// Answers every request on a connection with the same text.
private func answering(_ response: String) throws -> RawServer {
    try RawServer { connection in
        while connection.readRequest() != nil {
            connection.send(response)
        }
    }
}

private func plain(_ body: String) -> String {
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
}

/// The code of the error that the call throws, or nil if it does not throw.
func code(_ call: () async throws -> Void) async -> HTTPClientError.Code? {
    do {
        try await call()
        return nil
    } catch {
        return (error as? HTTPClientError)?.code
    }
}

@Suite(.timeLimit(.minutes(1)))
struct HTTPClientPoolTests {
    @Test func collectsStatusHeadersAndBody() async throws {
        let server = try answering(
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                + "HTTP/1.1 418 Teapot\r\nX-One:  a b \r\nx-one: c\r\nContent-Length: 5\r\n\r\nhello"
        )
        let client = try HTTPClientPool()
        let response = try await client.send(HTTPClientRequest(url: server.url("/a?b=c")))
        #expect(response.status == 418)
        #expect(response.headers.all("X-ONE") == ["a b", "c"])
        #expect(response.headers["link"] == nil)
        #expect(response.body == Array("hello".utf8))
        await client.shutDown()
    }

    @Test func sendsMethodHeadersAndBodyAndNothingElse() async throws {
        let seen = Box<[String]>([])
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                seen.update { $0.append(request) }
                connection.send("HTTP/1.1 204 No Content\r\n\r\n")
            }
        }
        let client = try HTTPClientPool()
        var request = HTTPClientRequest(method: "POST", url: server.url("/x"), body: Array("{\"a\":1}".utf8))
        request.headers = ["Content-Type": "application/json", "X-Empty": "", "Authorization": "Bearer s"]
        #expect(try await client.send(request).status == 204)
        _ = try await client.send(HTTPClientRequest(method: "PUT", url: server.url("/p")))
        _ = try await client.send(HTTPClientRequest(method: "DELETE", url: server.url("/d")))
        let (post, put, delete) = (seen.value[0], seen.value[1], seen.value[2])
        let expected =
            "POST /x HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nUser-Agent: parley\r\nAccept: */*\r\n"
            + "Content-Type: application/json\r\nX-Empty:\r\nAuthorization: Bearer s\r\n"
            + "Content-Length: 7\r\n\r\n{\"a\":1}"
        #expect(post == expected)
        #expect(put.hasPrefix("PUT /p HTTP/1.1\r\n") && put.contains("Content-Length: 0\r\n"))
        #expect(delete.hasPrefix("DELETE /d HTTP/1.1\r\n") && !delete.contains("Content-Length"))
        await client.shutDown()
    }

    @Test func usesAConnectionAgain() async throws {
        let server = try answering(plain("x"))
        let client = try HTTPClientPool()
        for _ in 0..<50 {
            _ = try await client.send(HTTPClientRequest(url: server.url()))
        }
        for _ in 0..<10 {
            let stream = try await client.stream(HTTPClientRequest(url: server.url()))
            for try await _ in stream.body {}
        }
        #expect(server.acceptedCount == 1)
        await client.shutDown()
    }

    @Test func neverOpensMoreConnectionsThanAllowedAndServesAll() async throws {
        let server = try answering(plain("x"))
        var configuration = HTTPClientPool.Configuration()
        configuration.connectionsPerHostMax = 3
        let client = try HTTPClientPool(configuration)
        let url = server.url()
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<64 {
                group.addTask { try await client.send(HTTPClientRequest(url: url)).status }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.count == 64 && statuses.allSatisfy { $0 == 200 })
        #expect((1...3).contains(server.acceptedCount))
        await client.shutDown()
    }

    @Test func collectsABodyAtTheLimitAndRefusesOneByteMore() async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                connection.send(plain(String(repeating: "b", count: request.contains("/over") ? 40001 : 40000)))
            }
        }
        var configuration = HTTPClientPool.Configuration()
        configuration.collectedBodyBytesMax = 40000
        let client = try HTTPClientPool(configuration)
        #expect(try await client.send(HTTPClientRequest(url: server.url("/at"))).body.count == 40000)
        #expect(await code { _ = try await client.send(HTTPClientRequest(url: server.url("/over"))) } == .bodyTooLarge)
        await client.shutDown()
    }

    @Test func limitsHeaders() async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                let lines = request.contains("/over") ? 21 : 20
                let fields = (0..<lines - 1).map { "X-\($0): y\r\n" }.joined()
                connection.send("HTTP/1.1 200 OK\r\n\(fields)Content-Length: 0\r\n\r\n")
            }
        }
        var configuration = HTTPClientPool.Configuration()
        configuration.headerCountMax = 20
        let client = try HTTPClientPool(configuration)
        #expect(try await client.send(HTTPClientRequest(url: server.url("/at"))).headers.count == 20)
        #expect(
            await code { _ = try await client.send(HTTPClientRequest(url: server.url("/over"))) } == .headersTooLarge
        )
        await client.shutDown()
    }

    @Test func tellsFailuresApart() async throws {
        let server = try RawServer { connection in
            guard let request = connection.readRequest() else { return }
            if request.contains("/cut") {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            } else if request.contains("/nonsense") {
                connection.send("SSH-2.0-OpenSSH_9.2\r\n")
            } else if request.contains("/redirect") {
                connection.send("HTTP/1.1 302 Found\r\nLocation: /redirect\r\nContent-Length: 0\r\n\r\n")
                connection.waitForClose()
            }
        }
        let rude = try RawServer { connection in
            connection.send("this is not TLS\r\n\r\n")
            connection.waitForClose()
        }
        let client = try HTTPClientPool()
        func failure(_ url: String, follow: Bool = false) async -> HTTPClientError.Code? {
            await code {
                var request = HTTPClientRequest(url: url)
                request.followsRedirects = follow
                _ = try await client.send(request)
            }
        }
        #expect(await failure(server.url("/cut")) == .connectionLost)
        #expect(await failure(server.url("/nothing")) == .connectionLost)
        #expect(await failure(server.url("/nonsense")) == .protocolError)
        #expect(await failure("https://127.0.0.1:\(rude.port)/") == .tls)
        #expect(await failure("http://127.0.0.1:1/") == .connectFailed)
        #expect(await failure("http://name.invalid/") == .connectFailed)
        #expect(await failure("ftp://127.0.0.1/") == .badURL)
        #expect(await failure("http://user:secret@127.0.0.1/") == .badURL)
        #expect(await failure(server.url("/redirect")) == nil)
        await client.shutDown()
        #expect(await failure(server.url()) == .shutDown)
    }

    @Test func doesNotFollowRedirectsUnlessAsked() async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                if request.contains("/loop") {
                    connection.send("HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n")
                } else if request.contains("/from") {
                    connection.send("HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 3\r\n\r\nsee")
                } else {
                    connection.send(plain("there"))
                }
            }
        }
        let client = try HTTPClientPool()
        var request = HTTPClientRequest(url: server.url("/from"))
        let first = try await client.send(request)
        #expect(first.status == 302 && first.headers["location"] == "/to" && first.body == Array("see".utf8))
        request.followsRedirects = true
        let second = try await client.send(request)
        #expect(second.status == 200 && second.headers["location"] == nil && second.body == Array("there".utf8))
        request.url = server.url("/loop")
        #expect(await code { _ = try await client.send(request) } == .protocolError)
        await client.shutDown()
    }

    @Test(arguments: [false, true])
    func aRequestOnAFreshConnectionIsNeverSentTwice(isFresh: Bool) async throws {
        let count = Box(0)
        let server = try RawServer { connection in
            while connection.readRequest() != nil {
                count.update { $0 += 1 }
                // The first is answered; every later one is taken and its connection closed without a word.
                if count.value > 1 { return }
                connection.send(plain("first"))
            }
        }
        let client = try HTTPClientPool()
        var request = HTTPClientRequest(method: "POST", url: server.url(), body: Array("pay".utf8))
        _ = try await client.send(request)
        request.usesFreshConnection = isFresh
        #expect(await code { _ = try await client.send(request) } == .connectionLost)
        #expect(count.value == (isFresh ? 2 : 3))
        await client.shutDown()
    }

    @Test func connectsToThePinnedAddress() async throws {
        let server = try answering(plain("pinned"))
        let client = try HTTPClientPool()
        var request = HTTPClientRequest(url: "http://name.invalid:\(server.port)/")
        request.connectAddress = "127.0.0.1"
        #expect(try await client.send(request).body == Array("pinned".utf8))
        await client.shutDown()
    }
}

/// A value that several threads may change.
final class Box<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) {
        state = Mutex(value)
    }
    var value: Value { state.withLock { $0 } }
    func update(_ change: @Sendable (inout Value) -> Void) {
        state.withLock { change(&$0) }
    }
}
