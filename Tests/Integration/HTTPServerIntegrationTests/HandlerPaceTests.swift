import Glibc
import HTTPServer
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// Handlers that take their time, or go on when their connection does not.
    @Suite struct HandlerPaceTests {
        @Test func theTimeOfAHandlerIsNotTheClients() async throws {
            // The body waits at the high-water mark three times as long as the client may pause.
            let handler: HTTPHandler = { request in
                try await Task.sleep(for: .milliseconds(900))
                var size = 0
                while let piece = try await request.body.next() { size += piece.count }
                return TestApplication.text("\(size)")
            }
            try await withServer(
                configured { configuration in
                    configuration.bodyIdleTimeout = .milliseconds(300)
                    configuration.highWaterBytes = 1_000
                },
                handler: handler
            ) { port in
                let socket = try await RawSocket.connect(port: port)
                let size = 600_000
                try await socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
                try await socket.write([UInt8](repeating: 120, count: size))
                let response = try await socket.readResponse()
                #expect(response.status == 200)
                #expect(response.text == "\(size)")
            }
        }

        @Test func aClientMayWaitForContinue() async throws {
            let handler: HTTPHandler = { request in
                try await Task.sleep(for: .milliseconds(2500))
                return HTTPResponse(status: 200, body: .bytes(try await request.body.collect()))
            }
            try await withServer(configured { $0.bodyIdleTimeout = .seconds(2) }, handler: handler) { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(
                    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
                )
                #expect(try await socket.readResponse(withoutBody: true).status == 100)
                try await socket.write("ok")
                #expect(try await socket.readResponse().text == "ok")
            }
        }

        @Test func aHandlerMayTakeLessThanTheServer() async throws {
            let handler: HTTPHandler = { request in
                HTTPResponse(status: 200, body: .bytes(try await request.body.collect(10)))
            }
            try await withServer(handler: handler) { port in
                let start = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                let whole = try await answer(port, to: start + "Content-Length: 10\r\n\r\n0123456789")
                #expect(whole.hasSuffix("0123456789"))
                let over = try await answer(port, to: start + "Content-Length: 11\r\n\r\n0123456789a")
                #expect(over.hasPrefix("HTTP/1.1 413 "))
                // The limit is seen when it is passed, not at an end that does not come.
                let chunks = "Transfer-Encoding: chunked\r\n\r\nb\r\n0123456789a"
                #expect(try await answer(port, to: start + chunks).hasPrefix("HTTP/1.1 413 "))
            }
        }

        @Test func aHandlerMayOutliveTheServer() async throws {
            let (started, released, ended) = (Counter(), Counter(), Counter())
            // Deaf to its cancellation.
            let handler: HTTPHandler = { _ in
                started.add(1)
                while released.value == 0 { await Task.yield() }
                ended.add(1)
                return HTTPResponse(status: 200)
            }
            let server = HTTPListener(configuration: HTTPServerConfiguration(), handler: handler)
            let port = try await server.start()
            let socket = try await RawSocket.connect(port: port)
            try await socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually("the handler to begin") { started.value == 1 }
            await server.shutdown(gracePeriod: .zero)
            #expect(try await socket.readToEnd() == [])
            released.add(1)
            try await eventually("the handler to end") { ended.value == 1 }
        }

        @Test func aStreamThatSaysNothingEndsWithItsClient() async throws {
            let ended = Counter()
            let handler: HTTPHandler = { _ in
                // The client sends its end before the stream begins; it is not reset, which would be noticed anyway.
                try await Task.sleep(for: .milliseconds(200))
                return HTTPResponse(
                    status: 200,
                    body: .stream { _ in
                        defer { ended.add(1) }
                        try await Task.sleep(for: .seconds(60))
                    }
                )
            }
            try await withServer(handler: handler) { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                socket.finishWriting()
                try await eventually("the stream to end") { ended.value == 1 }
            }
        }

        @Test func requestsKnowWhereTheyComeFrom() async throws {
            let handler: HTTPHandler = { request in TestApplication.text(request.remoteAddress) }
            try await withServer(handler: handler) { port in
                let text = try await answer(port, to: "GET / HTTP/1.0\r\n\r\n")
                #expect(text.hasSuffix("\r\n\r\n127.0.0.1"))
            }
        }
    }
}
