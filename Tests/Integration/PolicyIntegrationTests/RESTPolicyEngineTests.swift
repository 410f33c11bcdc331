import Foundation
import HTTPClient
import JSON
import Observability
import Policy
import Synchronization
import TestKit
import Testing

/// Answers each connection with one fixed HTTP response, and keeps what was asked.
private final class CannedServer: Sendable {
    let port: UInt16
    let requests = Mutex<[String]>([])
    private let listener: Int32

    init(status: String, body: String?) throws {
        port = try freePort()
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        try #require(isBound && listen(listener, 8) == 0)
        Thread.detachNewThread { [self] in serve(status, body) }
    }

    private func serve(_ status: String, _ body: String?) {
        while true {
            let connection = accept(listener, nil, nil)
            if connection < 0 { return }
            var request: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            // The question's last bytes are the end of its "context", of the input and of the body.
            while !String(decoding: request, as: UTF8.self).hasSuffix("}}}") {
                let count = recv(connection, &chunk, chunk.count, 0)
                if count <= 0 { break }
                request += chunk[..<count]
            }
            requests.withLock { $0.append(String(decoding: request, as: UTF8.self)) }
            if let body {
                let head = "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
                let bytes = Array((head + body).utf8)
                _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                close(connection)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }
}

@Suite(.timeLimit(.minutes(1))) struct RESTPolicyEngineTests {
    private let sink = MemorySink()
    private let question = PolicyInput(tenant: "acme", personaID: "p", action: .turnRun)

    private func decide(
        _ server: CannedServer,
        _ change: (inout RESTPolicyEngine.Configuration) -> Void = { _ in }
    ) async throws -> PolicyDecision {
        var configuration = RESTPolicyEngine.Configuration(baseURL: "http://127.0.0.1:\(server.port)/")
        change(&configuration)
        let client = try HTTPClientPool()
        let engine = RESTPolicyEngine(configuration, client: client, logger: Logger(service: "test", sink: sink))
        let decision = try await engine.decide(question)
        await client.shutDown()
        return decision
    }

    @Test func asksAsTheRESTInterfaceWantsIt() async throws {
        let server = try CannedServer(status: "200 OK", body: #"{"result":{"allow":true,"reason":"fine"}}"#)
        let decision = try await decide(server) { $0.authorization = "Bearer token" }
        #expect(decision == PolicyDecision(isAllowed: true, reason: "fine"))
        let request = try #require(server.requests.withLock { $0.first })
        #expect(request.hasPrefix("POST /v1/data/parley/authz/decision HTTP/1.1\r\n"))
        #expect(request.contains("\r\nAuthorization: Bearer token\r\n"))
        #expect(request.contains("\r\nContent-Type: application/json\r\n"))
        let body = try #require(request.firstRange(of: "\r\n\r\n").map { String(request[$0.upperBound...]) })
        #expect(try JSONValue.parse(body) == .object(["input": question.json]))
    }

    @Test(arguments: [
        ("200 OK", #"{"result":{"allow":false,"reason":"no"}}"#, PolicyDecision.Origin.policy),
        ("200 OK", "{}", .undefined),
        ("200 OK", #"{"result":null}"#, .malformed),
        ("200 OK", #"{"result":true}"#, .malformed),
        ("200 OK", "[]", .engineFailed),
        ("200 OK", "not json", .engineFailed),
        ("500 Oops", #"{"result":{"allow":true}}"#, .engineFailed),
        ("302 Found", #"{"result":{"allow":true}}"#, .engineFailed),
    ])
    func anythingButAPermissionDenies(status: String, body: String, origin: PolicyDecision.Origin) async throws {
        let decision = try await decide(try CannedServer(status: status, body: body))
        #expect(!decision.isAllowed)
        #expect(decision.origin == origin)
        #expect(sink.lines.isEmpty == (origin != .engineFailed))
    }

    @Test func aServerThatDoesNotAnswerDenies() async throws {
        let silent = try CannedServer(status: "", body: nil)
        let decision = try await decide(silent) { $0.timeout = .milliseconds(200) }
        #expect(decision.origin == .engineFailed)
        let client = try HTTPClientPool()
        let nobody = RESTPolicyEngine.Configuration(baseURL: "http://127.0.0.1:\(try freePort())")
        let engine = RESTPolicyEngine(nobody, client: client, logger: Logger(service: "test", sink: sink))
        #expect(try await engine.decide(question).origin == .engineFailed)
        await client.shutDown()
    }
}
