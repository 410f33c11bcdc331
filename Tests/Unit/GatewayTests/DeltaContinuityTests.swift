import Domain
import TestKit
import Testing

@testable import parley_gateway

/// What a client is told of an answer of which pieces were lost.
struct DeltaContinuityTests {
    private func told(_ events: [StreamEvent], after position: StreamPosition = .start) -> [String] {
        var continuity = DeltaContinuity(after: position)
        return events.filter { continuity.tells($0) }.map(\.position.description)
    }

    private func event(_ turn: Int64, _ index: Int64, _ kind: StreamEvent.Kind = .delta) -> StreamEvent {
        Make.event(turn, index, kind)
    }

    @Test func whatIsWholeIsTold() {
        let events = Make.turn(1, deltas: 3) + Make.turn(2, deltas: 2)
        #expect(told(events) == events.map(\.position.description))
    }

    @Test func nothingIsToldBehindAHoleButWhatIsNoText() {
        let events = [
            event(1, 0, .turnStarted), event(1, 1), event(1, 3), event(1, 4, .toolRequest), event(1, 5, .toolResult),
            event(1, 6), event(1, 7, .message), event(2, 0, .turnStarted), event(2, 1), event(2, 2, .message),
        ]
        #expect(told(events) == ["1-0", "1-1", "1-4", "1-5", "1-7", "2-0", "2-1", "2-2"])
    }

    @Test func aHoleAtTheBeginningIsAHole() {
        #expect(told([event(1, 0, .turnStarted), event(1, 2), event(1, 3), event(1, 4, .message)]) == ["1-0", "1-4"])
        #expect(told([event(3, 4), event(3, 5), event(3, 6, .message)]) == ["3-6"], "nothing was seen of the turn")
    }

    @Test func aNewAttemptBeginsAnew() {
        let stride = StreamPosition.attemptStride
        let events = [
            event(1, 0, .turnStarted), event(1, 2), event(1, stride, .turnRestarted), event(1, stride + 1),
            event(1, stride + 3), event(1, stride + 4, .message),
        ]
        #expect(told(events) == ["1-0", "1-\(stride)", "1-\(stride + 1)", "1-\(stride + 4)"])
    }

    @Test func whoComesBackGoesOnBehindItsLastEvent() {
        let rest = [event(5, 7), event(5, 8), event(5, 9, .message)]
        #expect(told(rest, after: StreamPosition(turn: 5, index: 6)) == ["5-7", "5-8", "5-9"])
        #expect(told(rest, after: StreamPosition(turn: 5, index: 5)) == ["5-9"])
        #expect(told(rest, after: StreamPosition(turn: 4, index: 6)) == ["5-9"])
    }

    @Test(arguments: 0..<300)
    func theTextThatIsToldIsAlwaysABeginning(_ number: Int) {
        var random = SeededRandom(seed: UInt64(number))
        let deltas = Int64.random(in: 1...12, using: &random)
        let all = Make.turn(1, deltas: deltas)
        let kept = all.filter { $0.kind != .delta || Int.random(in: 0..<6, using: &random) > 0 }
        let firstHole = all.first { event in !kept.contains { $0.position == event.position } }
        let expected = kept.filter { event in
            event.kind != .delta || firstHole.map { event.position < $0.position } ?? true
        }
        #expect(told(kept) == expected.map(\.position.description))
    }
}
