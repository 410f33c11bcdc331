import HTTPServer
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// Requests behind others on the same connection.
    @Suite struct LaterRequestTests {
        @Test func aBrokenRequestBehindAGoodOneIsAnswered() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write("GET /target HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await socket.readResponse().status == 200)
                try await socket.write("BROKEN\r\n\r\n")
                let response = try await socket.readResponse()
                #expect(response.status == 400)
                #expect(response.isProblem)
            }
        }

        @Test func aSlowHeadBehindAGoodRequestIsAnswered() async throws {
            try await withServer(configured { $0.headTimeout = .milliseconds(300) }) { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write("GET /target HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await socket.readResponse().status == 200)
                try await socket.write("GET /tar")
                #expect(try await socket.readResponse().status == 408)
            }
        }

        @Test func everyPipelinedRequestIsAnsweredThoughTheClientSendsNoMore() async throws {
            try await withServer { port in
                // More than one read of the server takes.
                let padding = String(repeating: "x", count: 4_000)
                let requests = (0..<50).map { "GET /target?\($0) HTTP/1.1\r\nHost: a\r\nX-Padding: \(padding)\r\n\r\n" }
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(requests.joined())
                socket.finishWriting()
                for index in requests.indices {
                    #expect(try await socket.readResponse().text == "GET /target?\(index)")
                }
                #expect(try await socket.readToEnd() == [])
            }
        }

        @Test func aBareLineFeedIsRefusedAtOnce() async throws {
            try await withServer { port in
                let text = try await answer(port, to: "GET / HTTP/1.1\nHost: a\n\n")
                #expect(text.hasPrefix("HTTP/1.1 400 "))
            }
        }
    }
}
