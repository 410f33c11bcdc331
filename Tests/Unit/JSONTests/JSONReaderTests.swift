import JSON
import Testing

struct JSONReaderTests {
    private struct Event: Equatable {
        var id: String
        var persona: String?
        var index: Int
        var tags: [String]
        var rest: String
    }

    private static func decode(_ text: String) throws(JSONError) -> Event {
        try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONError) in
            var id: String?
            var persona: String?
            var index: Int?
            var tags: [String] = []
            var rest = ""
            try reader.beginObject()
            while let key = try reader.nextKey() {
                switch key {
                case "id": id = try reader.string()
                case "persona": persona = try reader.optionalString()
                case "index": index = try reader.int()
                case "tags":
                    try reader.beginArray()
                    while try reader.nextElement() { tags.append(try reader.string()) }
                case "rest": rest = String(decoding: try reader.rawValue(), as: UTF8.self)
                default: try reader.skipValue()
                }
            }
            return Event(
                id: try reader.required(id, "id"),
                persona: persona,
                index: try reader.required(index, "index"),
                tags: tags,
                rest: rest
            )
        }
    }

    @Test func readsAStruct() throws {
        let text = """
             { "id" : "a\\u0062" , "other" : [ { "x" : [ ] } , { } ] , "tags" : [ "p" , "q" ] , "persona" : null ,
             "\\u0069ndex" : 7 , "rest" : { "k" : [ 1 , "}" ] } } 
            """
        let event = try Self.decode(text)
        #expect(event == Event(id: "ab", persona: nil, index: 7, tags: ["p", "q"], rest: "{ \"k\" : [ 1 , \"}\" ] }"))
    }

    @Test(arguments: [
        ("{}", JSONError.Code.missingMember), ("[]", .wrongType), ("{\"id\":1}", .wrongType),
        ("{\"index\":1.5}", .outOfRange),
        ("{\"index\":\"1\"}", .wrongType), ("{\"tags\":[1]}", .wrongType),
        ("{\"tags\":[\"a\" \"b\"]}", .unexpectedByte),
        ("{\"tags\":[\"a\",]}", .unexpectedByte), ("{\"id\":\"a\",}", .unexpectedByte),
        ("{,\"id\":\"a\"}", .unexpectedByte),
        ("{\"id\":\"a\",\"\\u0069d\":\"b\"}", .duplicateKey), ("{\"x\":1,\"x\":1}", .duplicateKey),
        ("{\"rest\":{\"a\":}}", .unexpectedByte), ("{\"rest\":[1,]}", .unexpectedByte),
        ("{\"id\":\"a\"", .unexpectedEnd),
        ("{\"id\":\"a\",\"index\":1} x", .trailingBytes), ("", .unexpectedEnd), ("{\"id\" \"a\"}", .unexpectedByte),
    ])
    func refuses(_ text: String, _ code: JSONError.Code) {
        let error = #expect(throws: JSONError.self) { try Self.decode(text) }
        #expect(error?.code == code)
    }

    @Test func seesDuplicatesAmongMany() throws {
        for count in [31, 32, 33, 100, 20_000] {
            let names = (0..<count).map { "\"n\($0)\":0" }.joined(separator: ",")
            let last = "{\"id\":\"a\",\"index\":1,\(names)}"
            #expect(try Self.decode(last).index == 1)
            let error = #expect(throws: JSONError.self) { try Self.decode("{\(names),\"n\(count - 1)\":0}") }
            #expect(error?.code == .duplicateKey)
        }
    }

    @Test func valueGivesTheTreeAndGoesOn() throws {
        let values = try JSONReader.read(Array("[1,{\"a\":[2]},null]".utf8)) { (reader) throws(JSONError) in
            var values: [JSONValue] = []
            try reader.beginArray()
            while try reader.nextElement() {
                if try reader.null() { values.append("none") } else { values.append(try reader.value()) }
            }
            return values
        }
        #expect(values == [1, ["a": [2]], "none"])
    }

    @Test func depthCountsFromTheRoot() throws {
        func read(_ levels: Int) throws {
            let text = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
            try JSONReader.read(Array(text.utf8)) { (reader) throws(JSONError) in
                try reader.beginArray()
                while try reader.nextElement() { _ = try reader.value() }
            }
        }
        try read(64)
        #expect(throws: JSONError(.depthExceeded, at: 64)) { try read(65) }
    }
}
