import Domain
import TestKit
import Testing

@testable import parley_gateway

/// Makes the events of a session's stream.
enum Make {
    static func event(_ turn: Int64, _ index: Int64, _ kind: StreamEvent.Kind) -> StreamEvent {
        let position = StreamPosition(turn: turn, index: index)
        if kind == .turnStarted || kind == .turnRestarted {
            return .opening(position: position, sessionID: "s", turnID: "t\(turn)")
        }
        return StreamEvent(position: position, kind: kind, sessionID: "s", turnID: "t\(turn)")
    }

    static func opening(_ turn: Int64, after prior: Int64) -> StreamEvent {
        let position = StreamPosition(turn: turn, index: 0)
        return .opening(position: position, sessionID: "s", turnID: "t\(turn)", priorTurn: prior)
    }

    /// A turn: its beginning, `deltas` pieces, its answer.
    static func turn(_ turn: Int64, deltas: Int64) -> [StreamEvent] {
        [event(turn, 0, .turnStarted)] + (0..<deltas).map { event(turn, $0 + 1, .delta) }
            + [event(turn, deltas + 1, .message)]
    }
}

struct StreamSequencerTests {
    private let start = ContinuousClock.now
    private var sequencer = StreamSequencer()

    private mutating func receive(_ event: StreamEvent, after time: Duration = .zero) -> [String] {
        sequencer.receive(event, now: start + time).map(\.position.description)
    }

    private mutating func expire(after time: Duration) -> [String] {
        sequencer.expire(now: start + time).map(\.position.description)
    }

    @Test mutating func eventsInOrderPassAtOnce() {
        for event in Make.turn(1, deltas: 2) + Make.turn(3, deltas: 1) {
            #expect(receive(event) == [event.position.description])
        }
        #expect(sequencer.deadline == nil)
    }

    @Test mutating func anAnswerThatOvertakesItsDeltasWaitsForThem() {
        #expect(receive(Make.event(1, 0, .turnStarted)) == ["1-0"])
        #expect(receive(Make.event(1, 3, .message)) == [])
        #expect(receive(Make.event(1, 2, .delta)) == [])
        #expect(receive(Make.event(1, 1, .delta)) == ["1-1", "1-2", "1-3"])
    }

    @Test mutating func anAnswerThatOvertakesTheBeginningWaitsForIt() {
        #expect(receive(Make.event(1, 2, .message)) == [])
        #expect(receive(Make.event(1, 0, .turnStarted)) == ["1-0"])
        #expect(receive(Make.event(1, 1, .delta)) == ["1-1", "1-2"])
    }

    @Test mutating func whatComesTwicePassesOnce() {
        let turn = Make.turn(1, deltas: 1)
        _ = turn.map { receive($0) }
        for event in turn {
            #expect(receive(event) == [])
        }
        #expect(sequencer.deadline == nil)
    }

    @Test mutating func whatIsMissingIsWaitedForOnlySoLong() {
        #expect(receive(Make.event(1, 0, .turnStarted)) == ["1-0"])
        #expect(receive(Make.event(1, 2, .delta), after: .milliseconds(10)) == [])
        #expect(sequencer.deadline == start + .milliseconds(10) + StreamSequencer.patience)
        #expect(expire(after: StreamSequencer.patience + .milliseconds(9)) == [])
        #expect(expire(after: StreamSequencer.patience + .milliseconds(10)) == ["1-2"])
        // The missing one comes after all: too late.
        #expect(receive(Make.event(1, 1, .delta), after: .seconds(1)) == [])
        #expect(receive(Make.event(1, 3, .message), after: .seconds(1)) == ["1-3"])
    }

    @Test mutating func allThatIsMissingOfAnAttemptIsGivenUpAtOnce() {
        let second = StreamPosition.attemptStride
        _ = receive(Make.event(1, 0, .turnStarted))
        _ = receive(Make.event(1, 2, .delta))
        _ = receive(Make.event(1, 4, .delta))
        _ = receive(Make.event(1, second + 2, .message))
        #expect(expire(after: StreamSequencer.patience) == ["1-2", "1-4"])
        #expect(expire(after: StreamSequencer.patience) == [], "another attempt has a patience of its own")
        #expect(expire(after: StreamSequencer.patience * 2) == ["1-\(second)", "1-\(second + 2)"])
        #expect(sequencer.deadline == nil)
    }

