import HTTPServer
import Synchronization
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// What answers look like on the wire.
    @Suite struct AnswerTests {
        private func get(_ path: String, _ headers: String = "") -> String {
            "GET \(path) HTTP/1.1\r\nHost: a\r\n\(headers)\r\n"
        }

        @Test func anAnswerHasLengthDateAndStaysOpen() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                for _ in 0..<3 {
                    try await socket.write(get("/target"))
                    let response = try await socket.readResponse()
                    #expect(response.statusLine == "HTTP/1.1 200 OK")
                    #expect(response.headers["content-length"] == "11")
                    #expect(response.headers["date"]?.hasSuffix(" GMT") == true)
                    #expect(response.headers["connection"] == nil)
                }
            }
        }

        @Test func connectionCloseIsObeyed() async throws {
            try await withServer { port in
                let text = try await answer(port, to: get("/target", "Connection: keep-alive, Close\r\n"))
                #expect(text.contains("\r\nconnection: close\r\n"))
                #expect(text.hasSuffix("GET /target"))
            }
        }

        @Test func http10ClosesUnlessAskedNotTo() async throws {
            try await withServer { port in
                let closed = try await answer(port, to: "GET /target HTTP/1.0\r\n\r\n")
                #expect(closed.hasSuffix("GET /target"))
                let socket = try await RawSocket.connect(port: port)
                for _ in 0..<2 {
                    try await socket.write("GET /target HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                    #expect(try await socket.readResponse().headers["connection"] == "keep-alive")
                }
                // HTTP/1.0 knows no chunks: a stream ends with the connection.
                let stream = try await answer(port, to: "GET /events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(!stream.contains("transfer-encoding"))
                #expect(stream.hasSuffix("data: line\ndata: 2\n\n"))
            }
        }

        @Test func headHasNoBody() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write("HEAD /ignore HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await socket.readResponse(withoutBody: true).headers["content-length"] == "7")
                try await socket.write("HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try await socket.readResponse(withoutBody: true).status == 200)
                try await socket.write(get("/target"))
                #expect(try await socket.readResponse().text == "GET /target")
            }
        }

        @Test func noContentHasNoBody() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(get("/empty") + get("/target"))
                let empty = try await socket.readResponse()
                #expect(empty.status == 204)
                #expect(empty.headers["content-length"] == nil)
                #expect(try await socket.readResponse().text == "GET /target")
            }
        }

        @Test func lineBreaksInHeadersAreNotSent() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(get("/inject"))
                let response = try await socket.readResponse()
                #expect(response.headers["x-injected"] == nil)
                #expect(response.headers["x-value"] != nil)
            }
        }

        @Test func continueIsSentWhenTheBodyIsAskedFor() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(
                    "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
                )
                #expect(try await socket.readResponse(withoutBody: true).statusLine == "HTTP/1.1 100 Continue")
                try await socket.write("hi")
                #expect(try await socket.readResponse().text == "hi")
                // An application that wants no body sends its answer in place of it.
                try await socket.write(
                    "POST /ignore HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
                )
                let response = try await socket.readResponse()
                #expect(response.text == "ignored")
                #expect(response.headers["connection"] == "close")
            }
        }

        @Test func aBodyMayBeReadInPieces() async throws {
            try await withServer(configured { $0.highWaterBytes = 16 << 10 }) { port in
                let socket = try await RawSocket.connect(port: port)
                let size = 900_000
                try await socket.write("POST /pieces HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
                try await socket.write([UInt8](repeating: 7, count: size))
                #expect(try await socket.readResponse().text == "\(size)")
            }
        }

        @Test func aBodyOverTheHighWaterMarkIsCollected() async throws {
            try await withServer(configured { $0.highWaterBytes = 16 << 10 }) { port in
                let socket = try await RawSocket.connect(port: port)
                let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                try await socket.write("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
                try await socket.write(body)
                #expect(try await socket.readResponse().body == body)
            }
        }

        @Test func errorsBecomeAnswers() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(get("/teapot"))
                let teapot = try await socket.readResponse()
                #expect((teapot.status, teapot.text) == (418, "short and stout"))
                try await socket.write(get("/secret"))
                let secret = try await socket.readResponse()
                #expect(secret.status == 500)
                #expect(secret.isProblem)
                #expect(!secret.text.contains("hunter2") && !secret.text.contains("Secret"))
            }
        }

        @Test func eventsAreStreamed() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(get("/events"))
                let response = try await socket.readResponse()
                #expect(response.headers["content-type"] == "text/event-stream")
                #expect(response.chunks.count == 4)
                #expect(response.text.hasPrefix(": hello\n\nid: 0\nevent: tick\ndata: line\ndata: 0\n\nid: 1\n"))
                try await socket.write(get("/target"))
                #expect(try await socket.readResponse().text == "GET /target")
            }
        }

        @Test func aBrokenStreamHasNoLastChunk() async throws {
            try await withServer { port in
                let text = try await answer(port, to: get("/broken-stream"))
                #expect(text.hasSuffix("4\r\nhalf\r\n"))
            }
        }

        @Test func aStreamEndsWhenTheClientGoes() async throws {
            let ended = Counter()
            let handler: HTTPHandler = { _ in
                HTTPResponse(
                    status: 200,
                    body: .stream { writer in
                        defer { ended.add(1) }
                        try await writer.write([65])
                        // Cancellation ends the wait.
                        try await Task.sleep(for: .seconds(60))
                    }
                )
            }
            try await withServer(handler: handler) { port in
                for reset in [false, true] {
                    let socket = try await RawSocket.connect(port: port)
                    try await socket.write(get("/"))
                    _ = try await socket.read(until: "1\r\nA\r\n")
                    socket.close(reset: reset)
                }
                try await eventually("both streams to end") { ended.value == 2 }
            }
        }
    }
}

/// A number that tasks share.
final class Counter: Sendable {
    private let number = Mutex(0)
    var value: Int { number.withLock { $0 } }
    func add(_ count: Int) { number.withLock { $0 += count } }
}
