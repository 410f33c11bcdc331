import TestKit
import Testing

@testable import Postgres

@Suite("Reading the server's text form")
struct PostgresTextTests {
    private func read<Value>(_ text: String, _ decode: (UnsafeRawBufferPointer) -> Value) -> Value {
        Array(text.utf8).withUnsafeBytes(decode)
    }

    @Test(
        "integers to the ends of their range",
        arguments: [
            ("0", 0), ("-0", 0), ("42", 42), ("-7", -7), ("9223372036854775807", Int64.max),
            ("-9223372036854775808", Int64.min),
        ] as [(String, Int64)]
    )
    func integers(text: String, value: Int64) {
        #expect(read(text, PostgresText.int) == value)
    }

    @Test(
        "what is no integer is refused",
        arguments: ["", "-", "+1", "1.5", "x", "1 ", "9223372036854775808", "-9223372036854775809"]
    )
    func badIntegers(text: String) {
        #expect(read(text, PostgresText.int) == nil)
    }

    @Test("numbers, infinities and NaN")
    func doubles() {
        #expect(read("1.5", PostgresText.double) == 1.5)
        #expect(read("-1e300", PostgresText.double) == -1e300)
        #expect(read("Infinity", PostgresText.double) == .infinity)
        #expect(read("-Infinity", PostgresText.double) == -.infinity)
        #expect(read("NaN", PostgresText.double)?.isNaN == true)
        #expect(read("one", PostgresText.double) == nil)
    }

    @Test("truth values")
    func booleans() {
        #expect(read("t", PostgresText.bool) == true)
        #expect(read("f", PostgresText.bool) == false)
        #expect(read("true", PostgresText.bool) == nil)
        #expect(read("", PostgresText.bool) == nil)
    }

    @Test("bytea in hex")
    func bytes() {
        #expect(read("\\x", PostgresText.bytes) == [])
        #expect(read("\\x00ffAb", PostgresText.bytes) == [0, 255, 0xab])
        #expect(read("\\x0", PostgresText.bytes) == nil)
        #expect(read("\\xzz", PostgresText.bytes) == nil)
        #expect(read("abc", PostgresText.bytes) == nil)
    }

    @Test(
        "timestamps",
        arguments: [
            ("1970-01-01 00:00:00+00", 0),
            ("1970-01-01", 0),
            ("2000-02-29 12:34:56.5+00", 951_827_696_500_000),
            ("2026-11-21 03:51:56.123456+00", 1_795_233_116_123_456),
            ("2026-11-21T03:51:56.123456Z", 1_795_233_116_123_456),
            ("2026-11-21 05:21:56.123456+01:30", 1_795_233_116_123_456),
            ("1969-12-31 23:59:59.999999+00", -1),
        ] as [(String, Int64)]
    )
    func timestamps(text: String, value: Int64) {
        #expect(read(text, PostgresText.microseconds) == value)
    }

    @Test("what is no timestamp is refused", arguments: ["infinity", "2026-11", "2026-11-21 1:00:00", "2026-11-21 01"])
    func badTimestamps(text: String) {
        #expect(read(text, PostgresText.microseconds) == nil)
    }
}

@Suite("Array literals")
struct PostgresArrayLiteralTests {
    @Test("the server's own spelling is read")
    func serverSpelling() throws {
        #expect(try PostgresArrayLiteral.parse(Array("{}".utf8)) == [])
        #expect(try PostgresArrayLiteral.parse(Array("{1,-2,NULL}".utf8)) == ["1", "-2", nil])
        #expect(try PostgresArrayLiteral.parse(Array("{abc,\"d e\",\"NULL\"}".utf8)) == ["abc", "d e", "NULL"])
        #expect(
            try PostgresArrayLiteral.parse(Array(#"{"",NULL,"\"q\"","\\","{x}"," "}"#.utf8)) == [
                "", nil, "\"q\"", "\\", "{x}", " ",
            ]
        )
        #expect(try PostgresArrayLiteral.parse(Array("[0:1]={a,b}".utf8)) == ["a", "b"])
    }

    @Test(
        "broken literals are refused",
        arguments: ["", "{", "}", "{a", "{a,}", "{,a}", "{\"a}", "{a}x", "{{a},{b}}", "a,b", "{a\"b\"}", "{\"a\\"]
    )
    func broken(text: String) {
        #expect(throws: PostgresError.self) { try PostgresArrayLiteral.parse(Array(text.utf8)) }
    }
}
