import HTTPServer
import Synchronization
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// WebSockets whose sides are not equally fast, and tasks that share one.
    @Suite struct WebSocketPaceTests {
        @Test func aSlowReaderCanBeClosed() async throws {
            let closed = Counter()
            let handler: HTTPHandler = { _ in
                HTTPResponse(
                    status: 101,
                    body: .webSocket { socket in
                        while await socket.queuedBytes < 512 << 10 {
                            try? await withTimeout(.milliseconds(50)) {
                                try? await socket.send(binary: [UInt8](repeating: 1, count: 64 << 10))
                            }
                        }
                        await socket.close(code: 1013, reason: "too slow")
                        closed.add(1)
                    }
                )
            }
            try await withServer(
                configured { configuration in
                    configuration.highWaterBytes = 1 << 20
                    configuration.webSocketCloseTimeout = .milliseconds(100)
                },
                handler: handler
            ) { port in
                let socket = try await RawSocket.webSocket(port: port)
                try await eventually("the application to close") { closed.value == 1 }
                // Longer than it may take to answer: it cannot answer what it has not been sent.
                try await Task.sleep(for: .seconds(1))
                // A client that wakes up now reads what was sent, and why it ended.
                var code: UInt16?
                while code == nil { code = try await socket.readFrame().closeCode }
                #expect(code == 1013)
            }
        }
    }
}
