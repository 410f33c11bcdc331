import HTTPServer
import JSON
import Observability
import Policy
import Synchronization
import TestKit

/// The policy engine as a server of its own: OPA's REST API in front of the real engine, with faults.
final class PolicyServer: Sendable {
    /// What it does.
    enum Mood: Sendable {
        case fair
        /// It answers 503.
        case failing
        /// It answers nothing until its mood changes.
        case hanging
        /// It answers 503 to this part of all questions.
        case moody(Double)
    }

    private struct State {
        var mood = Mood.fair
        var questions = 0
        var random: SeededRandom
    }

    private final class Shared: Sendable {
        let state: Mutex<State>

        init(seed: UInt64) {
            state = Mutex(State(random: SeededRandom(seed: seed)))
        }

        /// Whether this question fails; nil: it has to wait.
        func isFailing() -> Bool? {
            state.withLock { state in
                switch state.mood {
                case .fair: false
                case .failing: true
                case .hanging: nil
                case .moody(let part): Double.random(in: 0..<1, using: &state.random) < part
                }
            }
        }
    }

    /// The port that it listens on.
    let port: UInt16
    private let listener: HTTPListener
    private let shared: Shared

    /// Starts a server with the policies in a folder.
    init(policies: String, seed: UInt64) async throws {
        let engine = try EmbeddedOPA(
            .init(libraryPath: try BuiltProducts.opaLibrary()),
            bundle: try PolicyBundle(folder: policies),
            logger: .disabled
        )
        let shared = Shared(seed: seed)
        self.shared = shared
        listener = HTTPListener(configuration: HTTPServerConfiguration()) { request in
            shared.state.withLock { $0.questions += 1 }
            let body = try await request.body.collect()
            while true {
                if let fails = shared.isFailing() {
                    if fails { return HTTPResponse(status: 503) }
                    break
                }
                try await Task.sleep(for: .milliseconds(20))
            }
            let input = (try? JSONValue.parse(body))?["input"] ?? .null
            let result = try await engine.evaluate(PolicyDecision.documentPath, input)
            let answer: JSONValue = result.map { ["result": $0] } ?? [:]
            return HTTPResponse(status: 200, body: .bytes(answer.serialized()))
        }
        port = try await listener.start()
    }

    /// How many questions there were.
    var questions: Int { shared.state.withLock { $0.questions } }

    /// Changes what it does.
    func setMood(_ mood: Mood) {
        shared.state.withLock { $0.mood = mood }
    }

    /// Ends it at once.
    func stop() async {
        await listener.shutdown(gracePeriod: .zero)
    }
}
