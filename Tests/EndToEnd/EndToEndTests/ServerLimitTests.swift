import JSON
import TestKit
import Testing

/// The limits of the gateway's server, as they are set.
@Suite(.timeLimit(.minutes(3)), .serviceLogs)
struct ServerLimitTests {
    private func statusLine(_ port: UInt16, _ text: String) async throws -> String {
        let socket = try await RawSocket.connect(port: port)
        try await socket.write(text)
        return String(decoding: try await socket.read(until: "\r\n", timeout: .seconds(30)), as: UTF8.self)
    }

    @Test("What is set for the HTTP server holds, at the limit and over it")
    func settings() async throws {
        var options = PlatformOptions()
        options.startsWorker = false
        options.startsExecutor = false
        options.gateway = [
            "PARLEY_HTTP_HEADERS_MAX": "10", "PARLEY_HTTP_HEAD_TIMEOUT": "1s", "PARLEY_HTTP_BODY_PAUSE": "1s",
            "PARLEY_HTTP_WRITE_STALL": "1s", "PARLEY_WEBSOCKET_MESSAGE_MAX": "200",
        ]
        try await withOwnPlatform(options) { platform in
            let port = platform.gateway.port
            func get(_ headers: Int) -> String {
                let more = (1..<headers).map { "X-\($0): v\r\n" }.joined()
                return "GET /livez HTTP/1.1\r\nHost: a\r\n\(more)\r\n"
            }
            #expect(try await statusLine(port, get(10)).hasPrefix("HTTP/1.1 200 "))
            #expect(try await statusLine(port, get(11)).hasPrefix("HTTP/1.1 431 "))
            #expect(try await statusLine(port, "GET /livez HTTP/1.1\r\n").hasPrefix("HTTP/1.1 408 "))
            let key = try #require(platform.client.key)
            let post =
                "POST /v1/session/message HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \(key)\r\n"
                + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            #expect(try await statusLine(port, post).hasPrefix("HTTP/1.1 408 "))

            let reader = try await RawSocket.connect(port: port, receiveBytes: 4096)
            try await reader.write(String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n", count: 500))
            try await eventually("who reads nothing to be cut off", timeout: .seconds(15)) {
                do {
                    try await reader.write("G", timeout: .milliseconds(100))
                    return false
                } catch let error as TestKitError {
                    return error.code == .socket
                }
            }

            let webSocket = try await platform.client.webSocket(unique("limits"))
            let frame: JSONValue = ["message": ""]
            let fill = String(repeating: "m", count: 200 - frame.string.utf8.count)
            try await webSocket.send(["message": .string(fill)])
            guard case .message(let answer) = try await webSocket.next() else { throw TestFailure("no answer") }
            #expect(answer["error"] == nil)
            try await webSocket.send(["message": .string(fill + "m")])
            var last = try await webSocket.next()
            while case .message = last { last = try await webSocket.next() }
            #expect(last == .closed(1009))
        }
    }

    @Test("More connections than the soft limit of open files are taken; a hard one that is too low is told")
    func openFiles() async throws {
        var options = PlatformOptions()
        options.startsWorker = false
        options.startsExecutor = false
        options.gatewayOpenFiles = (soft: 256, hard: 1000)
        try await withOwnPlatform(options) { platform in
            #expect(platform.gateway.log.contains(#""files_needed":10256,"files_allowed":1000"#))
            var sockets: [RawSocket] = []
            for _ in 0..<320 {
                let socket = try await RawSocket.connect(port: platform.gateway.port)
                try await socket.write("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
                let line = try await socket.read(until: "\r\n", timeout: .seconds(20))
                #expect(String(decoding: line, as: UTF8.self) == "HTTP/1.1 200 OK\r\n")
                sockets.append(socket)
            }
            for socket in sockets { socket.close() }
        }
    }
}
