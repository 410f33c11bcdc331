import TestKit

/// What the clients of a run say and when: the same for the same seed.
struct LoadPlan: Sendable {
    /// One message.
    struct Message: Sendable {
        /// Its place in the session, from 0.
        var number: Int
        /// The text, which no other message has.
        var text: String
        /// Whether the model calls a tool for it.
        var usesTool: Bool
        /// How long the client thinks before it sends it.
        var pause: Duration
        /// Whether the client waits for the answer before it sends the next.
        var waits: Bool
    }

    /// One session.
    struct Session: Sendable {
        /// Its name.
        var id: String
        /// What is said, in order.
        var messages: [Message]
        /// Whether its stream is read over a WebSocket rather than as server-sent events.
        var usesWebSocket: Bool
    }

    /// How large a run is.
    struct Size: Sendable {
        /// Sessions at once.
        var sessions = 50
        /// Turns of each.
        var turns = 20
        /// Where the random numbers start.
        var seed: UInt64 = 20_260_131

        /// All turns of a run.
        var total: Int { sessions * turns }
    }

    /// The sessions.
    let sessions: [Session]

    /// Makes a plan.
    init(_ size: Size, pauseMax: Duration = .milliseconds(400)) {
        var random = SeededRandom(seed: size.seed)
        sessions = (0..<size.sessions).map { index in
            Self.session(index, turns: size.turns, pauseMax: pauseMax, &random)
        }
    }

    /// What one client says.
    static func session(
        _ index: Int,
        turns: Int,
        pauseMax: Duration,
        _ random: inout SeededRandom
    ) -> Session {
        let id = "chaos-\(index)"
        // Every fifth client does not wait for answers now and then, so that turns queue up in its session.
        let isImpatient = index % 5 == 4
        let messages = (0..<turns).map { number in
            // A third of all turns, and for every number some session at it.
            let usesTool = (index + number) % 3 == 2
            return Message(
                number: number,
                text: "\(usesTool ? "tool" : "talk") \(id)/\(number)",
                usesTool: usesTool,
                pause: pauseMax * Double.random(in: 0..<1, using: &random),
                waits: !isImpatient || number % 4 == 3
            )
        }
        return Session(id: id, messages: messages, usesWebSocket: index % 10 == 3)
    }

    /// How every answer to a message begins.
    static func answer(to text: String) -> String {
        "Answer to \(text):"
    }

    /// Whose effect a message's tool call has: `session/number`.
    static func label(of text: String) -> String {
        String(text.drop { $0 != " " }.dropFirst())
    }
}
