/// Where an event stands in a session's stream: the id that clients see and resume after, written `<turn>-<index>`.
///
/// The first number is the turn's place in the session (turns run in that order), the second counts the events within
/// the turn. Both are given by the worker that holds the turn, so every gateway shows the same ids. Each attempt at a
/// turn counts from a multiple of ``attemptStride`` on: what a cut attempt had already sent can never be taken for what
/// its successor sends.
package struct StreamPosition: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// How far apart the first events of two attempts are; more than a turn of one attempt can ever have.
    package static let attemptStride: Int64 = 1_000_000

    /// Before everything.
    package static let start = StreamPosition(turn: 0, index: 0)

    /// The turn's place in the session: the `seq` of its message, from 1.
    package let turn: Int64
    /// The event's place in the turn, from 0.
    package let index: Int64

    /// Makes a position.
    package init(turn: Int64, index: Int64) {
        self.turn = turn
        self.index = index
    }

    /// Reads a position as ``description`` writes it; nil for anything else.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let turn = Int64(parts[0]), let index = Int64(parts[1]), turn >= 0, index >= 0 else {
            return nil
        }
        self.init(turn: turn, index: index)
    }

    /// The index of the first event of an attempt.
    /// - Parameter attempt: From 1.
    /// - Returns: The index, a multiple of ``attemptStride``.
    package static func firstIndex(ofAttempt attempt: Int) -> Int64 {
        Int64(max(attempt, 1) - 1) * attemptStride
    }

    /// Which attempt at the turn the event belongs to, from 1.
    package var attempt: Int { Int(index / Self.attemptStride) + 1 }

    /// Whether the event opens its attempt.
    package var opensAttempt: Bool { index % Self.attemptStride == 0 }

    /// The position as clients see it.
    package var description: String { "\(turn)-\(index)" }

    /// Turn by turn, and in a turn event by event.
    package static func < (left: StreamPosition, right: StreamPosition) -> Bool {
        (left.turn, left.index) < (right.turn, right.index)
    }
}
