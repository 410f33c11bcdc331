import JSON
import Memory
import Testing

/// The names of patterns and vectors, against values that Python gave.
struct PatternNameTests {
    /// `repr` of a string, as CPython 3.11 prints it.
    @Test(arguments: [
        ("", "''"), ("a", "'a'"), ("it's", "\"it's\""), ("say \"x\"", "'say \"x\"'"),
        ("it's \"x\"", "'it\\'s \"x\"'"), ("a\\b", "'a\\\\b'"), ("\t\n\r", "'\\t\\n\\r'"),
        ("\u{0}\u{1F}\u{7F}", "'\\x00\\x1f\\x7f'"), ("\u{80}\u{A0}\u{AD}", "'\\x80\\xa0\\xad'"),
        ("é", "'é'"), ("e\u{301}", "'e\u{301}'"), ("\u{200B}\u{2028}\u{FEFF}", "'\\u200b\\u2028\\ufeff'"),
        ("日本", "'日本'"), ("🙂", "'🙂'"), ("\u{E000}\u{FFFF}", "'\\ue000\\uffff'"),
        ("\u{F0000}\u{E0001}", "'\\U000f0000\\U000e0001'"), ("\u{3000}", "'\\u3000'"), ("ก\u{E33}", "'ก\u{E33}'"),
    ])
    func representation(_ text: String, _ expected: String) {
        #expect(Array(PythonText.representation(of: text).utf8) == Array(expected.utf8))
    }

    /// `hashlib.sha1(str(events).encode()).hexdigest()`.
    @Test(arguments: [
        ([["a", "b"], ["c"]], "e9e43f2309079f2843665ab773996d99489306d6"),
        ([["it's"], ["\"", "\\"]], "e5162b7c512d30b87497e7af2f97cf551ccbccf2"),
        ([["日本", "🙂"], ["\u{200B}"]], "e1ecb96241f6b8e01cd390784f61320dfac13c54"),
    ])
    func name(_ events: [[String]], _ expected: String) {
        #expect(PatternName(of: events).hex == expected)
        #expect(PatternName(of: events).qualified == "PTRN|" + expected)
        #expect(PatternName("PTRN|" + expected.uppercased()) == PatternName(of: events))
    }

    @Test(arguments: ["", "PTRN|", "abc", String(repeating: "g", count: 40), String(repeating: "0", count: 41)])
    func wrongName(_ text: String) {
        #expect(PatternName(text) == nil)
    }

    @Test func namesAreOrderedAsTheirDigits() {
        let names = (0..<200).map { PatternName(of: [["\($0)", "x"]]) }
        #expect(names.sorted().map(\.hex) == names.map(\.hex).sorted())
    }

    /// `str(value)` of what `json.loads` reads.
    @Test(arguments: [
        ("\"x'y\"", "x'y"), ("1", "1"), ("1.0", "1.0"), ("0.1", "0.1"), ("1e16", "1e+16"),
        ("12345678901234567.0", "1.2345678901234568e+16"), ("9084406989406344.0", "9084406989406344.0"),
        ("18446744073709551616", "18446744073709551616"), ("-100000000000000000000", "-100000000000000000000"),
        ("1234567890123456789012.0", "1.2345678901234568e+21"), ("1E400", "inf"), ("-1e400", "-inf"),
        ("1e-5", "1e-05"), ("-1e22", "-1e+22"), ("true", "True"), ("null", "None"),
        ("[1,\"a\",{\"k\":[null]}]", "[1, 'a', {'k': [None]}]"), ("{}", "{}"),
    ])
    func textOfValue(_ json: String, _ expected: String) throws {
        #expect(PythonText.string(of: try JSONValue.parse(json)) == expected)
    }
}
