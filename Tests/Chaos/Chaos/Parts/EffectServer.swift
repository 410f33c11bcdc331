import HTTPServer
import JSON
import Synchronization
import TestKit

/// The tools of a run, which have effects outside of the platform, and the log of them.
final class EffectServer: Sendable {
    /// A tool that knows its calls by their key, and one that does not.
    static let names = (keyed: "book_keyed", plain: "book_plain")
    /// How long a run of a tool may take, in seconds.
    private static let timeout = 5.0

    private struct State {
        var isHolding = false
        var failures = 0.0
        var random: SeededRandom
        var inside = 0
    }

    private final class Shared: Sendable {
        let state: Mutex<State>

        init(seed: UInt64) {
            state = Mutex(State(random: SeededRandom(seed: seed)))
        }
    }

    private let server: ToolServer
    private let shared: Shared

    /// Starts the server.
    init(seed: UInt64) async throws {
        let shared = Shared(seed: seed)
        self.shared = shared
        server = try await ToolServer { _, _ in
            let (delay, fails) = shared.state.withLock { state in
                state.inside += 1
                let delay = Duration.milliseconds(Int.random(in: 5...50, using: &state.random))
                return (delay, Double.random(in: 0..<1, using: &state.random) < state.failures)
            }
            defer { shared.state.withLock { $0.inside -= 1 } }
            try await Task.sleep(for: delay)
            while shared.state.withLock({ $0.isHolding }) { try await Task.sleep(for: .milliseconds(10)) }
            if fails { return HTTPResponse(status: 503) }
            return HTTPResponse(status: 200, body: .bytes(Array(#"{"done":true}"#.utf8)))
        }
    }

    /// The port that it listens on.
    var port: UInt16 { server.port }

    /// The entries of the tools file, by way of a port.
    func entries(port: UInt16) -> [JSONValue] {
        [
            server.entry(Self.names.keyed, idempotent: true, timeout: Self.timeout, port: port),
            server.entry(Self.names.plain, idempotent: false, timeout: Self.timeout, port: port),
        ]
    }

    /// The effects so far.
    var effects: [EffectCall] {
        server.calls.map { call in
            let isKeyed = call.path == "/" + Self.names.keyed
            return EffectCall(label: call.arguments["label"]?.stringValue ?? "", key: isKeyed ? call.key : "")
        }
    }

    /// Lets calls wait inside, so that something may happen while tools run.
    func hold(_ isHolding: Bool) {
        shared.state.withLock { $0.isHolding = isHolding }
    }

    /// How many calls are inside now.
    var inside: Int { shared.state.withLock { $0.inside } }

    /// Answers 503 to this part of all calls, after their effect.
    func setFailures(_ part: Double) {
        shared.state.withLock { $0.failures = part }
    }

    /// The call that the model makes for a message.
    static func call(for label: String) -> (name: String, arguments: JSONValue) {
        let number = label.split(separator: "/").last.flatMap { Int($0) } ?? 0
        return (number % 2 == 0 ? names.keyed : names.plain, ["label": .string(label), "n": .int(number)])
    }

    /// Ends it at once.
    func stop() async {
        await server.stop()
    }
}
