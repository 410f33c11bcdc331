import Domain

/// Which deltas one client is told: none behind one that it was not told, so that what it has shown of an answer is
/// always the beginning of it.
///
/// No I/O. Deltas are not stored, and go with a broker that loses its data; the final event has the whole text. It is
/// for each client to say what it has seen: one that comes back in the middle of a turn goes on behind its last event,
/// whatever this gateway has missed before that.
struct DeltaContinuity: Sendable {
    private struct Attempt: Equatable {
        let turn: Int64
        let number: Int

        init(_ position: StreamPosition) {
            turn = position.turn
            number = position.attempt
        }
    }

    private var last: StreamPosition
    private var broken: Attempt?

    /// Begins behind the last event that the client has seen.
    init(after position: StreamPosition) {
        last = position
    }

    /// Takes the next event, in order.
    /// - Returns: Whether the client is told of it.
    mutating func tells(_ event: StreamEvent) -> Bool {
        let position = event.position
        let follows = position.turn == last.turn && position.index == last.index + 1
        if !follows, !position.opensAttempt { broken = Attempt(position) }
        last = position
        return event.kind != .delta || broken != Attempt(position)
    }
}
