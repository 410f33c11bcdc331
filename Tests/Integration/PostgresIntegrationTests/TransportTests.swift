import Foundation
import Postgres
import TestKit
import Testing

@Suite("Ways to reach the server", .timeLimit(.minutes(2)))
struct TransportTests {
    @Test("over TCP")
    func tcp() async throws {
        try await withPostgres { endpoint in
            try await withClient(PostgresConfiguration(url: endpoint.tcpConnectionString)) { client in
                let result = try await client.query(
                    """
                    SELECT inet_server_addr() IS NOT NULL AND NOT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()
                    """
                )
                #expect(try result.rows.first?.bool(0) == true)
            }
        }
    }

    @Test("over TLS, with answers much larger than a record")
    func tls() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tls-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (key, certificate) = (folder + "/key.pem", folder + "/certificate.pem")
        let made = try await ChildProcess.run(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
                "-subj", "/CN=localhost", "-keyout", key, "-out", certificate,
            ]
        )
        #expect(made.exit == .exited(0))
        // The server refuses a key that others may read, and runs as a user of its own.
        let owned = try await ChildProcess.run("/usr/bin/chown", ["postgres", key, certificate])
        #expect(owned.exit == .exited(0))
        let settings = ["ssl": "on", "ssl_key_file": key, "ssl_cert_file": certificate]
        try await withOwnPostgres(settings: settings) { server in
            var configuration = PostgresConfiguration(url: server.endpoint().tcpConnectionString)
            configuration.options = ["sslmode": "require"]
            configuration.poolSize = 4
            try await withClient(configuration) { client in try await checkLargeAnswers(client) }
        }
    }

    private func checkLargeAnswers(_ client: PostgresClient) async throws {
        let ssl = try await client.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        #expect(try ssl.rows.first?.bool(0) == true)
        let right = try await withThrowingTaskGroup(of: Bool.self) { group in
            // Sizes around a record's 16 KB, and far beyond.
            for size in [1, 8191, 16_000, 16_384, 16_385, 24_577, 100_000, 3_000_000] {
                for _ in 0..<4 {
                    group.addTask {
                        let result = try await client.query("SELECT repeat('x', $1)", [.int(size)])
                        return try result.rows.first?.string(0).utf8.count == size
                    }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(right == 32)
        let rows = try await client.query("SELECT repeat('y', n % 300) FROM generate_series(1, 50000) n")
        #expect(rows.rows.count == 50_000)
    }
}
