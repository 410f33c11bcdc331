import Foundation
import HTTPServer
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// Clients that are slow, silent, half gone or too many.
    @Suite struct ConnectionTests {
        private let post = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
        private let get = "GET /target HTTP/1.1\r\nHost: a\r\n\r\n"

        /// How long it takes until the server closes, while `drip` is sent every 40 ms.
        ///
        /// Less than 5 s shows that the limit which the test sets counts, and not the default.
        private func timeToClose(_ port: UInt16, _ start: String, drip: [UInt8]) async throws -> (Duration, String) {
            let socket = try await RawSocket.connect(port: port)
            try await socket.write(start)
            let began = ContinuousClock.now
            let dripping = Task {
                while !drip.isEmpty, !Task.isCancelled {
                    try await Task.sleep(for: .milliseconds(40))
                    try await socket.write(drip)
                }
            }
            defer { dripping.cancel() }
            // The socket's queue serves one call at a time, so the drip needs the reads to be short.
            var text: [UInt8] = []
            while true {
                do {
                    text += try await socket.readToEnd(timeout: .milliseconds(20))
                    break
                } catch let error as TestKitError where error.code == .timeout {
                    guard ContinuousClock.now - began < .seconds(45) else { throw error }
                }
            }
            return (ContinuousClock.now - began, String(decoding: text, as: UTF8.self))
        }

        @Test func aSilentConnectionIsClosed() async throws {
            try await withServer(configured { $0.headTimeout = .milliseconds(300) }) { port in
                let (time, text) = try await timeToClose(port, "", drip: [])
                #expect(text == "")
                #expect(time > .milliseconds(250) && time < .milliseconds(4500))
            }
        }

        @Test func aSlowHeadIsAnsweredWith408() async throws {
            try await withServer(configured { $0.headTimeout = .milliseconds(300) }) { port in
                let (time, text) = try await timeToClose(port, "GET / HTTP/1.1\r\nX-Slow: ", drip: [120])
                #expect(text.hasPrefix("HTTP/1.1 408 "))
                #expect(text.contains("application/problem+json"))
                #expect(time > .milliseconds(250) && time < .milliseconds(4500))
            }
        }

        @Test func aBodyThatStopsIsAnsweredWith408() async throws {
            try await withServer(configured { $0.bodyIdleTimeout = .milliseconds(300) }) { port in
                let (time, text) = try await timeToClose(port, post + "begin", drip: [])
                #expect(text.hasPrefix("HTTP/1.1 408 "))
                #expect(time < .milliseconds(4500))
            }
        }

        @Test func aBodyThatDripsIsAnsweredWith408() async throws {
            try await withServer(
                configured { configuration in
                    configuration.bodyIdleTimeout = .milliseconds(300)
                    configuration.bodyBytesPerSecondMin = 1_000
                }
            ) { port in
                // 25 bytes a second, never pausing for long: 100 bytes would take 4 s.
                let (time, text) = try await timeToClose(port, post, drip: [120])
                #expect(text.hasPrefix("HTTP/1.1 408 "))
                #expect(time < .milliseconds(4500))
            }
        }

        @Test func anIdleConnectionIsClosedAfterAWhile() async throws {
            try await withServer(configured { $0.keepAliveTimeout = .milliseconds(300) }) { port in
                let (time, text) = try await timeToClose(port, get, drip: [])
                #expect(text.hasSuffix("GET /target"))
                #expect(time > .milliseconds(250) && time < .milliseconds(4500))
            }
        }

        @Test func aClientThatDoesNotReadIsCutOff() async throws {
            let ended = Counter()
            let handler: HTTPHandler = { _ in
                HTTPResponse(
                    status: 200,
                    body: .stream { writer in
                        defer { ended.add(1) }
                        while true { try await writer.write([UInt8](repeating: 67, count: 64 << 10)) }
                    }
                )
            }
            try await withServer(configured { $0.writeStallTimeout = .milliseconds(300) }, handler: handler) { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(get)
                try await eventually("the stream to end") { ended.value == 1 }
                socket.close()
            }
        }

        @Test func aClientMayCloseItsSideAndRead() async throws {
            try await withServer { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + get)
                socket.finishWriting()
                #expect(try await socket.readResponse().text == "slow")
                #expect(try await socket.readResponse().text == "GET /target")
                #expect(try await socket.readToEnd() == [])
            }
        }

        @Test func aBodyThatEndsEarlyIsNotServed() async throws {
            let collected = Counter()
            let failed = Counter()
            let handler: HTTPHandler = { request in
                do {
                    _ = try await request.body.collect()
                    collected.add(1)
                } catch {
                    failed.add(1)
                }
                return HTTPResponse(status: 200)
            }
            try await withServer(handler: handler) { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(post + "not a hundred bytes")
                socket.finishWriting()
                _ = try await socket.readToEnd()
                try await eventually("the handler to learn of it") { failed.value == 1 }
                #expect(collected.value == 0)
            }
        }

        @Test func connectionsHaveALimit() async throws {
            try await withServer(configured { $0.connectionsMax = 3 }) { port in
                var open: [RawSocket] = []
                for _ in 0..<3 {
                    let socket = try await RawSocket.connect(port: port)
                    try await socket.write(get)
                    #expect(try await socket.readResponse().status == 200)
                    open.append(socket)
                }
                let refused = try await RawSocket.connect(port: port)
                let response = try await refused.readResponse()
                #expect(response.status == 503)
                #expect(response.isProblem)
                #expect(response.headers["retry-after"] == "1")
                #expect(try await refused.readToEnd() == [])

                open.removeFirst().close()
                try await eventually("a place to be free") {
                    let socket = try await RawSocket.connect(port: port)
                    try await socket.write(get)
                    return try await socket.readResponse().status == 200
                }
            }
        }

        @Test func clientsThatVanishDoNotEndTheProcess() async throws {
            try await withServer { port in
                for _ in 0..<50 {
                    let socket = try await RawSocket.connect(port: port)
                    try await socket.write(String(repeating: get, count: 200))
                    socket.close(reset: true)
                }
                #expect(try await answer(port, to: "GET /target HTTP/1.0\r\n\r\n").hasSuffix("GET /target"))
            }
        }

        @Test func anAnswerBeforeTheBodysEndReachesTheClient() async throws {
            try await withServer(configured { $0.bodyBytesMax = 1 << 20 }) { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
                // The client goes on writing what nobody wants; the answer must not drown in a reset.
                try? await socket.write([UInt8](repeating: 1, count: 200_000))
                #expect(try await socket.readResponse().status == 413)
            }
        }
    }
}
