import HTTPServer
import Synchronization
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// What is left over when an exchange or a connection ends.
    @Suite struct ClosingTests {
        @Test func aWebSocketWithUnreadMessagesIsClosedInOrder() async throws {
            let handler: HTTPHandler = { _ in
                HTTPResponse(
                    status: 101,
                    // Takes the first message and goes, while more wait than the server takes at once.
                    body: .webSocket { socket in
                        _ = await socket.receive()
                        try? await Task.sleep(for: .milliseconds(200))
                    }
                )
            }
            try await withServer(configured { $0.webSocketCloseTimeout = .seconds(60) }, handler: handler) { port in
                let socket = try await RawSocket.webSocket(port: port)
                for _ in 0..<30 {
                    try await socket.write([[UInt8]](repeating: RawFrame.text("more").bytes, count: 50).joined())
                }
                #expect(try await socket.readFrame().closeCode == 1000)
                try await socket.write(RawFrame.close(1000))
                #expect(try await socket.readToEnd(timeout: .seconds(30)) == [])
            }
        }

        @Test func theEndBehindAPartOfARequestIsSeen() async throws {
            try await withServer(configured { $0.headTimeout = .seconds(60) }) { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
                // While the handler runs nothing is read: the part and the end wait together, and are one event.
                try await Task.sleep(for: .milliseconds(50))
                try await socket.write("GET /tar")
                socket.finishWriting()
                #expect(try await socket.readResponse().text == "slow")
                #expect(try await socket.readToEnd(timeout: .seconds(30)) == [])
            }
        }

        @Test func aWebSocketClientThatDoesNotReadIsCutOff() async throws {
            let ended = Counter()
            let handler: HTTPHandler = { _ in
                HTTPResponse(
                    status: 101,
                    body: .webSocket { socket in
                        let message = [UInt8](repeating: 67, count: 64 << 10)
                        while (try? await socket.send(binary: message)) != nil {}
                        ended.add(1)
                    }
                )
            }
            try await withServer(configured { $0.writeStallTimeout = .milliseconds(300) }, handler: handler) { port in
                let socket = try await RawSocket.webSocket(port: port)
                try await eventually("the sender to be told") { ended.value == 1 }
                socket.close()
            }
        }

        @Test func aWriterThatWasKeptCannotWriteIntoALaterAnswer() async throws {
            let kept = Mutex<HTTPBodyWriter?>(nil)
            let refused = Counter()
            let handler: HTTPHandler = { request in
                HTTPResponse(
                    status: 200,
                    body: .stream { writer in
                        try await writer.write(Array(request.path.utf8))
                        guard let earlier = kept.withLock({ $0 }) else {
                            kept.withLock { $0 = writer }
                            return
                        }
                        do { try await earlier.write(Array("stray".utf8)) } catch { refused.add(1) }
                    }
                )
            }
            try await withServer(handler: handler) { port in
                let socket = try await RawSocket.connect(port: port)
                for path in ["/first", "/second"] {
                    try await socket.write("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                    #expect(try await socket.readResponse().text == path)
                }
                #expect(refused.value == 1)
            }
        }

        @Test func aBodyThatWasKeptIsNotThatOfALaterRequest() async throws {
            let kept = Mutex<HTTPRequestBody?>(nil)
            let handler: HTTPHandler = { request in
                guard let earlier = kept.withLock({ $0 }) else {
                    kept.withLock { $0 = request.body }
                    return TestApplication.text("kept")
                }
                let stray = try? await earlier.collect()
                let own = try await request.body.collect()
                return TestApplication.text("\(stray == nil) \(String(decoding: own, as: UTF8.self))")
            }
            try await withServer(handler: handler) { port in
                let socket = try await RawSocket.connect(port: port)
                for answer in ["kept", "true secret"] {
                    try await socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nsecret")
                    #expect(try await socket.readResponse().text == answer)
                }
            }
        }
    }
}