    @Test mutating func heldEventsAtAndOverTheLimit() {
        _ = receive(Make.event(1, 0, .turnStarted))
        for index in 0..<Int64(StreamSequencer.heldMax) {
            #expect(receive(Make.event(1, index + 2, .delta)) == [])
        }
        #expect(
            receive(Make.event(1, Int64(StreamSequencer.heldMax) + 2, .message)).count == StreamSequencer.heldMax + 1
        )
        #expect(sequencer.deadline == nil)
    }

    @Test mutating func aTurnThatBeginsAgainCutsOffTheAttemptBefore() {
        let second = StreamPosition.attemptStride
        _ = receive(Make.event(1, 0, .turnStarted))
        _ = receive(Make.event(1, 1, .delta))
        #expect(receive(Make.event(1, second, .turnRestarted)) == ["1-\(second)"])
        #expect(receive(Make.event(1, 2, .delta)) == [], "what the cut attempt had sent is void")
        #expect(receive(Make.event(1, second + 2, .message)) == [])
        #expect(receive(Make.event(1, second + 1, .delta)) == ["1-\(second + 1)", "1-\(second + 2)"])
    }

    @Test mutating func theNextTurnWaitsForTheEndOfTheOneBefore() {
        _ = receive(Make.event(1, 0, .turnStarted))
        #expect(receive(Make.event(3, 0, .turnStarted)) == [])
        #expect(receive(Make.event(3, 1, .delta)) == [])
        #expect(receive(Make.event(1, 1, .message)) == ["1-1", "3-0", "3-1"])
    }

    @Test mutating func aTurnWhoseBeginningIsLostEndsBeforeTheNextBegins() {
        _ = Make.turn(1, deltas: 1).map { receive($0) }
        #expect(receive(Make.event(3, 2, .message)) == [])
        #expect(receive(Make.event(5, 0, .turnStarted)) == [])
        #expect(expire(after: StreamSequencer.patience) == ["3-0", "3-2", "5-0"])
    }

    @Test mutating func aLostBeginningIsToldAllTheSameSoThatNoTextShowsTwice() {
        let second = StreamPosition.attemptStride
        _ = receive(Make.event(1, 0, .turnStarted))
        _ = receive(Make.event(1, 1, .delta))
        #expect(receive(Make.event(1, second + 1, .delta)) == [])
        let passed = sequencer.expire(now: start + StreamSequencer.patience)
        #expect(passed == [Make.event(1, second, .turnRestarted), Make.event(1, second + 1, .delta)])
        #expect(receive(Make.event(1, second, .turnRestarted)) == [], "it comes after all: too late")
        #expect(receive(Make.event(1, second + 2, .message)) == ["1-\(second + 2)"])
    }

    @Test mutating func aTurnWhoseEndIsLostDoesNotStopTheNext() {
        _ = receive(Make.event(1, 0, .turnStarted))
        _ = receive(Make.event(3, 0, .turnStarted))
        _ = receive(Make.event(3, 1, .message))
        #expect(expire(after: StreamSequencer.patience) == ["3-0", "3-1"])
    }
}

/// Random sessions, shuffled as two topics can shuffle them.
struct StreamSequencerPropertyTests {
    private struct Session {
        /// Everything, in order.
        var events: [StreamEvent] = []
        /// The topic of the deltas, in order.
        var deltas: [StreamEvent] = []
        /// The topic of all else, in order.
        var outbound: [StreamEvent] = []

        init(_ random: inout SeededRandom) {
            var seq: Int64 = 0
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                seq += Int64.random(in: 1...3, using: &random)
                var index: Int64 = 0
                for attempt in 1...Int.random(in: 1...2, using: &random) {
                    index = StreamPosition.firstIndex(ofAttempt: attempt)
                    add(Make.event(seq, index, attempt == 1 ? .turnStarted : .turnRestarted))
                    for _ in 0..<Int.random(in: 0...6, using: &random) {
                        index += 1
                        add(Make.event(seq, index, .delta))
                    }
                }
                for kind in [StreamEvent.Kind.toolRequest, .toolResult] where Bool.random(using: &random) {
                    index += 1
                    add(Make.event(seq, index, kind))
                }
                index += 1
                add(Make.event(seq, index, Bool.random(using: &random) ? .message : .turnFailed))
            }
        }

