import Synchronization

/// What the clients of a run count together.
final class LoadCounters: Sendable {
    private struct State {
        var answeredAt: [Duration] = []
        var clientErrors: [String: Int] = [:]
        var refusals = 0
        var reconnects = 0
        var abandoned = 0
    }

    private let state = Mutex(State())

    /// When each turn ended in a client's eyes.
    var answeredAt: [Duration] { state.withLock { $0.answeredAt } }
    /// How many turns have ended.
    var answered: Int { state.withLock { $0.answeredAt.count } }
    /// Requests that failed in another way than 503 or 429 with a time to come back, by what they failed with.
    var clientErrors: [String: Int] { state.withLock { $0.clientErrors } }
    /// Requests that were answered with 503 or 429 and a time to come back.
    var refusals: Int { state.withLock { $0.refusals } }
    /// How often a stream was opened again.
    var reconnects: Int { state.withLock { $0.reconnects } }
    /// Messages that a client gave up.
    var abandoned: Int { state.withLock { $0.abandoned } }

    /// A turn ended.
    func answered(at time: Duration) {
        state.withLock { $0.answeredAt.append(time) }
    }

    /// A request failed.
    func failed(_ what: String) {
        state.withLock { $0.clientErrors[what, default: 0] += 1 }
    }

    /// A request was refused with a time to come back.
    func refused() {
        state.withLock { $0.refusals += 1 }
    }

    /// A stream is opened again.
    func reconnected() {
        state.withLock { $0.reconnects += 1 }
    }

    /// A client gave up.
    func gaveUp() {
        state.withLock { $0.abandoned += 1 }
    }
}
