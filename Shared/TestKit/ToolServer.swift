package import HTTPServer
package import JSON
import Synchronization

/// An HTTP tool for tests that remembers every call: what a tool's run did to the world outside.
package final class ToolServer: Sendable {
    /// One call.
    package struct Call: Sendable {
        /// The path that it was sent to.
        package let path: String
        /// The header fields, names in lower case.
        package let headers: [String: String]
        /// The arguments.
        package let arguments: JSONValue

        /// What names the run.
        package var key: String { headers["idempotency-key"] ?? "" }
    }

    /// Answers a call; the number counts the calls with the same key before it, from 0.
    package typealias Handler = @Sendable (Call, Int) async throws -> HTTPResponse

    private final class Log: Sendable {
        let calls = Mutex<[Call]>([])
    }

    /// The port it listens on.
    package let port: UInt16
    private let listener: HTTPListener
    private let log: Log

    /// Starts a server.
    /// - Parameter answer: Answers calls; by default with `{"done": true}`.
    /// - Throws: When there is no socket.
    package init(
        _ answer: @escaping Handler = { _, _ in HTTPResponse(status: 200, body: .bytes(Array(#"{"done":true}"#.utf8))) }
    ) async throws {
        let log = Log()
        self.log = log
        listener = HTTPListener(configuration: HTTPServerConfiguration()) { request in
            let names = request.headers.map { ($0.name.lowercased(), $0.value) }
            let call = Call(
                path: request.path,
                headers: Dictionary(names) { first, _ in first },
                arguments: (try? JSONValue.parse(try await request.body.collect())) ?? .null
            )
            let before = log.calls.withLock { calls in
                calls.append(call)
                return calls.count { $0.key == call.key } - 1
            }
            return try await answer(call, before)
        }
        port = try await listener.start()
    }

    /// Every call so far, oldest first.
    package var calls: [Call] { log.calls.withLock(\.self) }

    /// How often each run was sent, by its key.
    package var callsPerKey: [String: Int] {
        calls.reduce(into: [:]) { counts, call in counts[call.key, default: 0] += 1 }
    }

    /// The URL of a path.
    package func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

    /// The entry of the tools file for a tool of this server: its path is `/` and its name.
    ///
    /// `port` is another way to the server than its own port.
    package func entry(
        _ name: String,
        idempotent: Bool,
        timeout: Double = 30,
        retries: Int? = nil,
        headers: JSONObject = [:],
        port: UInt16? = nil
    ) -> JSONValue {
        var entry: JSONObject = [
            "name": .string(name), "description": "For tests.",
            "parameters": ["type": "object", "properties": ["n": ["type": "integer"]]],
            "url": .string("http://127.0.0.1:\(port ?? self.port)/\(name)"), "idempotent": .bool(idempotent),
            "timeout_seconds": .double(timeout),
            "headers": .object(headers),
        ]
        if let retries { entry.set("retries", .int(retries)) }
        return .object(entry)
    }

    /// Ends it at once.
    package func stop() async {
        await listener.shutdown(gracePeriod: .zero)
    }
}
