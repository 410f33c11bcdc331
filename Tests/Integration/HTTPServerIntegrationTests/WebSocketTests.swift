import HTTPServer
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// The WebSocket side, frame by frame; the Autobahn cases are in the conformance tests.
    @Suite struct WebSocketTests {
        static let handler: HTTPHandler = { request in
            switch request.path {
            case "/refused": return HTTPResponse(status: 401)
            case "/close":
                return HTTPResponse(status: 101, body: .webSocket { await $0.close(code: 4001, reason: "no") })
            default: return HTTPResponse(status: 101, headers: [("x-kind", "echo")], body: .webSocket(echo))
            }
        }

        static let echo: @Sendable (WebSocketConnection) async -> Void = { socket in
            while let message = await socket.receive() {
                switch message {
                case .text(let text): try? await socket.send(text: text)
                case .binary(let bytes): try? await socket.send(binary: bytes)
                }
            }
        }

        @Test func theHandshakeIsThatOfTheStandard() async throws {
            try await withServer(handler: Self.handler) { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(RawSocket.upgradeRequest())
                let response = try await socket.readResponse(withoutBody: true)
                #expect(response.status == 101)
                #expect(response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
                #expect(response.headers["upgrade"]?.lowercased() == "websocket")
                #expect(response.headers["connection"]?.lowercased() == "upgrade")
                #expect(response.headers["x-kind"] == "echo")
                #expect(response.headers["content-length"] == nil)
            }
        }

        @Test func anApplicationMayRefuse() async throws {
            try await withServer(handler: Self.handler) { port in
                let socket = try await RawSocket.connect(port: port)
                try await socket.write(RawSocket.upgradeRequest("/refused"))
                #expect(try await socket.readResponse().status == 401)
                // The connection is HTTP as before.
                try await socket.write(RawSocket.upgradeRequest())
                #expect(try await socket.readResponse(withoutBody: true).status == 101)
            }
        }

        @Test func whatIsNoUpgradeIsRefused() async throws {
            let good = RawSocket.upgradeRequest()
            let cases: [(String, Int, String)] = [
                ("no upgrade", 426, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                ("no connection token", 426, good.replacing("Connection: Upgrade\r\n", with: "")),
                ("another protocol", 426, good.replacing("Upgrade: websocket", with: "Upgrade: h2c")),
                ("another version", 426, RawSocket.upgradeRequest("/", "Sec-WebSocket-Version: 8\r\n")),
                ("no version", 426, RawSocket.upgradeRequest("/", "")),
                ("a short key", 400, good.replacing("dGhlIHNhbXBsZSBub25jZQ==", with: "dGhlIHNhbXBsZQ==")),
                ("no key", 400, good.replacing("Sec-WebSocket-Key", with: "X-Key")),
                ("a POST", 426, good.replacing("GET / ", with: "POST / ")),
            ]
            try await withServer(handler: Self.handler) { port in
                for (name, status, request) in cases {
                    let socket = try await RawSocket.connect(port: port)
                    try await socket.write(request)
                    let response = try await socket.readResponse()
                    #expect(response.status == status, "\(name)")
                    #expect(response.isProblem, "\(name)")
                    if status == 426, name.hasSuffix("version") {
                        #expect(response.headers["sec-websocket-version"] == "13")
                    }
                }
            }
        }

        @Test func framesBehindTheRequestAreRead() async throws {
            try await withServer(handler: Self.handler) { port in
                let socket = try await RawSocket.connect(port: port)
                let frames = RawFrame.text("first").bytes + RawFrame.text("second").bytes.prefix(3)
                try await socket.write(Array(RawSocket.upgradeRequest().utf8) + frames)
                _ = try await socket.readResponse(withoutBody: true)
                #expect(try await socket.readFrame().payload == Array("first".utf8))
                try await socket.write(RawFrame.text("second").bytes.dropFirst(3))
                #expect(try await socket.readFrame().payload == Array("second".utf8))
            }
        }

        @Test func controlFramesMayComeBetweenFragments() async throws {
            try await withServer(handler: Self.handler) { port in
                let socket = try await RawSocket.webSocket(port: port)
                let snowman = Array("\u{2603}".utf8)
                // A character may be cut between fragments.
                try await socket.write(RawFrame(opcode: 1, payload: [snowman[0]], isFinal: false))
                try await socket.write(RawFrame(opcode: 9, payload: [1, 2, 3]))
                #expect(try await socket.readFrame() == RawFrame(opcode: 10, payload: [1, 2, 3]))
                try await socket.write(RawFrame(opcode: 0, payload: [snowman[1]], isFinal: false))
                try await socket.write(RawFrame(opcode: 10, payload: []))
                try await socket.write(RawFrame(opcode: 0, payload: [snowman[2]]))
                #expect(try await socket.readFrame() == RawFrame(opcode: 1, payload: snowman))
            }
        }

        @Test func violationsEndTheConnection() async throws {
            let cases: [(String, UInt16, [UInt8])] = [
                ("unmasked", 1002, RawFrame(opcode: 1, payload: [65], isMasked: false).bytes),
                ("reserved bit 1", 1002, RawFrame(opcode: 1, payload: [65], reservedBits: 4).bytes),
                ("reserved bit 3", 1002, RawFrame(opcode: 1, payload: [65], reservedBits: 1).bytes),
                ("reserved data opcode", 1002, RawFrame(opcode: 3, payload: []).bytes),
                ("reserved control opcode", 1002, RawFrame(opcode: 11, payload: []).bytes),
                ("long ping", 1002, RawFrame(opcode: 9, payload: [UInt8](repeating: 0, count: 126)).bytes),
                ("fragmented ping", 1002, RawFrame(opcode: 9, payload: [], isFinal: false).bytes),
                ("continuation of nothing", 1002, RawFrame.continuation("a", isFinal: true).bytes),
                ("message in a message", 1002, RawFrame.text("a", isFinal: false).bytes + RawFrame.text("b").bytes),
                ("close with one byte", 1002, RawFrame(opcode: 8, payload: [3]).bytes),
                ("close with 1005", 1002, RawFrame.close(1005).bytes),
                ("close with 999", 1002, RawFrame.close(999).bytes),
                ("close with 5000", 1002, RawFrame.close(5000).bytes),
                ("close reason not UTF-8", 1007, RawFrame.close(1000, [0xFF]).bytes),
                ("text not UTF-8", 1007, RawFrame(opcode: 1, payload: [0xC0, 0xAF]).bytes),
                ("surrogate in text", 1007, RawFrame(opcode: 1, payload: [0xED, 0xA0, 0x80]).bytes),
                ("cut character at the end", 1007, RawFrame(opcode: 1, payload: [0xE2, 0x98]).bytes),
            ]
            try await withServer(handler: Self.handler) { port in
                for (name, code, bytes) in cases {
                    let socket = try await RawSocket.webSocket(port: port)
                    try await socket.write(bytes)
                    #expect(try await socket.readFrame().closeCode == code, "\(name)")
                    #expect(try await socket.readToEnd() == [], "\(name)")
                }
            }
        }

        @Test func closesAreAnswered() async throws {
            try await withServer(handler: Self.handler) { port in
                for code: UInt16 in [1000, 1001, 3000, 4999] {
                    let socket = try await RawSocket.webSocket(port: port)
                    try await socket.write(RawFrame.close(code, Array("bye".utf8)))
                    #expect(try await socket.readFrame().closeCode == code)
                    #expect(try await socket.readToEnd() == [])
                }
                let socket = try await RawSocket.webSocket(port: port)
                try await socket.write(RawFrame(opcode: 8, payload: []))
                #expect(try await socket.readFrame() == RawFrame(opcode: 8, payload: []))
                #expect(try await socket.readToEnd() == [])
            }
        }

        @Test func theApplicationClosesWithItsCode() async throws {
            try await withServer(handler: Self.handler) { port in
                let socket = try await RawSocket.webSocket(port: port, path: "/close")
                let frame = try await socket.readFrame()
                #expect(frame.closeCode == 4001)
                #expect(frame.payload.dropFirst(2).elementsEqual("no".utf8))
                try await socket.write(RawFrame.close(4001))
                #expect(try await socket.readToEnd() == [])
            }
        }

        @Test func aMessageAtTheLimitAndOneOver() async throws {
            try await withServer(configured { $0.messageBytesMax = 70_000 }, handler: Self.handler) { port in
                let socket = try await RawSocket.webSocket(port: port)
                let fits = (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }
                try await socket.write(RawFrame(opcode: 2, payload: fits))
                #expect(try await socket.readFrame() == RawFrame(opcode: 2, payload: fits))
                try await socket.write(RawFrame(opcode: 2, payload: Array(fits.prefix(30_000)), isFinal: false))
                try await socket.write(RawFrame(opcode: 0, payload: Array(fits.suffix(40_000))))
                #expect(try await socket.readFrame() == RawFrame(opcode: 2, payload: fits))
                // One byte more, in fragments, is refused when the frame's head announces it.
                try await socket.write(RawFrame(opcode: 2, payload: fits, isFinal: false))
                try await socket.write(RawFrame(opcode: 0, payload: [1]).bytes.prefix(6))
                #expect(try await socket.readFrame().closeCode == 1009)

                let other = try await RawSocket.webSocket(port: port)
                try await other.write(RawFrame(opcode: 2, payload: fits + [1]).bytes.prefix(14))
                #expect(try await other.readFrame().closeCode == 1009)
                let enormous = try await RawSocket.webSocket(port: port)
                try await enormous.write([0x82, 0xFF] + [UInt8](repeating: 0xFF, count: 8))
                #expect(try await enormous.readFrame().closeCode == 1009)
            }
        }

        @Test func quietClientsArePinged() async throws {
            try await withServer(configured { $0.webSocketPingInterval = .milliseconds(100) }, handler: Self.handler) {
                port in
                let socket = try await RawSocket.webSocket(port: port)
                #expect(try await socket.readFrame() == RawFrame(opcode: 9, payload: []))
                try await socket.write(RawFrame(opcode: 10, payload: []))
                #expect(try await socket.readFrame().opcode == 9)
            }
        }

        @Test func clientsThatDoNotAnswerPingsAreCutOff() async throws {
            let configuration = configured { configuration in
                configuration.webSocketPingInterval = .milliseconds(200)
                configuration.webSocketSilenceGrace = .seconds(1)
            }
            try await withServer(configuration, handler: Self.handler) { port in
                let silent = try await RawSocket.webSocket(port: port)
                let lively = try await RawSocket.webSocket(port: port)
                async let cutOff = silent.readToEnd()
                // Pings come with every sweep, 250 ms: this is longer than a silent client has, 1.4 s and a sweep.
                for _ in 0..<7 {
                    #expect(try await lively.readFrame() == RawFrame(opcode: 9, payload: []))
                    try await lively.write(RawFrame(opcode: 10, payload: []))
                }
                try await lively.write(RawFrame.text("still here"))
                var frame = try await lively.readFrame()
                while frame.opcode == 9 { frame = try await lively.readFrame() }
                #expect(frame == .unmaskedText("still here"))
                // Pings, and nothing behind them: no close, which such a client would not answer either.
                let pings = try await cutOff
                #expect(!pings.isEmpty && stride(from: 0, to: pings.count, by: 2).allSatisfy { pings[$0] == 0x89 })
            }
        }
    }
}
