import Foundation
import JSON
import Testing

@testable import JSONSchema

struct PatternTests {
    static let cases: [(pattern: String, matching: [String], other: [String])] = [
        ("", ["", "a"], []), ("a", ["a", "xax"], ["", "b"]), ("^a$", ["a"], ["aa", "a\n", "\na"]),
        ("a|b", ["b"], ["c"]),
        ("^(a|b)+$", ["abba"], ["", "abc"]), ("^[a-c]{2,3}$", ["ab", "abc"], ["a", "abcd", "xyz"]),
        ("^a{2}$", ["aa"], ["a", "aaa"]), ("^a{2,}$", ["aa", "aaaaa"], ["a"]),
        ("^a?b*c+$", ["c", "abbc"], ["ab", "aac"]),
        ("^[^a]$", ["b", "é", "\n"], ["a", ""]), ("^.$", ["é", "😀"], ["\n", "\u{2028}", "ab"]),
        ("^\\d+$", ["123"], ["١٢", ""]), ("^\\D$", ["x", "١"], ["1"]), ("^\\w+$", ["aZ_9"], ["é", "-"]),
        ("^\\W$", ["é"], ["a"]),
        ("^\\s$", [" ", "\u{feff}", "\u{2003}"], ["\u{200b}", "a"]), ("^\\S$", ["a"], ["\t"]),
        ("\\bfoo\\b", ["a foo b"], ["food"]),
        ("\\Boo", ["foo"], ["oo"]), ("^\\u00e9\\x41\\t\\0$", ["éA\t\0"], ["e"]), ("^\\u{1F600}$", ["😀"], ["x"]),
        ("^\\ud83d\\ude00$", ["😀"], []), ("^\\cJ$", ["\n"], ["J"]), ("^[\\b]$", ["\u{8}"], ["b"]),
        ("^[\\]\\-x]$", ["]", "-", "x"], ["\\"]),
        ("^[a-]$", ["-", "a"], ["b"]), ("^[\\d-x]+$", ["1-x"], ["y"]), ("^\\p{Lu}\\p{Letter}*$", ["Éa"], ["éa"]),
        ("^\\P{Lu}$", ["a"], ["A"]), ("^\\p{Alphabetic}$", ["ß"], ["1"]), ("^[\\p{Nd}x]$", ["٣", "x"], ["y"]),
        ("^(?:ab)+$", ["abab"], ["aba"]), ("^(a)(b)\\2\\1$", ["abba"], ["abab"]), ("^(?<n>.)\\k<n>$", ["aa"], ["ab"]),
        ("^(?=.*\\d)(?=.*[a-z]).{3,}$", ["a1x"], ["abc", "a1"]), ("^(?!foo)", ["bar"], ["foo"]),
        ("(?<=a)b", ["ab"], ["cb"]),
        ("(?<!a)b", ["cb", "b"], ["ab"]), ("^(a*)*$", ["", "aaa"], ["b"]),
        ("^(a|ab)(c|bcd)$", ["abcd", "ac"], ["abc d"]),
        ("^a*?b$", ["aab"], ["aa"]), ("^(?:a?){20}a{20}$", [String(repeating: "a", count: 20)], ["a"]),
        ("^{$", ["{"], []),
        ("^a{,2}$", ["a{,2}"], ["a"]), ("^[]$", [], ["", "a"]), ("^[^]$", ["a", "\n"], [""]),
        ("^a.*b.*c$", ["axbyc"], ["abx"]),
        ("^a+ab$", ["aab", "aaab"], ["ab"]), ("^https?://", ["http://x", "https://x"], ["ftp://x", "xhttp://"]),
        ("^$", [""], ["a"]), ("a^", [], ["a"]), ("^[A-Za-z0-9._:-]{1,128}$", ["a:b"], ["", "a b", "a\n"]),
    ]