        private mutating func add(_ event: StreamEvent) {
            events.append(event)
            switch event.kind {
            case .turnStarted, .turnRestarted, .delta: deltas.append(event)
            default: outbound.append(event)
            }
        }

        /// The same without a quarter of the deltas' topic, as far as `mayBeLost` says.
        func losing(_ random: inout SeededRandom, _ mayBeLost: (StreamEvent) -> Bool) -> Session {
            var session = self
            let lost = Set(
                deltas.filter { mayBeLost($0) && Int.random(in: 0..<4, using: &random) == 0 }.map(\.position)
            )
            session.events.removeAll { lost.contains($0.position) }
            session.deltas.removeAll { lost.contains($0.position) }
            return session
        }

        /// Both topics as one client may get them: each in its own order, now and then a record twice.
        func interleaved(_ random: inout SeededRandom) -> [StreamEvent] {
            var (left, right) = (deltas[...], outbound[...])
            var arrivals: [StreamEvent] = []
            while !left.isEmpty || !right.isEmpty {
                let takesLeft = right.isEmpty || !left.isEmpty && Bool.random(using: &random)
                let event = takesLeft ? left.removeFirst() : right.removeFirst()
                arrivals.append(event)
                if Int.random(in: 0..<5, using: &random) == 0, let again = arrivals.randomElement(using: &random) {
                    arrivals.append(again)
                }
            }
            return arrivals
        }
    }

    @Test(arguments: 0..<400)
    func nothingLost(_ number: Int) {
        var random = SeededRandom(seed: SeededRandom.seed &+ UInt64(number))
        let session = Session(&random)
        var sequencer = StreamSequencer()
        let now = ContinuousClock.now
        let passed = session.interleaved(&random).flatMap { sequencer.receive($0, now: now) }
        #expect(passed == session.events, "seed \(SeededRandom.seed), session \(number)")
        #expect(sequencer.deadline == nil)
    }

    @Test(arguments: 0..<400)
    func piecesLost(_ number: Int) {
        var random = SeededRandom(seed: SeededRandom.seed &+ 1000 &+ UInt64(number))
        let session = Session(&random).losing(&random) { $0.kind == .delta }
        let passed = everythingThatPasses(of: session, &random)
        let ends = { (events: [StreamEvent]) in events.filter(\.kind.isFinal).map(\.position) }
        #expect(ends(passed) == ends(session.events), "every end of a turn comes through")
        #expect(passed.filter { $0.kind != .delta } == session.events.filter { $0.kind != .delta })
    }

    @Test(arguments: 0..<400)
    func beginningsLost(_ number: Int) {
        var random = SeededRandom(seed: SeededRandom.seed &+ 3000 &+ UInt64(number))
        let session = Session(&random).losing(&random) { _ in true }
        let positions = everythingThatPasses(of: session, &random).map(\.position)
        #expect(positions == positions.sorted() && Set(positions).count == positions.count)
        let opened = Set(positions.filter(\.opensAttempt))
        let openings = positions.map { position in
            StreamPosition(turn: position.turn, index: StreamPosition.firstIndex(ofAttempt: position.attempt))
        }
        #expect(opened.isSuperset(of: openings), "no attempt goes unannounced")
    }

    /// What passes when in the end all is waited for.
    private func everythingThatPasses(of session: Session, _ random: inout SeededRandom) -> [StreamEvent] {
        var sequencer = StreamSequencer()
        var now = ContinuousClock.now
        var passed = session.interleaved(&random).flatMap { sequencer.receive($0, now: now) }
        for _ in 0...session.events.count {
            now += StreamSequencer.patience
            passed += sequencer.expire(now: now)
        }
        #expect(sequencer.deadline == nil, "nothing is held for ever")
        return passed
    }

    @Test(arguments: 0..<400)
    func anyTimes(_ number: Int) {
        var random = SeededRandom(seed: SeededRandom.seed &+ 2000 &+ UInt64(number))
        let session = Session(&random)
        var sequencer = StreamSequencer()
        var now = ContinuousClock.now
        var passed: [StreamEvent] = []
        for event in session.interleaved(&random).shuffled(using: &random) {
            now += .milliseconds(Int.random(in: 0...200, using: &random))
            passed += sequencer.expire(now: now) + sequencer.receive(event, now: now)
        }
        let positions = passed.map(\.position)
        #expect(positions == positions.sorted() && Set(positions).count == positions.count)
    }
}
