import JSON
import Testing

struct JSONTreeTests {
    @Test func objectKeepsOrderAndReplacesInPlace() {
        var object: JSONObject = ["b": 1, "a": 2]
        object["b"] = 3
        object["c"] = nil
        let appended = [object.append("a", 9), object.append("c", 4)]
        #expect(appended == [false, true])
        #expect(JSONValue.object(object).string == #"{"b":3,"a":2,"c":4}"#)
        let removed = [object.remove("a"), object.remove("a")]
        #expect(removed == [2, nil])
        #expect(object.keys == ["b", "c"])
        #expect(object.contains("c") && !object.contains("a"))
    }

    @Test func objectsOfEverySizeBehaveTheSame() {
        var object = JSONObject()
        for number in 0..<40 {
            object.append("k\(number)", .int(number))
            #expect(object["k\(number)"] == .int(number))
            #expect(object["k0"] == 0)
        }
        for number in stride(from: 0, to: 40, by: 2) { object.remove("k\(number)") }
        #expect(object.count == 20)
        #expect(object["k39"] == 39 && object["k38"] == nil)
        var other = JSONObject()
        for member in object.members.reversed() { other.append(member.key, member.value) }
        #expect(object == other)
        #expect(object.hashValue == other.hashValue)
        other["k39"] = "x"
        #expect(object != other)
    }

    @Test func textsAreComparedByBytes() {
        #expect(JSONValue.string("e\u{301}") != JSONValue.string("\u{e9}"))
        #expect(JSONValue.string("\u{212b}") != JSONValue.string("A\u{30a}"))
        #expect(JSONValue.string("Straße") == JSONValue.string("Straße"))
    }

    @Test func accessors() {
        let value: JSONValue = ["s": "x", "i": 3, "d": 1.5, "b": true, "n": nil, "a": [1, 2], "o": ["k": "v"]]
        #expect(value["s"]?.stringValue == "x")
        #expect(value["i"]?.intValue == 3)
        #expect(value["d"]?.doubleValue == 1.5)
        #expect(value["b"]?.boolValue == true)
        #expect(value["n"]?.isNull == true)
        #expect(value["a"]?[1] == 2)
        #expect(value["a"]?[2] == nil)
        #expect(value["o"]?["k"] == "v")
        #expect(value["missing"] == nil)
        #expect(value["s"]?["k"] == nil)
        var changed = value
        changed["s"] = nil
        changed["i"] = 4
        #expect(changed["s"] == nil && changed["i"] == 4 && value["i"] == 3)
    }

    @Test func writerSetsCommasAndEscapes() throws {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("text", "a\"\\\u{1f}\u{8}\u{c}\n\r\t\u{7f}é/")
        writer.member("int", -42)
        writer.member("bool", true)
        writer.member("none", ifPresent: nil)
        writer.member("some", ifPresent: "x")
        writer.key("list")
        writer.beginArray()
        writer.int(1)
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.null()
        writer.endArray()
        writer.key(dynamic: "\"q\"")
        writer.raw(#"{"raw":[1]}"#.utf8)
        writer.member("tree", ["a": 0.5])
        writer.member("double", 2.0)
        writer.endObject()
        let expected =
            #"{"text":"a\"\\\u001f\b\f\n\r\t\#u{7f}é/","int":-42,"bool":true,"some":"x","list":[1,{},[],null],"#
            + #""\"q\"":{"raw":[1]},"tree":{"a":0.5},"double":2.0}"#
        #expect(writer.string == expected)
        #expect(try JSONValue.parse(writer.bytes)["text"]?.stringValue == "a\"\\\u{1f}\u{8}\u{c}\n\r\t\u{7f}é/")
        writer.removeAll()
        writer.bool(false)
        #expect(writer.string == "false")
    }

    @Test func prettyAndSorted() {
        let value: JSONValue = ["b": [1, [:], []], "a": nil]
        #expect(value.string([.sortedKeys]) == #"{"a":null,"b":[1,{},[]]}"#)
        #expect(value.string([.pretty]) == "{\n  \"b\": [\n    1,\n    {},\n    []\n  ],\n  \"a\": null\n}")
    }

    @Test func pointers() throws {
        let value: JSONValue = ["a/b": ["m~n": [10, 20]], "": 1]
        #expect(try value.value(at: #require(JSONPointer("/a~1b/m~0n/1"))) == 20)
        #expect(try value.value(at: #require(JSONPointer("/"))) == 1)
        #expect(try value.value(at: #require(JSONPointer(""))) == value)
        for text in ["/a~1b/m~0n/01", "/a~1b/m~0n/2", "/a~1b/m~0n/-", "/a~1b/m~0n/+1", "/x", "/a~1b/m~0n/0/x"] {
            #expect(try value.value(at: #require(JSONPointer(text))) == nil)
        }
        for text in ["a", "/~", "/~2", "/a~"] { #expect(JSONPointer(text) == nil) }
        #expect(JSONPointer(tokens: ["a/b", "m~n"]).string == "/a~1b/m~0n")
    }

    private enum Colour: String, CaseIterable {
        case red
        case green
    }

    @Test func fieldsGiveValuesAndGoodErrors() throws {
        let value: JSONValue = [
            "s": "x", "i": 3, "d": 1.5, "b": true, "n": nil, "a": [1], "o": ["k~": 5], "c": "red", "bad": "blue",
        ]
        let fields = try JSONFields(value)
        #expect(try fields.string("s") == "x")
        #expect(try fields.int("i", in: 0...3) == 3)
        #expect(try fields.double("d") == 1.5)
        #expect(try fields.bool("b"))
        #expect(try fields.array("a") == [1])
        #expect(try fields.object("o") == ["k~": 5])
        #expect(try fields.oneCase("c", of: Colour.self) == .red)
        #expect(try fields.optionalString("n") == nil)
        #expect(try fields.value("n") == nil)
        #expect(throws: JSONError(.missingMember, path: "/x", expected: "string")) { try fields.string("x") }
        #expect(throws: JSONError(.wrongType, path: "/n", expected: "string")) { try fields.string("n") }
        #expect(throws: JSONError(.wrongType, path: "/i", expected: "string")) { try fields.string("i") }
        #expect(throws: JSONError(.outOfRange, path: "/i", expected: "an integer from 0 to 2")) {
            try fields.int("i", in: 0...2)
        }
        #expect(throws: JSONError(.wrongType, path: "/o/k~0", expected: "string")) {
            try fields.fields("o").string("k~")
        }
        #expect(throws: JSONError(.outOfRange, path: "/bad", expected: "one of red, green")) {
            try fields.oneCase("bad", of: Colour.self)
        }
        #expect(throws: JSONError(.wrongType, expected: "object")) { try JSONFields([1]) }
        let inner = try fields.fields("o")
        #expect(throws: JSONError(.unknownMember, path: "/o", expected: "only k")) { try inner.allow("k") }
        try inner.allow("k", "k~")
    }

    @Test func everyErrorCodeHasItsOwnSentence() {
        let sentences = Set(JSONError.Code.allCases.map { JSONError($0).description })
        #expect(sentences.count == JSONError.Code.allCases.count)
        #expect(JSONError(.wrongType, path: "/a", expected: "string").description.contains("at /a, expected string"))
    }
}
