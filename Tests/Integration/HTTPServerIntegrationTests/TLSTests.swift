import Foundation
import HTTPServer
import TestKit
import Testing

extension HTTPServerIntegrationTests {
    /// The same server behind TLS, seen by OpenSSL's own client and by curl.
    @Suite struct TLSTests {
        /// A certificate of our own for 127.0.0.1.
        private struct Certificate {
            let certificatePath: String
            let keyPath: String

            static func make() async throws -> Certificate {
                let folder = try TemporaryFolder.shared.makeFolder("tls")
                let certificate = Certificate(certificatePath: folder + "/cert.pem", keyPath: folder + "/key.pem")
                let result = try await ChildProcess.run(
                    try Programs.find("openssl"),
                    [
                        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "1",
                        "-subj", "/CN=parley-test", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", certificate.keyPath, "-out", certificate.certificatePath,
                    ]
                )
                try #require(result.exit == .exited(0), "\(result.standardError)")
                return certificate
            }
        }

        private func withTLSServer(
            _ configuration: HTTPServerConfiguration = HTTPServerConfiguration(),
            handler: @escaping HTTPHandler = { try await TestApplication.handle($0) },
            _ body: (UInt16, _ authority: String) async throws -> Void
        ) async throws {
            let certificate = try await Certificate.make()
            var configuration = configuration
            configuration.tls = (certificate.certificatePath, certificate.keyPath)
            try await withServer(configuration, handler: handler) { port in
                try await body(port, certificate.certificatePath)
            }
        }

        private func curl(_ arguments: [String]) async throws -> ChildProcess.CommandResult {
            try await ChildProcess.run(
                try Programs.find("curl"),
                ["--silent", "--show-error", "--max-time", "20"] + arguments
            )
        }

        @Test(arguments: ["-tls1_2", "-tls1_3"])
        func versionsFrom12OnAreSpoken(_ version: String) async throws {
            try await withTLSServer { port, authority in
                let shell = """
                    printf 'GET /target HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n' \
                    | openssl s_client -connect 127.0.0.1:\(port) \(version) -CAfile \(authority) -verify_return_error \
                    -alpn h2,http/1.1 -ign_eof
                    """
                let result = try await ChildProcess.run(try Programs.find("sh"), ["-c", shell])
                #expect(result.exit == .exited(0), "\(result.standardError)")
                #expect(result.standardOutput.contains("HTTP/1.1 200 OK"))
                #expect(result.standardOutput.contains("GET /target"))
                #expect(result.standardOutput.contains("ALPN protocol: http/1.1"))
                #expect(result.standardOutput.contains(version == "-tls1_3" ? "TLSv1.3" : "TLSv1.2"))
            }
        }

        @Test func aWebSocketEchoes() async throws {
            let handler: HTTPHandler = { _ in
                HTTPResponse(
                    status: 101,
                    body: .webSocket { socket in
                        while case .text(let text)? = await socket.receive() { try? await socket.send(text: text) }
                    }
                )
            }
            try await withTLSServer(handler: handler) { port, authority in
                // The text "hi" right behind the request, then a close with code 1000; masked with zeros.
                let text = #"\201\202\000\000\000\000hi"#
                let close = #"\210\202\000\000\000\000\003\350"#
                let request = RawSocket.upgradeRequest().replacingOccurrences(of: "\r\n", with: #"\r\n"#)
                let shell = """
                    (printf '\(request)\(text)'; sleep 0.5; printf '\(close)') \
                    | openssl s_client -connect 127.0.0.1:\(port) -CAfile \(authority) -quiet \
                    | od -An -v -tx1 | tr -d ' \\n'
                    """
                let result = try await ChildProcess.run(try Programs.find("sh"), ["-c", shell])
                // "101", then both frames without a mask, and nothing behind them.
                #expect(result.standardOutput.contains("20313031"))
                #expect(result.standardOutput.hasSuffix("0d0a0d0a81026869880203e8"), "\(result.standardOutput)")
            }
        }

        @Test func version11IsRefused() async throws {
            try await withTLSServer { port, _ in
                let result = try await ChildProcess.run(
                    try Programs.find("openssl"),
                    ["s_client", "-connect", "127.0.0.1:\(port)", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
                )
                #expect(result.exit != .exited(0))
            }
        }

        @Test func largeBodiesGoBothWays() async throws {
            try await withTLSServer(configured { $0.highWaterBytes = 64 << 10 }) { port, authority in
                let folder = try TemporaryFolder.shared.makeFolder("curl")
                let body = Data((0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) })
                try body.write(to: URL(filePath: folder + "/in"))
                let result = try await curl([
                    "--cacert", authority, "--data-binary", "@\(folder)/in", "--output", "\(folder)/out",
                    "https://127.0.0.1:\(port)/echo", "--next", "--cacert", authority, "--silent",
                    "https://127.0.0.1:\(port)/target",
                ])
                #expect(result.exit == .exited(0), "\(result.standardError)")
                #expect(result.standardOutput == "GET /target")
                #expect(try Data(contentsOf: URL(filePath: folder + "/out")) == body)
            }
        }

        @Test func whatIsNoTLSIsDropped() async throws {
            try await withTLSServer(configured { $0.headTimeout = .milliseconds(300) }) { port, authority in
                let text = try await answer(port, to: "GET /target HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(!text.contains("HTTP/1.1 200"))
                // A client that never finishes its handshake goes with the head's time limit.
                #expect(try await answer(port, to: "\u{16}\u{3}") == "")
                let result = try await curl(["--cacert", authority, "https://127.0.0.1:\(port)/target"])
                #expect(result.standardOutput == "GET /target")
            }
        }

        @Test func theConnectionLimitIsTold() async throws {
            try await withTLSServer(configured { $0.connectionsMax = 1 }) { port, authority in
                let first = try await RawSocket.connect(port: port)
                try await Task.sleep(for: .milliseconds(100))
                let result = try await curl(["--cacert", authority, "--include", "https://127.0.0.1:\(port)/target"])
                #expect(result.standardOutput.hasPrefix("HTTP/1.1 503 "))
                first.close()
            }
        }

        @Test func aMissingCertificateIsAnError() async throws {
            var configuration = HTTPServerConfiguration()
            configuration.tls = ("/nowhere/cert.pem", "/nowhere/key.pem")
            let server = HTTPListener(configuration: configuration) { _ in HTTPResponse(status: 200) }
            await #expect(throws: (any Error).self) { try await server.start() }
        }
    }
}
