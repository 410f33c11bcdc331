import JSON
import Testing

@testable import parley_chaos

/// The checker finds each kind of fault, in histories that no platform ever had.
@Suite struct CheckerTests {
    private static let session = "chaos-2"

    /// What is told of the call of a tool in the first turn, second and third.
    private static let notices = [
        ToldEvent(
            turn: 1,
            index: 1,
            type: "tool.request",
            turnID: "turn-0",
            notice: ToolNotice(eventID: "run", tool: "book", status: nil, content: ["label": "chaos-2/0"])
        ),
        ToldEvent(
            turn: 1,
            index: 2,
            type: "tool.result",
            turnID: "turn-0",
            notice: ToolNotice(eventID: "run", tool: "book", status: "success", content: ["done": true])
        ),
    ]

    /// A history of one session in which everything is as it should be: three messages, the first of which uses a tool.
    private func sound() -> History {
        var history = History()
        history.tokensPerCall = 12
        var told = SessionTold(id: Self.session)
        for number in 0..<3 {
            let usesTool = number == 0
            let text = "\(usesTool ? "tool" : "talk") \(Self.session)/\(number)"
            let id = "turn-\(number)"
            let seq = 1 + 2 * number
            let answer = LoadPlan.answer(to: text) + " one two"
            var message = ToldMessage(number: number, text: text)
            message.usesTool = usesTool
            message.acceptedIDs = [id]
            told.messages.append(message)
            told.stream += [
                ToldEvent(turn: seq, index: 0, type: "turn.started", turnID: id),
                ToldEvent(turn: seq, index: 3, type: "delta", turnID: id, text: LoadPlan.answer(to: text)),
                ToldEvent(turn: seq, index: 4, type: "message", turnID: id, text: answer),
            ]
            history.events += [
                StoredEvent(
                    session: Self.session,
                    seq: seq,
                    turnSeq: seq,
                    eventID: id,
                    role: "user",
                    message: text
                ),
                StoredEvent(
                    session: Self.session,
                    seq: seq + 1,
                    turnSeq: seq,
                    eventID: "end-\(number)",
                    role: "assistant",
                    message: answer
                ),
            ]
            var turn = StoredTurn(session: Self.session, turnID: id, seq: seq, status: "completed")
            turn.tokens = usesTool ? 24 : 12
            turn.startedAt = 100 * number
            turn.finishedAt = 100 * number + 50
            history.turns.append(turn)
        }
        for (index, event) in Self.notices.enumerated() { told.stream.insert(event, at: 1 + index) }
        history.sessions = [told]
        history.toolSteps = [StoredToolStep(turnID: "turn-0")]
        for event in Self.notices { history.toolSteps[0].notices[event.index] = event.notice }
        history.toolRuns = [StoredToolRun(eventID: "run", turnID: "turn-0", status: "success")]
        history.effects = [EffectCall(label: "\(Self.session)/0", key: "run")]
        history.chargedTokens = 48
        return history
    }

    /// Every count that is not 0.
    private func counts(_ change: (inout History) -> Void) -> [Verdict.Fault: Int] {
        var history = sound()
        change(&history)
        let verdict = Checker.check(history)
        let counts = Verdict.Fault.allCases.map { ($0, verdict.count($0)) }
        return Dictionary(uniqueKeysWithValues: counts).filter { $0.value > 0 }
    }

    @Test("A history without faults has none, and every message is accepted and answered")
    func nothingToFind() {
        let verdict = Checker.check(sound())
        #expect(verdict.findings.isEmpty)
        #expect(verdict.accepted == 3)
        #expect(verdict.answered == 3)
    }

