import EventBus
import JSON
import Testing

@testable import parleyctl

@Suite struct TerminalTextTests {
    @Test func controlCharactersAreTakenOut() {
        #expect(TerminalText.clean("a\u{1B}[31mb\u{07}\u{9B}c\u{7F}\n") == "a [31mb  c  ")
        #expect(TerminalText.clean("a\nb\tc\r", keeping: ["\n", "\t"]) == "a\nb\tc ")
        #expect(TerminalText.clean("żółw 🐢 e\u{301}") == "żółw 🐢 e\u{301}")
    }

    @Test func textIsClippedOverItsLimitOnly() {
        #expect(TerminalText.clipped("12345", max: 5) == "12345")
        #expect(TerminalText.clipped("123456", max: 5) == "12345…")
        #expect(TerminalText.clipped("\u{1B}\n", max: 5) == "  ")
    }

    @Test func linesBecomeOne() {
        #expect(TerminalText.oneLine("a\nb\r\n\nc") == "a; b; c")
    }

    @Test func timesAreWrittenInUTC() {
        #expect(TerminalText.time(milliseconds: 0) == "1970-01-01T00:00:00.000Z")
        #expect(TerminalText.time(milliseconds: 1_795_238_210_007) == "2026-11-21T05:16:50.007Z")
        #expect(TerminalText.time(milliseconds: -1) == "-")
    }

    @Test func columnsAreAsWideAsTheirWidestCell() {
        #expect(
            TerminalText.table([["A", "LONG", "C"], ["aaa", "b", "c"], ["x"]]) == ["A    LONG  C", "aaa  b     c", "x"]
        )
        #expect(TerminalText.table([]) == [])
    }
}

@Suite struct RecordTextTests {
    private func record(_ text: String, key: String? = "s1") -> BusRecord {
        BusRecord(
            topic: "t",
            partition: 3,
            offset: 17,
            key: key,
            value: Array(text.utf8),
            headers: [BusHeader("tenant", "acme"), BusHeader("tenant", "beta")],
            timestampMilliseconds: 0
        )
    }

    private static let prefix = "1970-01-01T00:00:00.000Z  3/17  s1  "

    @Test(arguments: [
        (#"{"role":"user","message":"Hello"}"#, "message/user  Hello"),
        (#"{"role":"system","type":"turn.failed","message":"sorry"}"#, "turn.failed/system  sorry"),
        (#"{"index":4,"text":"lo"}"#, "delta/4  lo"),
        (#"{"tool_name":"echo","args":{"a":1}}"#, #"tool.request  echo {"a":1}"#),
        (
            #"{"tool_name":"echo","status":"error","payload":{},"error":"bad"}"#,
            "tool.result/error  echo {} bad"
        ),
        (#"{"action":"cancel"}"#, #"control/cancel  {"action":"cancel"}"#),
        (#"[1, 2]"#, "-  [1,2]"),
        ("not json", "-  (not JSON, 8 bytes)"),
    ])
    func aLineSaysWhatTheEventIs(_ body: String, _ line: String) {
        #expect(RecordText.line(record(body)) == Self.prefix + line)
    }

    @Test func theTextIsCutAtItsLimit() {
        let text = String(repeating: "x", count: RecordText.textCharactersMax)
        #expect(RecordText.line(record(#"{"message":"\#(text)"}"#)).hasSuffix("  " + text))
        #expect(RecordText.line(record(#"{"message":"\#(text)y"}"#)).hasSuffix("  " + text + "…"))
    }

    @Test func withoutAKeyTheBodyNamesTheSession() {
        let line = RecordText.line(record(#"{"session_id":"s9","message":"m"}"#, key: nil))
        #expect(line.contains("  s9  "))
    }

    @Test func theJSONFormHasEverything() throws {
        let json = try JSONValue.parse(RecordText.json(record(#"{"message": "a\nb"}"#)))
        #expect(
            json == [
                "topic": "t", "partition": 3, "offset": 17, "timestamp": "1970-01-01T00:00:00.000Z", "key": "s1",
                "headers": ["tenant": "beta"], "value": ["message": "a\nb"],
            ]
        )
        #expect(!RecordText.json(record("{\n}")).contains("\n"))
    }

    @Test func aValueThatIsNoJSONIsGivenAsText() throws {
        let json = try JSONValue.parse(RecordText.json(record("oops", key: nil)))
        #expect(json["value"] == .null)
        #expect(json["raw"] == "oops")
        #expect(json["key"] == .null)
    }

    @Test func recordsAreFilteredBySessionAndTime() {
        let record = record(#"{"session_id":"body"}"#)
        #expect(RecordFilter(session: nil, sinceMilliseconds: nil).accepts(record))
        #expect(RecordFilter(session: "s1", sinceMilliseconds: 0).accepts(record))
        #expect(!RecordFilter(session: "body", sinceMilliseconds: nil).accepts(record))
        #expect(!RecordFilter(session: nil, sinceMilliseconds: 1).accepts(record))
    }
}
