import HTTPServer
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// What two parsers could read in two ways is refused, and answered by the server itself.
    @Suite struct RequestFramingTests {
        static let refused: [(name: String, status: Int, request: String)] = [
            ("length and chunks", 400, post("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
            ("chunks and length", 400, post("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n")),
            ("two equal lengths", 400, post("Content-Length: 2\r\nContent-Length: 2", "hi")),
            ("two lengths", 400, post("Content-Length: 2\r\nContent-Length: 3", "hi!")),
            ("a list of lengths", 400, post("Content-Length: 2, 2", "hi")),
            ("a signed length", 400, post("Content-Length: +2", "hi")),
            ("a negative length", 400, post("Content-Length: -2", "hi")),
            ("a hexadecimal length", 400, post("Content-Length: 0x2", "hi")),
            ("an empty length", 400, post("Content-Length:", "hi")),
            ("a length with a space", 400, post("Content-Length: 1 1", "hi")),
            ("an enormous length", 400, post("Content-Length: 99999999999999999999", "hi")),
            ("two codings", 400, post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n")),
            ("gzip coding", 501, post("Transfer-Encoding: gzip, chunked", "0\r\n\r\n")),
            ("identity coding", 501, post("Transfer-Encoding: identity", "hi")),
            ("chunked twice in a list", 501, post("Transfer-Encoding: chunked, chunked", "0\r\n\r\n")),
            (
                "chunks in HTTP/1.0", 400,
                "POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            ("a folded header", 400, get("X-A: 1\r\n folded")),
            ("a folded first header", 400, "GET / HTTP/1.1\r\n X: 1\r\nHost: a\r\n\r\n"),
            ("a space before the colon", 400, get("X-A : 1")),
            ("a header without a name", 400, get(": 1")),
            ("a header without a colon", 400, get("X-A")),
            ("a NUL in a header", 400, get("X-A: a\0b")),
            ("a bare CR in a header", 400, get("X-A: a\rb")),
            ("a bare LF in a header", 400, get("X-A: a\nX-B: b")),
            ("a name that is no token", 400, get("X(A): 1")),
            ("a space in the target", 400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("no target", 400, "GET HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("two spaces", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("a method that is no token", 400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("HTTP/2", 505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
            ("HTTP/1.2", 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
            ("HTTP/0.9", 400, "GET /\r\n\r\n"),
            ("a lower-case protocol", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
            ("no host", 400, "GET / HTTP/1.1\r\n\r\n"),
            ("two hosts", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
            ("a host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
            ("a list of hosts", 400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
            ("a TLS hello", 400, "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}"),
            ("a chunk without a size", 400, post("Transfer-Encoding: chunked", "\r\nhi\r\n0\r\n\r\n")),
            ("a chunk with a signed size", 400, post("Transfer-Encoding: chunked", "+2\r\nhi\r\n0\r\n\r\n")),
            ("a chunk that is longer", 400, post("Transfer-Encoding: chunked", "2\r\nhi!\r\n0\r\n\r\n")),
            ("a chunk's line in bare LF", 400, post("Transfer-Encoding: chunked", "2\nhi\r\n0\r\n\r\n")),
            ("an enormous chunk", 400, post("Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFFF\r\nhi")),
        ]

        static func get(_ headers: String) -> String { "GET /target HTTP/1.1\r\nHost: a\r\n\(headers)\r\n\r\n" }

        static func post(_ headers: String, _ body: String) -> String {
            "POST /echo HTTP/1.1\r\nHost: a\r\n\(headers)\r\n\r\n\(body)"
        }

        @Test func refusesWhatIsAmbiguous() async throws {
            try await withServer { port in
                for (name, status, request) in Self.refused {
                    let socket = try await RawSocket.connect(port: port)
                    // What follows must not be taken for a request of its own.
                    try await socket.write(request + "GET /target HTTP/1.1\r\nHost: smuggled\r\n\r\n")
                    let response = try await socket.readResponse()
                    #expect(response.status == status, "\(name)")
                    #expect(response.isProblem, "\(name)")
                    #expect(response.headers["connection"] == "close", "\(name)")
                    #expect(try await socket.readToEnd() == [], "\(name)")
                }
            }
        }

        @Test func bareLineFeedsAreNoEndOfAHead() async throws {
            try await withServer(configured { $0.headTimeout = .milliseconds(200) }) { port in
                let text = try await answer(port, to: "GET /target HTTP/1.1\nHost: a\n\n")
                #expect(text.hasPrefix("HTTP/1.1 400 ") || text.hasPrefix("HTTP/1.1 408 "))
            }
        }

        @Test func pipelinedRequestsAreAnsweredInOrder() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(
                    "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + Self.post("Content-Length: 3", "one")
                        + Self.post("Transfer-Encoding: chunked", "3\r\ntwo\r\n0\r\n\r\n")
                        + "\r\nGET /target HTTP/1.1\r\nHost: a\r\n\r\n"
                )
                var texts: [String] = []
                for _ in 0..<4 { texts.append(try await socket.readResponse().text) }
                #expect(texts == ["slow", "one", "two", "GET /target"])
            }
        }

        @Test func manyPipelinedRequestsInOneWrite() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                let count = 2_000
                try await socket.write(
                    (0..<count).map { Self.post("Content-Length: \("\($0)".utf8.count)", "\($0)") }.joined()
                )
                for index in 0..<count {
                    #expect(try await socket.readResponse().text == "\(index)")
                }
            }
        }

        @Test func aRequestMayComeByteByByte() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                let request = Self.post("Transfer-Encoding: chunked", "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n")
                for byte in request.utf8 { try await socket.write([byte]) }
                #expect(try await socket.readResponse().text == "hello!")
                try await socket.write("GET /target HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await socket.readResponse().text == "GET /target")
            }
        }

        @Test func aBodyAtTheLimitAndOneOver() async throws {
            try await withServer(configured { $0.bodyBytesMax = 1_000 }) { port in
                let fits = String(repeating: "b", count: 1_000)
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(Self.post("Content-Length: 1000", fits))
                #expect(try await socket.readResponse().text == fits)
                try await socket.write(Self.post("Transfer-Encoding: chunked", "3E8\r\n\(fits)\r\n0\r\n\r\n"))
                #expect(try await socket.readResponse().text == fits)
                try await socket.write(Self.post("Content-Length: 1001", fits + "b"))
                let announced = try await socket.readResponse()
                #expect(announced.status == 413)
                #expect(announced.isProblem)
                #expect(try await socket.readToEnd() == [])

                let other = try await RawSocket.connect(port: port)
                try await other.write(Self.post("Transfer-Encoding: chunked", "3E8\r\n\(fits)\r\n1\r\nb\r\n0\r\n\r\n"))
                #expect(try await other.readResponse().status == 413)
                #expect(try await other.readToEnd() == [])
            }
        }

        @Test func aHeadAtTheLimitAndOneOver() async throws {
            try await withServer(configured { $0.headBytesMax = 1_024 }) { port in
                let frame = Self.get("X-Fill: ").utf8.count
                let fits = Self.get("X-Fill: " + String(repeating: "f", count: 1_024 - frame))
                #expect(fits.utf8.count == 1_024)
                let socket = try await RawSocket.connect(port: port)
                for _ in 0..<2 {
                    try await socket.write(fits)
                    #expect(try await socket.readResponse().text == "GET /target")
                }
                try await socket.write(Self.get("X-Fill: " + String(repeating: "f", count: 1_025 - frame)))
                try await expectTooLarge(socket)
            }
        }

        @Test func headersAtTheLimitAndOneOver() async throws {
            try await withServer(configured { $0.headersMax = 20 }) { port in
                func request(_ count: Int) -> String {
                    // The host is one of them.
                    Self.get((1..<count).map { "X-\($0): v" }.joined(separator: "\r\n"))
                }
                let socket = try await RawSocket.connect(port: port)
                for _ in 0..<2 {
                    try await socket.write(request(20))
                    #expect(try await socket.readResponse().text == "GET /target")
                }
                try await socket.write(request(21))
                try await expectTooLarge(socket)
            }
        }

        private func expectTooLarge(_ socket: RawSocket) async throws {
            let response = try await socket.readResponse()
            #expect(response.status == 431)
            #expect(response.isProblem)
            #expect(response.text.contains(#""code":"headers_too_large""#))
            #expect(response.headers["connection"] == "close")
            #expect(try await socket.readToEnd() == [])
        }

        @Test func trailersHaveALimit() async throws {
            try await withServer(configured { $0.headBytesMax = 1_024 }) { port in
                let fill = String(repeating: "x", count: 1_100)
                let text = try await answer(
                    port,
                    to: Self.post("Transfer-Encoding: chunked", "1\r\na\r\n0\r\nX-T: \(fill)\r\n\r\n")
                )
                #expect(text.hasPrefix("HTTP/1.1 431 "))
            }
        }
    }
}
