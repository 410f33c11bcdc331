import Testing

@testable import parley_worker

@Suite struct DeltaStateMachineTests {
    private let start = ContinuousClock.now
    private let counters = DeltaCounters(streamNext: 3, deltaNext: 0)

    private func text(bytes: Int) -> String { String(repeating: "x", count: bytes) }

    @Test func theFirstPieceGoesAtOnce() {
        var machine = DeltaStateMachine(counters: counters)
        let batch = machine.append("a", now: start)
        #expect(batch == DeltaStateMachine.Batch(number: 0, streamIndex: 3, text: "a"))
    }

    @Test func theFollowingWaitUntil30MillisecondsHavePassed() {
        var machine = DeltaStateMachine(counters: counters)
        _ = machine.append("a", now: start)
        let early = [1, 15, 29].map { machine.append("b", now: start + .milliseconds($0)) }
        #expect(early == [nil, nil, nil])
        let due = machine.append("c", now: start + .milliseconds(30))
        #expect(due == DeltaStateMachine.Batch(number: 1, streamIndex: 4, text: "bbbc"))
        // From then on, not from the beginning.
        let next = machine.append("d", now: start + .milliseconds(59))
        #expect(next == nil)
        let after = machine.append("e", now: start + .milliseconds(60))
        #expect(after?.text == "de")
    }

    @Test func theFollowingWaitUntilThereAre80Bytes() {
        var machine = DeltaStateMachine(counters: counters)
        _ = machine.append("a", now: start)
        let under = machine.append(text(bytes: 79), now: start)
        #expect(under == nil)
        let at = machine.append("y", now: start)
        #expect(at?.text == text(bytes: 79) + "y")
        // Bytes, not characters.
        let wide = machine.append(String(repeating: "\u{1F642}", count: 20), now: start)
        #expect(wide?.text.utf8.count == 80)
        let large = machine.append(text(bytes: 500), now: start)
        #expect(large?.text.utf8.count == 500)
    }

    @Test func aFlushSendsWhatWaitsAndNothingElse() {
        var machine = DeltaStateMachine(counters: counters)
        let nothing = machine.flush(now: start)
        #expect(nothing == nil)
        _ = machine.append("a", now: start)
        _ = machine.append("b", now: start)
        let rest = machine.flush(now: start + .milliseconds(20))
        #expect(rest == DeltaStateMachine.Batch(number: 1, streamIndex: 4, text: "b"))
        let again = machine.flush(now: start + .milliseconds(40))
        #expect(again == nil)
        // What was flushed counts as sent: the next piece waits from there.
        let next = machine.append("c", now: start + .milliseconds(49))
        #expect(next == nil)
        let due = machine.append("d", now: start + .milliseconds(50))
        #expect(due?.text == "cd")
    }

    @Test func emptyPiecesAreNothing() {
        var machine = DeltaStateMachine(counters: counters)
        let empty = machine.append("", now: start)
        #expect(empty == nil)
        #expect(machine.counters == counters)
        let first = machine.append("a", now: start)
        #expect(first?.number == 0)
        let later = machine.append("", now: start + .seconds(1))
        #expect(later == nil)
    }

    @Test func allBatchesTogetherAreTheAnswerOnceAndInOrder() {
        var machine = DeltaStateMachine(counters: counters)
        let pieces = (0..<200).map { "word\($0) " }
        var batches: [DeltaStateMachine.Batch] = []
        for (index, piece) in pieces.enumerated() {
            let now = start + .milliseconds(index * index % 37 + index * 4)
            if let batch = machine.append(piece, now: now) { batches.append(batch) }
        }
        if let rest = machine.flush(now: start + .seconds(60)) { batches.append(rest) }
        #expect(batches.map(\.text).joined() == pieces.joined())
        #expect(batches.map(\.number) == Array(0..<batches.count))
        #expect(batches.map(\.streamIndex) == batches.indices.map { Int64(3 + $0) })
        #expect(machine.counters == DeltaCounters(streamNext: Int64(3 + batches.count), deltaNext: batches.count))
        #expect(batches.count < pieces.count / 2)
    }

    @Test func aRestartForgetsWhatWaitsAndOpensTheAttempt() {
        var machine = DeltaStateMachine(counters: counters)
        _ = machine.append("void", now: start)
        _ = machine.append(" too", now: start)
        let opening = machine.restart(at: DeltaCounters(streamNext: 1_000_000, deltaNext: 0))
        #expect(opening == 1_000_000)
        #expect(machine.counters == DeltaCounters(streamNext: 1_000_001, deltaNext: 0))
        let nothing = machine.flush(now: start)
        #expect(nothing == nil)
        // The new attempt's first piece is waited for like any first.
        let first = machine.append("new", now: start + .milliseconds(1))
        #expect(first == DeltaStateMachine.Batch(number: 0, streamIndex: 1_000_001, text: "new"))
    }
}