    @Test(arguments: cases.indices)
    func matches(_ position: Int) throws {
        let (source, matching, other) = Self.cases[position]
        let pattern = try Pattern(source)
        for text in matching { #expect(pattern.match(text) == .matched, "\(source) on \(text)") }
        for text in other { #expect(pattern.match(text) == .unmatched, "\(source) on \(text)") }
    }

    @Test(arguments: [
        "(", ")", "(?", "(?<", "(?<n", "(?x)", "[", "[z-a]", "*", "a**", "+", "a{2,1}", "\\", "\\a", "\\p{Nope}", "\\p",
        "\\pL",
        "\\u{110000}", "\\uD83D\\u0041", "\\xZ1", "\\c1", "\\1", "(a)\\2", "\\k<n>", "\\01", "a{10001}", "(?=a)*",
        "(?i)a",
    ])
    func refuses(_ source: String) {
        #expect(throws: PatternError.self) { try Pattern(source) }
    }

    @Test func depthAndSizeAtTheLimitAndOver() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "(", count: levels) + "a" + String(repeating: ")", count: levels)
        }
        #expect(throws: Never.self) { try Pattern(nested(63)) }
        #expect(throws: PatternError.self) { try Pattern(nested(64)) }
        // Two instructions a copy and one for the end: 20,000 are allowed.
        #expect(throws: Never.self) { try Pattern("(?:ab){9999}a") }
        #expect(throws: PatternError.self) { try Pattern("(?:ab){9999}aa") }
    }

    @Test(arguments: ["^(a+)+$", "(a|aa)+$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*x(.*)*y"])
    func hostilePatternsTakeLinearTime(_ source: String) throws {
        let text = String(repeating: "a", count: 20_000) + "!"
        #expect(try Pattern(source).match(text) == .unmatched)
    }

    @Test(arguments: ["^(a+)+\\1!$", "(?=(a+)+$)", "(?<=(a+)+)b"])
    func backtrackingEndsAtItsBudget(_ source: String) throws {
        let text = String(repeating: "a", count: 5_000) + "?"
        #expect(try Pattern(source, stepsMax: 100_000).match(text) == .exhausted)
    }

    @Test func anExhaustedPatternFailsEvenUnderNot() throws {
        let compiler = JSONSchemaCompiler(configuration: .init(patternStepsMax: 100_000))
        let schema = try compiler.compile(["not": ["pattern": "^(a+)+\\1!$"]])
        let value = String(repeating: "a", count: 3_000) + "?"
        #expect(!schema.isValid(.string(value)))
        #expect(schema.violations(.string(value)).map(\.keyword) == ["pattern"])
        #expect(schema.isValid("b"))
    }

    /// The three matchers agree with each other and with `NSRegularExpression` on random patterns and texts.
    @Test func agreesWithAReferenceOnRandomPatterns() throws {
        var state: UInt64 = 42
        func random(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        func piece(_ depth: Int) -> String {
            let atoms = ["a", "b", "[ab]", "[^a]", ".", "c"]
            let quantifiers = ["", "", "", "*", "+", "?", "{2}", "{1,2}"]
            let atom = depth > 0 && random(4) == 0 ? "(" + alternatives(depth - 1) + ")" : atoms[random(atoms.count)]
            return atom + quantifiers[random(quantifiers.count)]
        }
        func alternatives(_ depth: Int) -> String {
            (0...random(2)).map { _ in (0...random(3)).map { _ in piece(depth) }.joined() }.joined(separator: "|")
        }
        for _ in 0..<1_500 {
            var source = alternatives(2)
            if random(2) == 0 { source = "^" + source }
            if random(2) == 0 { source += "$" }
            let pattern = try Pattern(source)
            // Neither a look-ahead at nothing nor laziness changes whether there is a match.
            let backtracking = try Pattern("(?=)(?:" + source + ")")
            let lazy = try Pattern(source.replacing("*", with: "*?").replacing("+", with: "+?"))
            let reference = try NSRegularExpression(pattern: source)
            for _ in 0..<8 {
                let text = (0..<random(7)).map { _ in ["a", "b", "c", "é"][random(4)] }.joined()
                let range = NSRange(text.startIndex..., in: text)
                let expected = reference.firstMatch(in: text, range: range) == nil ? PatternOutcome.unmatched : .matched
                #expect(pattern.match(text) == expected, "\(source) on \(text)")
                #expect(backtracking.match(text) == expected, "\(source) on \(text), backtracking")
                #expect(lazy.match(text) == expected, "\(source) on \(text), lazy")
            }
        }
    }
}
