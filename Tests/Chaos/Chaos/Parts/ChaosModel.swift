import JSON
import Synchronization
import TestKit

/// The model of a run: it answers every message with a text of its own after 50 to 300 ms, calls a tool for those that
/// want one, and misbehaves as a scenario says.
final class ChaosModel: Sendable {
    /// Changes what is answered: from the request, the usual answer, and a number from 0 to below 1 of this request.
    typealias Weather = @Sendable (ScriptedModelRequest, ScriptedModelReply, Double) -> ScriptedModelReply

    /// What every call of it uses, in tokens.
    static let usage = (input: 7, output: 5)
    /// The words of an answer behind its beginning.
    private static let words = ["one", "two", "three", "four", "five", "six"]

    private struct State {
        var random: SeededRandom
        var weather: Weather?
        var arrivals = 0
    }

    private final class Shared: Sendable {
        let state: Mutex<State>

        init(seed: UInt64) {
            state = Mutex(State(random: SeededRandom(seed: seed)))
        }
    }

    private let shared: Shared

    /// Makes a platform's model answer so.
    init(_ server: ScriptedModelServer, seed: UInt64) {
        let shared = Shared(seed: seed)
        self.shared = shared
        server.setScript(
            .immediate { request in
                let (delay, chance, weather) = shared.state.withLock { state in
                    state.arrivals += 1
                    let delay = Duration.milliseconds(Int.random(in: 50...300, using: &state.random))
                    return (delay, Double.random(in: 0..<1, using: &state.random), state.weather)
                }
                let reply = Self.usual(request, taking: delay)
                return weather.map { $0(request, reply, chance) } ?? reply
            }
        )
    }

    /// How many calls there were.
    var arrivals: Int { shared.state.withLock { $0.arrivals } }

    /// Makes it misbehave from the next call on; nil: no longer.
    func setWeather(_ weather: Weather?) {
        shared.state.withLock { $0.weather = weather }
    }

    /// Waits for one more call.
    func nextCall() async throws {
        let before = arrivals
        try await eventually("a model call", timeout: .seconds(60), interval: .milliseconds(1)) {
            self.arrivals > before
        }
    }

    private static func usual(
        _ request: ScriptedModelRequest,
        taking delay: Duration
    ) -> ScriptedModelReply {
        let text = request.lastUserMessage
        var reply: ScriptedModelReply
        if text.hasPrefix("tool "), request.lastRole == "user" {
            let call = EffectServer.call(for: LoadPlan.label(of: text))
            reply = .toolCalls([.init(name: call.name, arguments: call.arguments.string)])
            reply.firstByteDelay = delay
        } else {
            reply = .pieces([LoadPlan.answer(to: text)] + words.map { " " + $0 })
            reply.firstByteDelay = delay / 3
            reply.pieceDelay = delay * 2 / (3 * (words.count + 1))
        }
        reply.usage = usage
        return reply
    }
}
