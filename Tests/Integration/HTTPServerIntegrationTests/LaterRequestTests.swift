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
                // 4 KB each, so that a read of the server's 64 KB ends between two, with more and the end behind it.
                // The last request of the first read is slow: the client's end is known before it is answered.
                let requests = (0..<20).map { index in
                    let path = index == 15 ? "/slow" : "/target?\(index)"
                    let start = "GET \(path) HTTP/1.1\r\nHost: a\r\nX-Padding: "
                    return start + String(repeating: "x", count: 4_096 - start.utf8.count - 4) + "\r\n\r\n"
                }
                let socket = try await RawSocket.connect(port: port)
                // While this is answered the rest comes, and waits in the kernel.
                try await socket.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
                try await Task.sleep(for: .milliseconds(100))
                try await socket.write(requests.joined())
                socket.finishWriting()
                #expect(try await socket.readResponse().text == "slow")
                for index in requests.indices {
                    #expect(try await socket.readResponse().text == (index == 15 ? "slow" : "GET /target?\(index)"))
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
