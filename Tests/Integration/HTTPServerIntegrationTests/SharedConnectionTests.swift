import HTTPServer
import Synchronization
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// Several tasks of an application on one connection, cancelled tasks among them.
    @Suite struct SharedConnectionTests {
        private static let pieceBytes = 16 << 10
        private static let pieces = 8

        /// Two tasks that write at once, each more than may wait.
        private static let twoWriters: HTTPHandler = { _ in
            HTTPResponse(
                status: 200,
                body: .stream { writer in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for letter in "ab".utf8 {
                            group.addTask {
                                for _ in 0..<pieces {
                                    try await writer.write([UInt8](repeating: letter, count: pieceBytes))
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                }
            )
        }

        @Test func tasksThatWaitForRoomInAStreamAllGoOn() async throws {
            try await withServer(configured { $0.highWaterBytes = 1 }, handler: Self.twoWriters) { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                let body = try await socket.readResponse().body
                for letter in "ab".utf8 {
                    #expect(body.count { $0 == letter } == Self.pieces * Self.pieceBytes)
                }
            }
        }

        @Test func tasksThatWaitForRoomInAWebSocketAllGoOn() async throws {
            let handler: HTTPHandler = { _ in
                HTTPResponse(
                    status: 101,
                    body: .webSocket { socket in
                        await withTaskGroup(of: Void.self) { group in
                            for letter in "ab".utf8 {
                                group.addTask {
                                    for _ in 0..<Self.pieces {
                                        try? await socket.send(
                                            binary: [UInt8](repeating: letter, count: Self.pieceBytes)
                                        )
                                    }
                                }
                            }
                        }
                        await socket.close(code: 1000, reason: "")
                    }
                )
            }
            try await withServer(configured { $0.highWaterBytes = 1 }, handler: handler) { port in
                let socket = try await RawSocket.webSocket(port: port)
                var frames: [RawFrame] = []
                while frames.last?.opcode != 8 { frames.append(try await socket.readFrame()) }
                #expect(frames.count { $0.opcode == 2 } == 2 * Self.pieces)
                #expect(frames.last?.closeCode == 1000)
            }
        }

        @Test func afterACancelledReceiveTheNextOneStillWaits() async throws {
            // Other tests of this process keep processors busy too: only this server's thread counts.
            let loop = ThreadClock()
            let handler: HTTPHandler = { _ in
                HTTPResponse(
                    status: 101,
                    body: .webSocket { socket in
                        loop.takeThisThread()
                        try? await withTimeout(.milliseconds(20)) { _ = await socket.receive() }
                        try? await socket.send(text: "cancelled")
                        guard case .text(let text) = await socket.receive() else { return }
                        try? await socket.send(text: text)
                    }
                )
            }
            try await withServer(handler: handler) { port in
                let socket = try await RawSocket.webSocket(port: port)
                #expect(try await socket.readFrame() == .unmaskedText("cancelled"))
                let before = try #require(loop.processorTime)
                try await Task.sleep(for: .milliseconds(300))
                let used = try #require(loop.processorTime) - before
                #expect(used < .milliseconds(50), "the task that receives keeps a core busy")
                try await socket.write(RawFrame.text("still here"))
                #expect(try await socket.readFrame() == .unmaskedText("still here"))
            }
        }

        @Test func aCancelledWriterDoesNotWaitForTheClient() async throws {
            let cancelled = Counter()
            let handler: HTTPHandler = { _ in
                HTTPResponse(
                    status: 101,
                    body: .webSocket { socket in
                        try? await withTimeout(.milliseconds(50)) {
                            while true { try await socket.send(binary: [UInt8](repeating: 0, count: 1 << 20)) }
                        }
                        cancelled.add(1)
                    }
                )
            }
            try await withServer(handler: handler) { port in
                let socket = try await RawSocket.webSocket(port: port)
                try await eventually("the writer to end") { cancelled.value == 1 }
                socket.close()
            }
        }

        @Test func aWebSocketMayBeKeptLongerThanItsConnection() async throws {
            let kept = Mutex<WebSocketConnection?>(nil)
            let handler: HTTPHandler = { _ in
                HTTPResponse(status: 101, body: .webSocket { socket in kept.withLock { $0 = socket } })
            }
            try await withServer(handler: handler) { port in
                let socket = try await RawSocket.webSocket(port: port)
                #expect(try await socket.readFrame().closeCode == 1000)
                socket.close(reset: true)
            }
            let socket = try #require(kept.withLock { $0 })
            // The server is gone too.
            #expect(await socket.receive() == nil)
            await #expect(throws: HTTPConnectionError.closed) { try await socket.send(text: "x") }
            await socket.close(code: 1000, reason: "")
        }
    }
}

extension RawFrame {
    /// A text as the server sends it.
    static func unmaskedText(_ text: String) -> RawFrame {
        RawFrame(opcode: 1, payload: Array(text.utf8))
    }
}
