import JSON
import Testing

/// What a strict parser must take and refuse, by hand after the cases of JSONTestSuite (Seriot 2016).
struct JSONParserTests {
    static let accepted: [(text: String, value: JSONValue)] = [
        ("null", nil), (" true ", true), ("\t\r\n false", false), ("0", 0), ("-0", -0.0), ("-1", -1),
        ("9223372036854775807", 9_223_372_036_854_775_807),
        ("-9223372036854775808", .number(.integer(.min))),
        ("1.5", 1.5), ("1e2", 100), ("1E+2", 100), ("1e-2", 0.01), ("123.456e78", 123.456e78), ("0e1", 0),
        ("\"\"", ""), ("\"a\"", "a"), ("\"\\u0041\"", "A"), ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\u{8}\u{c}\n\r\t"),
        ("\"\\uD834\\uDd1e\"", "\u{1D11E}"), ("\"\\u0000\"", "\0"), ("\"\u{7f}\"", "\u{7f}"), ("\"€𝄞\"", "€𝄞"),
        ("\"\u{2028}\"", "\u{2028}"), ("\"\\uFFFF\"", "\u{FFFF}"), ("\"12345678\\n\"", "12345678\n"),
        ("[]", []), ("[ ]", []), ("[1]", [1]), ("[1 , [2] ,\n{}]", [1, [2], [:]]), ("[[[]]]", [[[]]]),
        ("{}", [:]), ("{ }", [:]), ("{\"a\":1}", ["a": 1]), ("{\"\":null}", ["": nil]),
        (" { \"a\" : [ 1 ] , \"b\" : { \"a\" : \"\" } } ", ["a": [1], "b": ["a": ""]]),
        (
            "{\"e\u{301}\":1,\"\u{e9}\":2}",
            .object(JSONObject([.init(key: "e\u{301}", value: 1), .init(key: "é", value: 2)]))
        ),
    ]

    @Test(arguments: accepted.indices)
    func accepts(_ position: Int) throws {
        let (text, value) = Self.accepted[position]
        let parsed = try JSONValue.parse(text)
        #expect(parsed == value)
        #expect(try JSONValue.parse(parsed.serialized()) == parsed)
        #expect(try JSONValue.parse(parsed.string([.pretty, .sortedKeys])) == parsed)
    }

    static let refused: [(text: String, code: JSONError.Code, offset: Int)] = [
        ("", .unexpectedEnd, 0), (" ", .unexpectedEnd, 1), ("nul", .unexpectedEnd, 3), ("nulL", .unexpectedByte, 0),
        ("True", .unexpectedByte, 0), ("undefined", .unexpectedByte, 0), ("NaN", .unexpectedByte, 0),
        ("Infinity", .unexpectedByte, 0), ("-Infinity", .invalidNumber, 1), ("1 2", .trailingBytes, 2),
        ("\u{FEFF}1", .unexpectedByte, 0), ("\u{a0}1", .unexpectedByte, 0), ("\u{c}1", .unexpectedByte, 0),
        ("01", .invalidNumber, 0), ("-01", .invalidNumber, 1), ("+1", .unexpectedByte, 0), (".5", .unexpectedByte, 0),
        ("1.", .unexpectedEnd, 2), ("[1.]", .invalidNumber, 3), ("1e", .unexpectedEnd, 2), ("[1e+]", .invalidNumber, 4),
        ("-", .unexpectedEnd, 1), ("[-]", .invalidNumber, 2), ("0x10", .trailingBytes, 1), ("1_000", .trailingBytes, 1),
        ("\"", .unexpectedEnd, 1), ("\"a", .unexpectedEnd, 2), ("\"a\nb\"", .controlCharacter, 2),
        ("\"1234567\u{1f}\"", .controlCharacter, 8), ("\"\0\"", .controlCharacter, 1), ("\"\\x\"", .invalidEscape, 2),
        ("\"\\", .unexpectedEnd, 2), ("\"\\u12\"", .invalidEscape, 5), ("\"\\u12G4\"", .invalidEscape, 5),
        ("\"\\uD800\"", .loneSurrogate, 3), ("\"\\uDC00\"", .loneSurrogate, 3),
        ("\"\\uD800\\n\"", .loneSurrogate, 3), ("\"\\uD800\\uD800\"", .loneSurrogate, 3), ("'a'", .unexpectedByte, 0),
        ("[", .unexpectedEnd, 1), ("[1", .unexpectedEnd, 2), ("[1,", .unexpectedEnd, 3), ("[1,]", .unexpectedByte, 3),
        ("[,1]", .unexpectedByte, 1), ("[1 2]", .unexpectedByte, 3), ("[1}", .unexpectedByte, 2),
        ("]", .unexpectedByte, 0),
        ("[1]]", .trailingBytes, 3), ("[1]//", .trailingBytes, 3), ("[/**/1]", .unexpectedByte, 1),
        ("{", .unexpectedEnd, 1), ("{\"a\"", .unexpectedEnd, 4), ("{\"a\":", .unexpectedEnd, 5),
        ("{\"a\":1", .unexpectedEnd, 6), ("{\"a\":1,}", .unexpectedByte, 7), ("{a:1}", .unexpectedByte, 1),
        ("{1:1}", .unexpectedByte, 1), ("{\"a\",1}", .unexpectedByte, 4), ("{\"a\":1 \"b\":2}", .unexpectedByte, 7),
        ("{\"a\":1,\"a\":1}", .duplicateKey, 7), ("{\"a\":1,\"\\u0061\":1}", .duplicateKey, 7),
        ("{,}", .unexpectedByte, 1),
    ]

