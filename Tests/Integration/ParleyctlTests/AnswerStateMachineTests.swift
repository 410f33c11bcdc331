import JSON
import Testing

@testable import parleyctl

@Suite struct AnswerStateMachineTests {
    private func delta(_ index: Int, _ text: String) -> JSONValue {
        ["type": "delta", "index": .int(index), "text": .string(text)]
    }

    private func message(_ text: String) -> JSONValue { ["type": "message", "message": .string(text)] }

    private func actions(_ events: [JSONValue]) -> [AnswerStateMachine.Action] {
        var machine = AnswerStateMachine()
        return events.flatMap { machine.receive($0) }
    }

    @Test func textComesAsItIsMade() {
        #expect(
            actions([["type": "turn.started"], delta(0, "Hel"), delta(1, "lo"), message("Hello")])
                == [.text("Hel"), .text("lo"), .completed]
        )
    }

    @Test func whatWasNotStreamedComesWithTheAnswer() {
        #expect(actions([delta(0, "Hel"), message("Hello")]) == [.text("Hel"), .text("lo"), .completed])
        #expect(actions([message("Hello")]) == [.text("Hello"), .completed])
    }

    @Test func aLostDeltaLeavesNoHole() {
        #expect(
            actions([delta(0, "a"), delta(2, "c"), delta(3, "d"), message("abcd")])
                == [.text("a"), .text("bcd"), .completed]
        )
        #expect(actions([delta(1, "b"), message("ab")]) == [.text("ab"), .completed])
    }

    @Test func aRepeatedDeltaIsNotShownTwice() {
        #expect(
            actions([delta(0, "a"), delta(0, "a"), delta(1, "b"), message("ab")])
                == [.text("a"), .text("b"), .completed]
        )
    }

    @Test func anAnswerThatDiffersIsShownAsAWhole() {
        #expect(
            actions([delta(0, "draft"), message("final")])
                == [.text("draft"), .note("the whole answer:"), .text("final"), .completed]
        )
    }

    @Test func anAttemptThatBeginsAgainIsSaid() {
        let shown = actions([delta(0, "a"), ["type": "turn.restarted", "attempt": 2], delta(5, "b"), message("b")])
        #expect(shown == [.text("a"), .note("the answer begins again: it was cut off"), .text("b"), .completed])
    }

    @Test func toolsShowAsNotes() {
        let events: [JSONValue] = [
            delta(0, "Let me see. "),
            ["type": "tool.request", "tool_name": "calculator", "args": ["expression": "6*7"]],
            ["type": "tool.result", "tool_name": "calculator", "status": "success", "payload": ["result": 42]],
            delta(1, "42"), message("42"),
        ]
        #expect(
            actions(events) == [
                .text("Let me see. "), .note(#"-> calculator {"expression":"6*7"}"#),
                .note(#"<- calculator success {"result":42}"#), .text("42"), .completed,
            ]
        )
    }

    @Test func aFailedTurnGivesItsReason() {
        let error: JSONValue = ["code": "model_failed", "message": "no answer"]
        #expect(
            actions([delta(0, "a"), ["type": "turn.failed", "error": error]])
                == [.text("a"), .failed("the turn failed: model_failed: no answer")]
        )
        #expect(actions([["type": "turn.cancelled"]]) == [.failed("the turn was cancelled")])
    }

    @Test func whatIsNotUnderstoodIsReadOver() {
        #expect(actions([["type": "later"], 3, ["type": "delta"], delta(0, "")]) == [])
    }
}

@Suite struct EventStreamParserTests {
    private static let stream =
        ": hi\r\n\r\nid: 1-0\nevent: delta\ndata: a\ndata:  b\n\nid: 1-1\ndata\n\nid: 9\n\ndata: cut"
    private static let events = [
        ServerEvent(id: "1-0", data: Array("a\n b".utf8)), ServerEvent(id: "1-1", data: []),
    ]

    @Test func eventsAreTakenApart() throws {
        var parser = EventStreamParser()
        #expect(try parser.receive(Array(Self.stream.utf8)) == Self.events)
    }

    @Test func piecesMayEndAnywhere() throws {
        let bytes = Array(Self.stream.utf8)
        for first in 0...bytes.count {
            var parser = EventStreamParser()
            let middle = min(bytes.count, first + 3)
            let events = try [bytes[..<first], bytes[first..<middle], bytes[middle...]]
                .flatMap { try parser.receive(Array($0)) }
            #expect(events == Self.events, "cut at \(first)")
        }
    }

    @Test func anEventMayBeAsLongAsTheLimitAndNoLonger() throws {
        let head = Array("data:".utf8)
        let longest = [UInt8](repeating: UInt8(ascii: "x"), count: EventStreamParser.eventBytesMax - head.count)
        var parser = EventStreamParser()
        let events = try parser.receive(head + longest + Array("\n\n".utf8))
        #expect(events.first?.data.count == longest.count)
        #expect(throws: EventStreamParser.TooLong.self) { try parser.receive(head + longest + [UInt8(ascii: "x")]) }
    }
}
