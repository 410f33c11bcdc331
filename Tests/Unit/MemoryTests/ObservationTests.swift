import JSON
import Memory
import Testing

/// What an observation may hold, and what it adds to the short-term memory.
struct ObservationTests {
    private func problems(_ make: () throws -> Observation) -> [String] {
        do {
            _ = try make()
            return []
        } catch let error as MemoryError {
            #expect(error.code == .invalidObservation)
            return error.problems.map(\.field)
        } catch {
            return ["\(error)"]
        }
    }

    @Test func limitsAreReachedAndNotPassed() {
        let long = String(repeating: "é", count: 2048)
        #expect(problems { try Observation(strings: [long]) } == [])
        #expect(problems { try Observation(strings: ["a", long + "x"]) } == ["strings[1]"])
        #expect(problems { try Observation(strings: Array(repeating: "a", count: 1000)) } == [])
        #expect(problems { try Observation(strings: Array(repeating: "a", count: 1001)) } == ["strings"])
        #expect(problems { try Observation(vectors: Array(repeating: [1], count: 100)) } == [])
        #expect(problems { try Observation(vectors: Array(repeating: [1], count: 101)) } == ["vectors"])
        #expect(problems { try Observation(vectors: [Array(repeating: 1, count: 8192)]) } == [])
        #expect(problems { try Observation(vectors: [Array(repeating: 1, count: 8193)]) } == ["vectors[0]"])
        let names = (0...1000).map { ("\($0)", 1.0) }
        #expect(problems { try Observation(emotives: .init(uniqueKeysWithValues: names.dropLast())) } == [])
        #expect(problems { try Observation(emotives: .init(uniqueKeysWithValues: names)) } == ["emotives"])
        #expect(problems { try Observation(emotives: [long + "x": 1]) } == ["emotives"])
        var metadata = JSONObject()
        for number in 0..<1000 { metadata.set("\(number)", true) }
        #expect(problems { try Observation(metadata: metadata) } == [])
        metadata.set("one more", true)
        #expect(problems { try Observation(metadata: metadata) } == ["metadata"])
        #expect(problems { try Observation(metadata: [long + "x": true]) } == ["metadata"])
    }

    @Test func numbersAreFinite() {
        #expect(problems { try Observation(vectors: [[1, 2], [3, .infinity]]) } == ["vectors[1][1]"])
        #expect(problems { try Observation(vectors: [[.nan]]) } == ["vectors[0][0]"])
        #expect(problems { try Observation(vectors: [[1e308], [1e308]]) } == ["vectors"])
        #expect(problems { try Observation(emotives: ["joy": .nan]) } == ["emotives"])
        #expect(problems { try Observation(emotives: ["joy": 1e100, "fear": -1e100]) } == [])
        for beyond in [1e100.nextUp, -1e100.nextUp, 1e308, .infinity] {
            #expect(problems { try Observation(emotives: ["joy": 1, "fear": beyond]) } == ["emotives"])
        }
        #expect(problems { try Observation(vectors: [[]]) } == ["vectors[0]"])
    }

    @Test func whatTheDatabaseCannotKeepIsRefused() {
        #expect(problems { try Observation(strings: ["a", "b\0"]) } == ["strings[1]"])
        #expect(problems { try Observation(emotives: ["\0": 1]) } == ["emotives"])
        #expect(problems { try Observation(metadata: ["k": "\0"]) } == ["metadata"])
        #expect(problems { try Observation(metadata: ["\0": 1]) } == ["metadata"])
        #expect(problems { try Observation(metadata: ["k": [["in": ["a\0b"]]]]) } == ["metadata"])
        #expect(problems { try Observation(metadata: ["k": [["in": ["a\\0b"]]]]) } == [])
    }

    @Test func differentLengthsAreBothNamed() throws {
        let error = #expect(throws: MemoryError.self) { try Observation(vectors: [[1, 2], [1, 2, 3]]) }
        #expect(error?.message.contains("3 numbers") == true)
        #expect(error?.message.contains("vectors[0] has 2") == true)
        #expect(error?.isRetriable == false)
    }

    @Test(arguments: [
        (#"{"strings": ["b", "a"], "vectors": [[1, 2.5]], "emotives": {"joy": 1}, "metadata": {"k": [1]}}"#, ""),
        (#"{}"#, ""), (#"{"strings": null, "vectors": null, "emotives": null, "metadata": null, "x": 1}"#, ""),
        (#"[]"#, "body"), (#"{"strings": "a"}"#, "strings"), (#"{"strings": ["a", 1]}"#, "strings[1]"),
        (#"{"vectors": [1]}"#, "vectors[0]"), (#"{"vectors": [[1, "2"]]}"#, "vectors[0][1]"),
        (#"{"emotives": []}"#, "emotives"), (#"{"emotives": {"joy": "1"}}"#, "emotives"),
        (#"{"metadata": 1}"#, "metadata"), (#"{"vectors": [[1e400]]}"#, "vectors[0][0]"),
        (#"{"emotives": {"joy": 1e999}}"#, "emotives"), (#"{"emotives": {"joy": -1e999}}"#, "emotives"),
        (#"{"emotives": {"joy": 1e100}}"#, ""), (#"{"emotives": {"joy": 1e101}}"#, "emotives"),
    ])
    func json(_ text: String, _ field: String) throws {
        let json = try JSONValue.parse(text)
        #expect(problems { try Observation(json: json) } == (field.isEmpty ? [] : [field]))
    }

    @Test func vectorsAreSummedElementByElement() throws {
        #expect(try Observation(vectors: [[1, 2], [10, 20], [100, 200]]).summedVector == [111, 222])
        #expect(try Observation().summedVector == nil)
    }

    /// By code point: Z before a, the emoji last, though Swift's own order has the emoji before the full-width letter.
    @Test func stringsAreSortedByCodePointBehindTheSetOfVectorSymbols() throws {
        let observation = try Observation(strings: ["b", "a", "Z", "🙂", "Ａ", "a"])
        #expect(
            observation.event(vectorSymbols: ["v2", "v1", "v2"], sorted: true) == [
                "v1", "v2", "Z", "a", "a", "b", "Ａ", "🙂",
            ]
        )
        #expect(observation.event(vectorSymbols: [], sorted: false) == ["b", "a", "Z", "🙂", "Ａ", "a"])
    }
}
