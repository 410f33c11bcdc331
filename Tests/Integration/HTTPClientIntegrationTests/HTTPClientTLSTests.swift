import HTTPClient
import TestKit
import Testing

/// Against the TLS server of the openssl tool, with a certificate for 127.0.0.1 that was made for the test.
@Suite(.timeLimit(.minutes(1)))
struct HTTPClientTLSTests {
    private func withServer(_ body: (_ port: UInt16, _ certificate: String) async throws -> Void) async throws {
        let folder = try TemporaryFolder.shared.makeFolder("tls")
        let openssl = try Programs.find("openssl")
        let certificate = folder + "/certificate.pem"
        let made = try await ChildProcess.run(
            openssl,
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=parley-test",
                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder + "/key.pem", "-out", certificate,
            ]
        )
        try #require(made.exit == .exited(0))
        let port = try LoopbackPort.free()
        let server = try ChildProcess.launch(
            openssl,
            [
                "s_server", "-accept", "127.0.0.1:\(port)", "-cert", certificate, "-key", folder + "/key.pem", "-www",
                "-quiet",
            ]
        )
        do {
            try await eventually("the TLS server") { LoopbackPort.isListening(port) }
            try await body(port, certificate)
        } catch {
            _ = try await server.kill9()
            throw error
        }
        _ = try await server.kill9()
    }

    @Test func checksTheCertificateAndTheHost() async throws {
        try await withServer { port, certificate in
            var configuration = HTTPClientPool.Configuration()
            let suspicious = try HTTPClientPool(configuration)
            configuration.tlsCAFile = certificate
            let trusting = try HTTPClientPool(configuration)
            configuration.tlsCAFile = nil
            configuration.isTLSVerified = false
            let careless = try HTTPClientPool(configuration)
            let request = HTTPClientRequest(url: "https://127.0.0.1:\(port)/")
            #expect(try await trusting.send(request).status == 200)
            #expect(try await careless.send(request).status == 200)
            #expect(await code { _ = try await suspicious.send(request) } == .tls)
            var elsewhere = HTTPClientRequest(url: "https://localhost:\(port)/")
            elsewhere.connectAddress = "127.0.0.1"
            #expect(await code { _ = try await trusting.send(elsewhere) } == .tls)
        }
    }
}
