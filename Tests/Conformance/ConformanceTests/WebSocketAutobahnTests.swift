import Foundation
import HTTPServer
import TestKit
import Testing

/// The cases of the Autobahn test suite, driven by kosoku against an echo server of ours.
///
/// Groups: 1 framing, 2 pings, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 close, 10 miscellaneous. Groups
/// 9 (messages up to 16 MB) and 12 and 13 (compression, which is not spoken) are left out.
@Suite(.timeLimit(.minutes(3)))
struct WebSocketAutobahnTests {
    private struct CaseResult: Decodable {
        let behavior: String
        let behaviorClose: String

        func passes(mayBeLenient: Bool) -> Bool {
            (["OK", "INFORMATIONAL"].contains(behavior) || behavior == "NON-STRICT" && mayBeLenient)
                && ["OK", "INFORMATIONAL"].contains(behaviorClose)
        }
    }

    /// The cases that may end as `NON-STRICT`, which the suite calls right, but not the best that could be.
    ///
    /// No other may. 3.2 to 5.15 send a good message and right behind it a frame that breaks the protocol, and hope for
    /// the echo of the first. Here the violation closes the connection as soon as it is read (RFC 6455 §7.1.7), and
    /// whoever answers the message meanwhile finds it over. 6.4.1 to 6.4.4 send text that is not UTF-8 in pieces and
    /// hope for an end at the first wrong byte. Here a message is checked when it is whole (§8.1); its limit bounds
    /// what is kept until then.
    private static let lenientCases: Set<String> = [
        "3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15",
        "6.4.1", "6.4.2", "6.4.3", "6.4.4",
    ]

    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    /// How many cases kosoku 0.1.0 has in each group that is run.
    private static let casesByGroup = [1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 10: 1]

    @Test func everyCasePasses() async throws {
        let folder = Self.root.appending(path: ".vendor/peers/kosoku").path
        try #require(
            FileManager.default.fileExists(atPath: folder + "/kosoku/_cli.py"),
            "kosoku is missing: run deploy/local/test-peers-kosoku.sh"
        )
        var configuration = HTTPServerConfiguration()
        configuration.loops = 2
        let server = HTTPListener(configuration: configuration) { _ in
            HTTPResponse(status: 101, body: .webSocket(Self.echo))
        }
        let port = try await server.start()
        let results = try await run(kosoku: folder, port: port)
        await server.shutdown(gracePeriod: .seconds(2))

        let failed = results.filter { !$0.value.passes(mayBeLenient: Self.lenientCases.contains($0.key)) }
            .map { "\($0.key): \($0.value.behavior), close \($0.value.behaviorClose)" }
        #expect(failed.sorted() == [])
        let counts = Dictionary(grouping: results.keys) { Int($0.prefix { $0 != "." }) ?? 0 }.mapValues(\.count)
        #expect(counts == Self.casesByGroup)
        let lenient = results.filter { $0.value.behavior == "NON-STRICT" }.keys.sorted()
        print("Autobahn: \(results.count - failed.count) of \(results.count) cases pass; not strict: \(lenient)")
    }

    private static let echo: @Sendable (WebSocketConnection) async -> Void = { socket in
        while let message = await socket.receive() {
            do {
                switch message {
                case .text(let text): try await socket.send(text: text)
                case .binary(let bytes): try await socket.send(binary: bytes)
                }
            } catch {
                return
            }
        }
    }

    /// Runs the cases and gives their results by id.
    private func run(kosoku folder: String, port: UInt16) async throws -> [String: CaseResult] {
        let reports = try TemporaryFolder.shared.makeFolder("autobahn")
        var configuration = ChildProcess.Configuration()
        configuration.environment = ["PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"]
        configuration.workingDirectory = reports
        let includes = Self.casesByGroup.keys.sorted().flatMap { ["--include", "\($0).*"] }
        let result = try await ChildProcess.run(
            try Programs.find("python3"),
            ["-c", "from kosoku._cli import main; main()", "127.0.0.1:\(port)", "--parallelism", "2"]
                + ["--outdir", reports] + includes,
            configuration,
            timeout: .seconds(120)
        )
        let index = try #require(
            FileManager.default.contents(atPath: reports + "/index.json"),
            "kosoku wrote no report: \(result.standardError)"
        )
        // The outer keys are the names of the servers; ours gives none.
        let byServer = try JSONDecoder().decode([String: [String: CaseResult]].self, from: index)
        return try #require(byServer.count == 1 ? byServer.values.first : nil)
    }
}
