import JSON
import TestKit
import Testing

/// What becomes of streams when the database fails under them, and when a client does not read.
@Suite(.timeLimit(.minutes(4)), .serviceLogs)
struct StreamFaultTests {
    private static let patience = Duration.seconds(60)

    @Test("Postgres fails while a stream is read from it: the client is told, and resumes; others go on")
    func postgresGone() async throws {
        var options = PlatformOptions()
        options.ownsPostgres = true
        try await withOwnPlatform(options) { platform in
            var client = platform.client
            client.timeout = .seconds(200)
            let session = unique("broken")
            let live = try await client.stream(session)
            defer { live.cancel() }
            let liveSocket = try await client.webSocket(session)
            var following = live.makeIterator()
            _ = try await client.post("one", session: session)
            let first = try await following.events(through: \.isFinal)
            #expect(try await liveSocket.events(through: \.isFinal) == first)

            // What a new stream reads first is locked, so that it has begun when the database goes.
            let (stream, socket) = try await platform.locking("session_events") {
                let stream = try await openStream(client, session)
                let socket = try await client.webSocket(session, after: "0")
                try await eventually("both to read", timeout: Self.patience) {
                    try await platform.waitingForLocks("%session_events%") >= 2
                }
                try await platform.postgres.stopImmediately()
                return (stream, socket)
            }
            let end = String(decoding: try await stream.readToEnd(timeout: Self.patience), as: UTF8.self)
            #expect(end.contains(": the stream failed: resume after the last id\nretry: 1000\n"))
            #expect(!end.hasSuffix("\r\n0\r\n\r\n"), "the body looks whole")
            #expect(try await socket.next() == .closed(1011))
            #expect(platform.gateway.isRunning)

            try await platform.postgres.startAgain()
            try await eventually("a message to be accepted", timeout: Self.patience, interval: .milliseconds(100)) {
                _ = try await client.post("two", session: session)
                return true
            }
            // Streams that had nothing to read are as they were.
            let second = try await following.events(through: \.isFinal)
            #expect(try await liveSocket.events(through: \.isFinal) == second)
            #expect(second.shape == ["turn.started", "delta", "message"])
            // And those that failed go on behind what their client has seen.
            let rest = second.filter { $0.type != "delta" }
            let resumed = try await client.stream(session, lastEventID: first.last?.id)
            #expect(try await resumed.events(through: \.isFinal) == rest)
            resumed.cancel()
            let resumedSocket = try await client.webSocket(session, after: first.last?.id)
            #expect(try await resumedSocket.events(through: \.isFinal) == rest)
            try await resumedSocket.close()
            try await liveSocket.close()
        }
    }

    @Test("Who follows a turn that is silent while Postgres is away goes on following it")
    func postgresGoneInASilentTurn() async throws {
        var options = PlatformOptions()
        options.ownsPostgres = true
        try await withOwnPlatform(options) { platform in
            var client = platform.client
            client.timeout = .seconds(200)
            let session = unique("silent")
            let stream = try await client.stream(session)
            defer { stream.cancel() }
            let socket = try await client.webSocket(session)
            let marker = platform.model.answer { _, _ in .text("at last").delayed(firstByte: .seconds(3)) }
            var following = stream.makeIterator()
            _ = try await client.post("Tell me \(marker)", session: session)
            _ = try await following.events { $0.type == "turn.started" }
            try await platform.postgres.stopImmediately()
            // Longer than the silence after which a gateway looks into the database.
            try await Task.sleep(for: .seconds(8))
            try await platform.postgres.startAgain()
            // Both are read at once: a WebSocket that nobody reads answers no ping, and is cut off for it.
            async let told = socket.events(through: \.isFinal)
            #expect(try await following.events(through: \.isFinal).last?.type == "message")
            #expect(try await told.last?.type == "message")
            try await socket.close()
        }
    }

    /// A stream of server-sent events whose bytes the test reads itself; the status has come.
    private func openStream(_ client: PlatformClient, _ session: String) async throws -> RawSocket {
        let socket = try await RawSocket.connect(port: client.port)
        try await socket.write(
            "GET /v1/session/\(session)/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                + "Authorization: Bearer \(client.key ?? "")\r\n\r\n"
        )
        let head = String(decoding: try await socket.read(until: "\r\n\r\n", timeout: Self.patience), as: UTF8.self)
        #expect(head.hasPrefix("HTTP/1.1 200 "))
        return socket
    }

    @Test("A WebSocket that reads too slowly is closed with 1013, and resumes without a gap and without a repeat")
    func slowReader() async throws {
        var options = PlatformOptions()
        options.gateway["PARLEY_STREAM_QUEUE_MAX"] = "8"
        try await withOwnPlatform(options) { platform in
            let client = platform.client
            let session = unique("slow")
            let text = String(repeating: "x", count: 200_000)
            let marker = platform.model.answer { _, _ in .text(text) }
            // 10 MB of events: more than kernel and gateway hold for a connection, besides the queue.
            let slow = try await client.webSocket(session, receiveBytes: 4096)
            var seen: [StreamedEvent] = []
            var last = ""
            var isCutOff = false
            try await eventually("the follower") { try await client.followers() == 1 }
            for _ in 1...25 where !isCutOff {
                last = try await client.post("Tell me \(marker)", session: session).eventID
                try await eventually("the end of the turn or of the stream", timeout: Self.patience) {
                    isCutOff = try await client.followers() == 0
                    if isCutOff { return true }
                    return (try? await client.finishedTurn(last, timeout: .zero)) != nil
                }
                // Not reading at all would end the connection, and with it what the test is about. Who was cut off
                // reads the rest at once: it is kept for 5 s.
                if !isCutOff { seen += try await slow.events { _ in true } }
            }
            var closed: Int?
            while closed == nil {
                switch try await slow.next() {
                case .message(let json): seen.append(StreamedEvent(json: json))
                case .closed(let code): closed = code
                }
            }
            #expect(closed == 1013)
            let isLast = { [last] (event: StreamedEvent) in event.isFinal && event.turnID == last }
            #expect(!seen.contains(where: isLast), "it was not slow enough to be cut off")

            // A turn that has ended comes without its deltas.
            _ = try await client.finishedTurn(last)
            let all = try await client.stream(session, after: "0")
            let expected = try await all.events(through: isLast)
            all.cancel()
            let resumed = try await client.webSocket(session, after: seen.last?.id)
            seen += try await resumed.events(through: isLast)
            try await resumed.close()
            #expect(seen.isInOrder)
            #expect(Set(seen.map(\.id)).count == seen.count)
            #expect(seen.filter { $0.type != "delta" } == expected)
        }
    }
}

extension PlatformClient {
    /// How many clients follow sessions at this gateway, as it says itself.
    fileprivate func followers() async throws -> Int {
        let metrics = String(decoding: try await get("/metrics").body, as: UTF8.self)
        let line = try #require(metrics.split(separator: "\n").first { $0.hasPrefix("parley_streams ") })
        return try #require(Double(line.dropFirst("parley_streams ".count)).map { Int($0) })
    }
}
