import Glibc
import HTTPClient
import Testing

@Suite(.timeLimit(.minutes(1)))
struct HTTPClientStreamTests {
    private static let chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    /// Waits until the condition holds; the suite's time limit ends a wait that is in vain.
    private func until(_ condition: () -> Bool) async throws {
        while !condition() {
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    @Test func givesTheHeadAndPiecesAsTheyArrive() async throws {
        let gate = Box(0)
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.chunkedHead)
            for (index, text) in ["one", "two"].enumerated() {
                while gate.value <= index { usleep(1000) }
                connection.send("3\r\n\(text)\r\n")
            }
            connection.send("0\r\n\r\n")
        }
        let client = try HTTPClientPool()
        let stream = try await client.stream(HTTPClientRequest(url: server.url()))
        #expect(stream.status == 200)
        var iterator = stream.body.makeAsyncIterator()
        gate.update { $0 = 1 }
        #expect(try await iterator.next() == Array("one".utf8))
        gate.update { $0 = 2 }
        #expect(try await iterator.next() == Array("two".utf8))
        #expect(try await iterator.next() == nil)
        #expect(try await iterator.next() == nil)
        await client.shutDown()
    }

    @Test func aCutBodyThrowsAfterWhatArrived() async throws {
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.chunkedHead + "3\r\none\r\n")
        }
        let client = try HTTPClientPool()
        let stream = try await client.stream(HTTPClientRequest(url: server.url()))
        var bytes: [UInt8] = []
        var failure: HTTPClientError?
        do {
            for try await piece in stream.body {
                bytes += piece
            }
        } catch {
            failure = error
        }
        #expect(bytes == Array("one".utf8))
        #expect(failure?.code == .connectionLost)
        await client.shutDown()
    }

    @Test func aSlowReaderStopsTheSender() async throws {
        let total = 32 << 20
        let sent = Box(0)
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.setSendTimeout(milliseconds: 30000)
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            let piece = [UInt8](repeating: 7, count: 65536)
            for _ in 0..<total / piece.count {
                guard connection.send(piece) == piece.count else { return }
                sent.update { $0 += 65536 }
            }
        }
        var configuration = HTTPClientPool.Configuration()
        configuration.streamBufferBytesMax = 100_000
        let client = try HTTPClientPool(configuration)
        let stream = try await client.stream(HTTPClientRequest(url: server.url()))
        // The sender has come to rest when nothing moved for 100 ms, well before it could have sent everything.
        var last = -1
        while sent.value != last || last == 0 {
            last = sent.value
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(sent.value < total / 2)
        var received = 0
        for try await piece in stream.body {
            received += piece.count
        }
        #expect(received == total)
        await client.shutDown()
    }

    @Test func cancellingTheTaskClosesTheConnection() async throws {
        let reached = Box(0)
        let server = try RawServer { connection in
            guard let request = connection.readRequest() else { return }
            reached.update { $0 += 1 }
            if request.contains("/stream") {
                connection.send(Self.chunkedHead + "3\r\none\r\n")
            }
            connection.waitForClose()
        }
        let client = try HTTPClientPool()
        let url = server.url()
        let sending = Task { await code { _ = try await client.send(HTTPClientRequest(url: url)) } }
        try await until { reached.value == 1 }
        let start = ContinuousClock.now
        sending.cancel()
        #expect(await sending.value == .cancelled)
        try await until { server.closedByPeerCount == 1 }
        let reading = Task {
            await code {
                let stream = try await client.stream(HTTPClientRequest(url: url + "stream"))
                for try await _ in stream.body {}
            }
        }
        try await until { reached.value == 2 }
        reading.cancel()
        #expect(await reading.value == .cancelled)
        try await until { server.closedByPeerCount == 2 }
        #expect(start.duration(to: .now) < .seconds(30))
        let early = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await code { _ = try await client.send(HTTPClientRequest(url: url)) }
        }
        #expect(await early.value == .cancelled)
        #expect(reached.value == 2)
        await client.shutDown()
    }

    @Test func droppingTheStreamClosesTheConnection() async throws {
        let server = try RawServer { connection in
            guard connection.readRequest() != nil else { return }
            connection.send(Self.chunkedHead + "3\r\none\r\n")
            connection.waitForClose()
        }
        let client = try HTTPClientPool()
        do {
            let stream = try await client.stream(HTTPClientRequest(url: server.url()))
            #expect(stream.status == 200)
        }
        try await until { server.closedByPeerCount == 1 }
        await client.shutDown()
    }

    @Test func timesOut() async throws {
        let server = try RawServer { connection in
            guard let request = connection.readRequest() else { return }
            if request.contains("/drip") {
                connection.send(Self.chunkedHead)
                while connection.send("1\r\n.\r\n") { usleep(20000) }
            } else if request.contains("/stall") {
                connection.send(Self.chunkedHead + "1\r\n.\r\n")
            }
            connection.waitForClose()
        }
        let client = try HTTPClientPool()
        func failure(_ path: String, timeout: Duration, idle: Duration?) async -> HTTPClientError.Code? {
            let request = HTTPClientRequest(url: server.url(path), timeout: timeout, idleTimeout: idle)
            return await code { _ = try await client.send(request) }
        }
        #expect(await failure("/silent", timeout: .milliseconds(60), idle: nil) == .timedOut)
        #expect(await failure("/silent", timeout: .seconds(30), idle: .milliseconds(60)) == .timedOut)
        #expect(await failure("/stall", timeout: .seconds(30), idle: .milliseconds(60)) == .timedOut)
        // Something arrives all the time, so only the total limit ends it.
        let start = ContinuousClock.now
        #expect(await failure("/drip", timeout: .milliseconds(300), idle: .milliseconds(200)) == .timedOut)
        #expect(start.duration(to: .now) >= .milliseconds(300))
        var late = HTTPClientRequest(url: server.url("/silent"))
        late.deadline = ContinuousClock.now.advanced(by: .milliseconds(-1))
        #expect(await code { _ = try await client.send(late) } == .timedOut)
        await client.shutDown()
    }

    @Test func aWaitForAConnectionTimesOutToo() async throws {
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.waitForClose()
        }
        var configuration = HTTPClientPool.Configuration()
        configuration.connectionsPerHostMax = 1
        configuration.transfersMax = 2
        let client = try HTTPClientPool(configuration)
        let url = server.url()
        let first = Task { await code { _ = try await client.send(HTTPClientRequest(url: url)) } }
        try await until { server.acceptedCount == 1 }
        // One runs, so of three more one waits for its connection and two are refused at once.
        let ends = await withTaskGroup(of: HTTPClientError.Code?.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    await code { _ = try await client.send(HTTPClientRequest(url: url, timeout: .milliseconds(300))) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(ends == [.overloaded, .overloaded, .timedOut])
        #expect(server.acceptedCount == 1)
        await client.shutDown()
        #expect(await first.value == .shutDown)
    }

    @Test func aWaitForAConnectionIsNoSilenceOfThePeer() async throws {
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                // Longer than the silence and the connecting that are allowed.
                if request.contains("/held") { usleep(900_000) }
                if request.contains("/silent") { return connection.waitForClose() }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
            }
        }
        var configuration = HTTPClientPool.Configuration()
        configuration.connectionsPerHostMax = 1
        configuration.connectTimeout = .milliseconds(200)
        let client = try HTTPClientPool(configuration)
        let held = HTTPClientRequest(url: server.url("/held"))
        let first = Task { try await client.send(held).status }
        try await until { server.acceptedCount == 1 }
        let waiting = HTTPClientRequest(
            url: server.url("/waiting"),
            timeout: .seconds(30),
            idleTimeout: .milliseconds(200)
        )
        #expect(try await client.send(waiting).status == 200)
        #expect(try await first.value == 200)

        // The silence after the wait counts.
        let second = Task { try await client.send(held).status }
        try await until { server.acceptedCount == 1 }
        let silent = HTTPClientRequest(
            url: server.url("/silent"),
            timeout: .seconds(30),
            idleTimeout: .milliseconds(200)
        )
        #expect(await code { _ = try await client.send(silent) } == .timedOut)
        #expect(try await second.value == 200)
        await client.shutDown()
    }

    @Test func thereIsRoomForAsManyExchangesAsAreAskedFor() {
        let few = HTTPClientPool.Configuration(exchangesMax: 1)
        #expect(few == HTTPClientPool.Configuration())
        let many = HTTPClientPool.Configuration(exchangesMax: 10_000)
        #expect(many.connectionsPerHostMax == 10_000)
        #expect(many.connectionsMax == 10_000)
        #expect(many.transfersMax == 10_000)
    }

    @Test func errorsHoldNoSecret() async throws {
        let secret = "s3cr3t"
        let server = try RawServer { connection in
            _ = connection.readRequest()
            connection.send("\(secret) \(secret)\r\n\r\n")
        }
        let client = try HTTPClientPool()
        for url in [
            server.url("/\(secret)?k=\(secret)"), "http://u:\(secret)@127.0.0.1/", "http://127.0.0.1:1/\(secret)",
        ] {
            var request = HTTPClientRequest(method: "POST", url: url, body: Array(secret.utf8))
            request.headers["Authorization"] = "Bearer \(secret)"
            do {
                _ = try await client.send(request)
                Issue.record("expected an error")
            } catch {
                #expect(!String(reflecting: error).contains(secret))
                #expect(!error.description.contains(secret))
            }
        }
        await client.shutDown()
    }
}
