import JSON
import TestKit
import Testing

struct JSONNumberTests {
    @Test(arguments: [
        "0", "1", "-1", "1234567890123456789", "9223372036854775807", "-9223372036854775808", "0.1", "-2.5",
        "0.30000000000000004", "1e+300", "5e-324", "1e400", "-1e-400", "123456789012345678901234567890",
        "9223372036854775808", "10000000000000000000", "-36893488147419103000", "0.1000000000000000055511151231257827",
        "1.7976931348623157e+308",
    ])
    func roundTripsLiterally(_ text: String) throws {
        #expect(try JSONValue.parse(text).string == text)
    }

    @Test(arguments: [
        ("1", "1.0"), ("1", "10e-1"), ("100", "1e2"), ("0", "-0.0"), ("0", "0e5"), ("1e400", "10e399"),
        ("9223372036854775808", "9223372036854775808.0"), ("12300e-2", "123"), ("1e19", "10000000000000000000"),
    ])
    func equalByValue(_ left: String, _ right: String) throws {
        let left = try JSONValue.parse(left)
        let right = try JSONValue.parse(right)
        #expect(left == right)
        #expect(left.hashValue == right.hashValue)
    }

    @Test(arguments: [
        ("9007199254740993", "9007199254740992.0"), ("1e400", "1e401"), ("1e-400", "0"), ("1", "-1"),
        ("0.1", "0.1000000000000000055511151231257827"),
    ])
    func differentByValue(_ left: String, _ right: String) throws {
        #expect(try JSONValue.parse(left) != JSONValue.parse(right))
    }

    @Test func zeroKeepsItsSign() throws {
        #expect(try JSONValue.parse("-0").string == "-0.0")
        #expect(try JSONValue.parse("-0.0").string == "-0.0")
        #expect(try JSONValue.parse("0").string == "0")
    }

    @Test func ordersByValue() throws {
        let texts = [
            "-1e400", "-9223372036854775809", "-9223372036854775808", "-2.5", "-2", "-1e-400", "0", "1e-400", "5e-324",
            "0.1", "1", "9007199254740992.0", "9007199254740993", "9223372036854775807", "9223372036854775808", "1e400",
        ]
        let numbers = try texts.map { try #require(try JSONValue.parse($0).numberValue) }
        for (position, left) in numbers.enumerated() {
            for (other, right) in numbers.enumerated() {
                #expect((left < right) == (position < other), "\(texts[position]) < \(texts[other])")
                #expect((left == right) == (position == other), "\(texts[position]) == \(texts[other])")
            }
        }
    }

    @Test func wholeNumbers() throws {
        let cases: [(String, Int?)] = [
            ("2", 2), ("2.0", 2), ("20e-1", 2), ("2.5", nil), ("9223372036854775807", .max),
            ("9223372036854775808", nil), ("-9223372036854775808", .min), ("-9223372036854775809", nil),
            ("1e18", 1_000_000_000_000_000_000), ("1e19", nil), ("1e400", nil), ("0e99999999999999999999", 0),
            ("1e-400", nil), ("922337203685477580700e-2", .max),
        ]
        for (text, expected) in cases {
            #expect(try JSONValue.parse(text).intValue == expected, "\(text)")
        }
    }

    @Test func isIntegerAsSchemasMeanIt() throws {
        for (text, expected) in [("1", true), ("1.0", true), ("1e400", true), ("1e-400", false), ("0.5", false)] {
            #expect(try JSONValue.parse(text).numberValue?.isInteger == expected)
        }
    }

    @Test func whatIsNotFiniteIsWrittenAsNull() {
        #expect(JSONValue.double(.nan).string == "null")
        #expect(JSONValue.double(-.infinity).string == "null")
        var writer = JSONWriter()
        writer.double(.infinity)
        #expect(writer.string == "null")
    }

    @Test func everyShortDecimalIsTheNearestDouble() throws {
        var generator = SeededRandom(seed: 7)
        for _ in 0..<5_000 {
            let whole = Int.random(in: 0...99_999, using: &generator)
            let fraction = String(Int.random(in: 0...99_999, using: &generator))
            let text = "\(whole).\(fraction)"
            #expect(try JSONValue.parse(text).doubleValue == Double(text))
        }
    }
}
