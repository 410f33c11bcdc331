import HTTPServer
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// The end of a server.
    @Suite struct ShutdownTests {
        private let slow = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"

        private func start(_ handler: @escaping HTTPHandler) async throws -> (HTTPListener, UInt16) {
            var configuration = HTTPServerConfiguration()
            configuration.loops = 2
            let server = HTTPListener(configuration: configuration, handler: handler)
            return (server, try await server.start())
        }

        @Test func requestsInFlightAreFinished() async throws {
            let (server, port) = try await start { try await TestApplication.handle($0) }
            let busy = try await RawSocket.connect(port: port)
            try await busy.write(slow + slow)
            let idle = try await RawSocket.connect(port: port)
            try await Task.sleep(for: .milliseconds(100))
            await server.shutdown(gracePeriod: .seconds(5))
            let response = try await busy.readResponse()
            #expect(response.text == "slow")
            #expect(response.headers["connection"] == "close")
            // The one behind it was not begun, so its sender may try again elsewhere.
            #expect(try await busy.readToEnd() == [])
            #expect(try await idle.readToEnd() == [])
            await #expect(throws: TestKitError.self) { try await RawSocket.connect(port: port) }
        }

        @Test func webSocketsAreClosedWith1001() async throws {
            let (server, port) = try await start { _ in HTTPResponse(status: 101, body: .webSocket(WebSocketTests.echo))
            }
            let socket = try await RawSocket.webSocket(port: port)
            async let ended: Void = server.shutdown(gracePeriod: .seconds(5))
            #expect(try await socket.readFrame().closeCode == 1001)
            try await socket.write(RawFrame.close(1001))
            #expect(try await socket.readToEnd() == [])
            await ended
        }

        @Test func theGracePeriodIsALimit() async throws {
            let ended = Counter()
            let (server, port) = try await start { _ in
                defer { ended.add(1) }
                try await Task.sleep(for: .seconds(60))
                return HTTPResponse(status: 200)
            }
            let busy = try await RawSocket.connect(port: port)
            try await busy.write(slow)
            try await Task.sleep(for: .milliseconds(100))
            let began = ContinuousClock.now
            await server.shutdown(gracePeriod: .milliseconds(200))
            #expect(ContinuousClock.now - began < .seconds(30), "it waited for the handler")
            #expect(try await busy.readToEnd() == [])
            try await eventually("the handler to be cancelled") { ended.value == 1 }
        }

        @Test func aServerThatNobodyKeepsEnds() async throws {
            let ended = Counter()
            var server: HTTPListener?
            let port: UInt16
            (server, port) = try await start { request in
                if request.path == "/usual" { return TestApplication.text("usual") }
                defer { ended.add(1) }
                try await Task.sleep(for: .seconds(60))
                return HTTPResponse(status: 200)
            }
            let idle = try await RawSocket.connect(port: port)
            try await idle.write("GET /usual HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await idle.readResponse().text == "usual")
            let busy = try await RawSocket.connect(port: port)
            try await busy.write(slow)
            #expect(server?.port == port)
            server = nil
            #expect(try await idle.readToEnd() == [])
            #expect(try await busy.readToEnd() == [])
            try await eventually("nobody to listen") { (try? await RawSocket.connect(port: port)) == nil }
        }
    }
}