    @Test("Lost: no turn, no end, an end that nobody was told, a tool that had no effect")
    func lost() {
        #expect(
            counts {
                $0.turns.remove(at: 2)
                $0.chargedTokens -= 12
            } == [.lost: 1]
        )
        #expect(counts { $0.events.removeAll { $0.eventID == "turn-1" } } == [.lost: 1])
        #expect(counts { $0.events.removeAll { $0.eventID == "end-1" } } == [.lost: 1])
        #expect(counts { $0.turns[1].finishedAt = nil } == [.lost: 1])
        #expect(counts { $0.sessions[0].stream.removeLast() } == [.lost: 1])
        #expect(counts { $0.effects = [] } == [.lost: 1])
        var history = sound()
        history.sessions[0].stream.removeLast()
        #expect(Checker.check(history).answered == 2)
    }

    @Test("Duplicated: two turns for a message, two ids, two ends, an event told twice")
    func duplicated() {
        #expect(
            counts { history in
                var copy = history.events[0]
                copy.eventID = "another"
                history.events.append(copy)
            } == [.duplicated: 1]
        )
        #expect(counts { $0.sessions[0].messages[1].acceptedIDs.append("another") } == [.duplicated: 1])
        #expect(
            counts { history in
                var copy = history.events[1]
                copy.eventID = "another"
                history.events.append(copy)
            } == [.duplicated: 1]
        )
        #expect(counts { $0.sessions[0].stream.insert($0.sessions[0].stream[5], at: 5) } == [.duplicated: 1])
        #expect(
            counts { history in
                var copy = history.sessions[0].stream[10]
                copy.index += 1
                history.sessions[0].stream.append(copy)
            } == [.duplicated: 1]
        )
    }

    @Test("Out of order: events told backwards, turns that overlap or are swapped, another's answer, a gap in a text")
    func outOfOrder() {
        #expect(counts { $0.sessions[0].stream.swapAt(5, 6) } == [.outOfOrder: 1])
        #expect(counts { $0.turns[1].startedAt = 49 } == [.outOfOrder: 1])
        #expect(counts { $0.turns[1].startedAt = 50 } == [:])
        #expect(counts { $0.sessions[0].messages.swapAt(0, 1) } == [.outOfOrder: 1])
        #expect(counts { $0.sessions[0].stream[7].text = LoadPlan.answer(to: "talk chaos-2/2") } == [.outOfOrder: 2])
        #expect(counts { $0.events[3].message = "Answer to something else" } == [.outOfOrder: 1])
        #expect(counts { $0.sessions[0].stream[6].text = "swer to" } == [.outOfOrder: 1])
        #expect(
            counts { history in
                // What a lost attempt said does not count to what its successor says.
                var event = history.sessions[0].stream[6]
                event.index += ToldEvent.attemptStride
                history.sessions[0].stream.insert(event, at: 7)
                history.sessions[0].stream[8].index += ToldEvent.attemptStride
            } == [:]
        )
    }

    @Test("Effects doubled: two runs of a turn, two keys for a call, two calls without a key")
    func effectsDoubled() {
        #expect(
            counts { $0.toolRuns.append(StoredToolRun(eventID: "2", turnID: "turn-0", status: "success")) }
                == [.effectsDoubled: 1]
        )
        let label = "\(Self.session)/0"
        #expect(counts { $0.effects?.append(EffectCall(label: label, key: "run")) } == [:])
        #expect(counts { $0.effects?.append(EffectCall(label: label, key: "2")) } == [.effectsDoubled: 1])
        #expect(
            counts { $0.effects = [EffectCall(label: label, key: ""), EffectCall(label: label, key: "")] }
                == [.effectsDoubled: 1]
        )
    }

    @Test("Charged twice: a turn with too many tokens, and charges that no turn explains, too many or too few")
    func chargedTwice() {
        #expect(counts { $0.chargedTokens += 12 } == [.chargedTwice: 1])
        #expect(counts { $0.chargedTokens -= 13 } == [.chargedTwice: 2])
        let open = counts { history in
            history.turns[2].finishedAt = nil
            history.turns[2].status = "waiting"
            history.turns[2].tokens = 0
            history.chargedTokens += 12
        }
        #expect(open == [.lost: 1])
        #expect(
            counts {
                $0.turns[1].tokens = 24
                $0.chargedTokens += 12
            } == [.chargedTwice: 1]
        )
        #expect(
            counts {
                $0.turns[0].tokens = 12
                $0.chargedTokens -= 12
            } == [.chargedTwice: 1]
        )
    }

    @Test("Told wrongly: another call, place, tool, arguments, answer or end than the journal and the run say")
    func toldWrongly() {
        #expect(counts { $0.toolSteps = [] } == [.toldWrongly: 2])
        #expect(counts { $0.toolSteps[0].turnID = "turn-1" } == [.toldWrongly: 2])
        #expect(counts { $0.toolSteps[0].notices[2] = nil } == [.toldWrongly: 1])
        #expect(
            counts { history in
                history.toolSteps[0].notices[3] = history.toolSteps[0].notices.removeValue(forKey: 2)
            } == [.toldWrongly: 1]
        )
        #expect(counts { $0.toolSteps[0].notices[1]?.eventID = "another" } == [.toldWrongly: 1])
        #expect(counts { $0.toolSteps[0].notices[1]?.tool = "another" } == [.toldWrongly: 1])
        #expect(counts { $0.toolSteps[0].notices[1]?.content = [:] } == [.toldWrongly: 1])
        #expect(counts { $0.toolSteps[0].notices[2]?.content = [:] } == [.toldWrongly: 1])
        #expect(counts { $0.toolSteps[0].notices[2]?.status = "error" } == [.toldWrongly: 1])
        // No run at all, and one that ended in another way, which then has no effect to be missed.
        #expect(counts { $0.toolRuns = [] } == [.toldWrongly: 1])
        #expect(counts { $0.toolRuns[0].status = "interrupted" } == [.toldWrongly: 1])
    }

    @Test("What is stored of a tool's call and told to nobody is counted, and is no fault")
    func untold() {
        var history = sound()
        #expect(Checker.check(history).untold == 0)
        history.sessions[0].stream.removeSubrange(1...2)
        #expect(Checker.check(history).findings.isEmpty)
        #expect(Checker.check(history).untold == 2)
        history.turns[0].finishedAt = nil
        #expect(Checker.check(history).untold == 0, "it may still be told")
    }

    @Test("Failed: a turn that ended without an answer")
    func failed() {
        let found = counts { history in
            history.turns[1].status = "failed"
            history.sessions[0].stream[7].type = "turn.failed"
        }
        #expect(found == [.failed: 1])
    }
}

/// A scenario's bars, at them and over them.
@Suite struct BarsTests {
    @Test func recovery() {
        let bars = Scenario.Bars(recovery: .seconds(5))
        #expect(bars.misses(recoveries: [.seconds(1), .seconds(5)], errors: 0) == [])
        #expect(
            bars.misses(recoveries: [.seconds(1), .milliseconds(5100)], errors: 0) == ["recovery 5.1 s, bar 5.0 s"]
        )
        #expect(bars.misses(recoveries: [], errors: 0) == ["recovery: no turn was under way"])
        #expect(Scenario.Bars().misses(recoveries: [], errors: 0) == [], "no bar, nothing to show")
    }

    @Test func clientErrors() {
        #expect(Scenario.Bars(clientErrors: 2).misses(recoveries: [], errors: 2) == [])
        #expect(Scenario.Bars(clientErrors: 2).misses(recoveries: [], errors: 3) == ["client_errors 3"])
        #expect(Scenario.Bars().misses(recoveries: [], errors: 1) == ["client_errors 1"], "none, unless it is said")
        #expect(Scenario.Bars(clientErrors: nil).misses(recoveries: [], errors: 1000) == [])
    }
}