    @Test(arguments: refused.indices)
    func refuses(_ position: Int) {
        let (text, code, offset) = Self.refused[position]
        let expected = JSONError(code, at: offset)
        #expect(throws: expected) { try JSONValue.parse(text) }
        guard code != .duplicateKey else { return }
        #expect(throws: expected) {
            try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONError) in try reader.skipValue() }
        }
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xE2, 0x82], [0xE2, 0x28, 0xA1], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80],
            [0xF0, 0x9F, 0x98], [0xF0, 0x9F, 0x98, 0x20], [0xFF], [0xFE],
        ] as [[UInt8]]
    )
    func refusesWhatIsNotUTF8(_ sequence: [UInt8]) {
        for padding in 0..<10 {
            let prefix = Array("\"".utf8) + [UInt8](repeating: 0x61, count: padding)
            #expect(throws: JSONError(.invalidUTF8, at: padding + 1)) {
                try JSONValue.parse(prefix + sequence + Array("\"".utf8))
            }
        }
    }

    @Test func keepsEveryScalarOfUTF8() throws {
        for value: UInt32 in [0x20, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x10000, 0x10ffff] {
            let text = String(try #require(Unicode.Scalar(value)))
            #expect(try JSONValue.parse("\"\(text)\"").stringValue == text)
        }
    }

    @Test func depthAtTheLimitAndOver() throws {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let filler = open == "[" ? "" : "1"
            let atLimit = String(repeating: open, count: 64) + filler + String(repeating: close, count: 64)
            let over = open + atLimit + close
            #expect(throws: Never.self) { try JSONValue.parse(atLimit) }
            #expect(throws: JSONError.self) { try JSONValue.parse(over) }
            let code = #expect(throws: JSONError.self) {
                try JSONReader.read(Array(over.utf8)) { (reader) throws(JSONError) in try reader.skipValue() }
            }
            #expect(code?.code == .depthExceeded)
            #expect(throws: Never.self) { try JSONValue.parse(over, limits: JSONLimits(depthMax: 65)) }
        }
        #expect(throws: JSONError(.depthExceeded, at: 0)) { try JSONValue.parse("[]", limits: JSONLimits(depthMax: 0)) }
        let hostile = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(throws: JSONError(.depthExceeded, at: 64)) { try JSONValue.parse(hostile) }
    }

    @Test func sizeAtTheLimitAndOver() throws {
        let limits = JSONLimits(bytesMax: 4)
        #expect(try JSONValue.parse("null", limits: limits) == nil)
        #expect(throws: JSONError(.documentTooLarge, at: 4)) { try JSONValue.parse("null ", limits: limits) }
    }

    @Test func numberLengthAtTheLimitAndOver() throws {
        let digits = String(repeating: "7", count: 1024)
        #expect(try JSONValue.parse(digits) == .number(.literal(digits)))
        #expect(throws: JSONError(.numberTooLong, at: 0)) { try JSONValue.parse(digits + "7") }
    }

    @Test func manyMembersCostLinearTimeAndKeepTheirOrder() throws {
        let names = (0..<50_000).map { "name-\($0)" }
        let text = "{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + "}"
        let object = try #require(try JSONValue.parse(text).objectValue)
        #expect(object.keys == names)
        #expect(object["name-49999"] == 1)
        let twice = text.dropLast() + ",\"name-7\":1}"
        #expect(throws: JSONError.self) { try JSONValue.parse(String(twice)) }
    }

    @Test func duplicatesAreFoundAtEveryPosition() throws {
        for count in [1, 2, 8, 15, 16, 17, 40] {
            for repeated in 0..<count {
                let names = (0..<count).map { "k\($0)" } + ["k\(repeated)"]
                let text = "{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}"
                let error = #expect(throws: JSONError.self) { try JSONValue.parse(text) }
                #expect(error?.code == .duplicateKey)
            }
        }
    }

    @Test func errorsDoNotRepeatTheDocument() {
        let error = #expect(throws: JSONError.self) { try JSONValue.parse("{\"secret\":\"hunter2\",\"secret\":1}") }
        #expect(error?.description == "duplicate member name in an object at byte 20")
        #expect(error?.isRetriable == false)
    }
}
