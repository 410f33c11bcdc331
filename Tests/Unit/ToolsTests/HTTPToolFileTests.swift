import JSON
import Testing
import Tools

/// The file of HTTP tools: what it takes, and what it refuses with which words.
struct HTTPToolFileTests {
    private static let minimal: JSONObject = [
        "name": "order", "description": "Orders.", "parameters": ["type": "object"], "url": "http://127.0.0.1:9/x",
    ]

    private static func file(_ changes: JSONObject = [:]) -> [UInt8] {
        var tool = minimal
        for change in changes { tool.set(change.key, change.value) }
        return JSONValue.object(["tools": [.object(tool)]]).serialized()
    }

    @Test func defaultsAreTheSafeOnes() throws {
        let tool = try #require(try HTTPToolFile.tools(Self.file()).first)
        #expect(!tool.definition.idempotent)
        #expect(tool.retriesMax == 0)
        #expect(tool.definition.timeout == .seconds(30))
        #expect(tool.definition.resultBytesMax == 256 * 1024)
        #expect(tool.url == "http://127.0.0.1:9/x")
    }

    @Test func readsEverything() throws {
        let tool = try #require(
            try HTTPToolFile.tools(
                Self.file([
                    "idempotent": true, "retries": 10, "timeout_seconds": 0.25, "result_bytes_max": 524_288,
                    "method": "POST", "headers": ["Authorization": "Bearer ${ORDER_KEY}", "X-Two": "${A}-${B}"],
                ])
            ).first
        )
        #expect(tool.definition.idempotent && tool.retriesMax == 10)
        #expect(tool.definition.timeout == .milliseconds(250))
        #expect(tool.variables == ["ORDER_KEY", "A", "B"])
        #expect(tool.headers.map { $0.value(["ORDER_KEY": "k", "A": "1", "B": "2"]) } == ["Bearer k", "1-2"])
        let idempotent = try HTTPToolFile.tools(Self.file(["idempotent": true])).first
        #expect(idempotent?.retriesMax == HTTPToolFile.retriesDefault)
    }

    @Test(
        arguments: [
            ["name": "a b"], ["name": ""], ["name": .string(String(repeating: "n", count: 65))], ["name": "a.b"],
            ["url": "ftp://host/"], ["url": "http://"], ["url": "http://user:word@host/"], ["url": "/relative"],
            ["method": "GET"], ["retries": 1], ["idempotent": true, "retries": 11], ["idempotent": "yes"],
            ["timeout_seconds": 0], ["timeout_seconds": 3601], ["timeout_seconds": -1], ["result_bytes_max": 524_289],
            ["result_bytes_max": 1], ["parameters": "none"], ["surprise": 1],
            ["headers": ["Idempotency-Key": "mine"]], ["headers": ["Host": "elsewhere"]], ["headers": ["A": 1]],
            ["headers": ["A": "${lower}"]], ["headers": ["A": "${OPEN"]], ["headers": ["A": "${}"]],
            ["headers": ["A": "${PARLEY_DATABASE_URL}"]], ["headers": ["A b": "x"]], ["headers": ["A": "x\r\ny: z"]],
        ] as [JSONObject]
    )
    func refuses(_ changes: JSONObject) {
        let error = #expect(throws: ToolError.self) { try HTTPToolFile.tools(Self.file(changes)) }
        #expect(error?.code == .invalidDefinition)
        #expect(error?.reason.contains("/tools/0") == true)
    }

    @Test(
        arguments: [
            ["name": .string(String(repeating: "n", count: 64))], ["timeout_seconds": 3600],
            ["timeout_seconds": 0.001], ["result_bytes_max": 2], ["headers": ["A": "${PARLEY_TOOL_KEY}"]],
        ] as [JSONObject]
    )
    func takesWhatIsAtALimit(_ changes: JSONObject) throws {
        #expect(try HTTPToolFile.tools(Self.file(changes)).count == 1)
    }

    @Test func refusesWhatIsNoFile() {
        for text in ["", "[]", "{}", #"{"tools":{}}"#, #"{"tools":[],"more":1}"#] {
            let error = #expect(throws: ToolError.self) { try HTTPToolFile.tools(Array(text.utf8)) }
            #expect(error?.code == .invalidDefinition)
        }
        let long = [UInt8](repeating: UInt8(ascii: " "), count: HTTPToolFile.bytesMax + 1)
        #expect(throws: ToolError.self) { try HTTPToolFile.tools(long) }
        #expect(throws: Never.self) { try HTTPToolFile.tools(Array(#"{"tools":[]}"#.utf8)) }
    }

    @Test func fiftyHeadersAreFineAndFiftyOneAreNot() {
        func headers(_ count: Int) -> JSONObject {
            var fields: JSONObject = [:]
            for number in 0..<count { fields.set("X-\(number)", "v") }
            return ["headers": .object(fields)]
        }
        #expect(throws: Never.self) { try HTTPToolFile.tools(Self.file(headers(50))) }
        #expect(throws: ToolError.self) { try HTTPToolFile.tools(Self.file(headers(51))) }
    }
}
