import Foundation
import JSON
import Memory
import TestKit
import Testing

/// Names, texts and matching blocks against Python itself, on random input; `SEED=n` repeats a run.
///
/// `python3` is one of the programs that `make setup` installs.
@Suite(.timeLimit(.minutes(5)))
struct MemoryConformanceTests {
    /// Characters that texts are made of: quotes, escapes, several scripts, marks, spaces, emoji, what is not
    /// printable.
    private static let scripts: [ClosedRange<UInt32>] = [
        0x00...0x7F, 0x20...0x7E, 0x22...0x27, 0x5C...0x5C, 0x80...0x17F, 0x300...0x36F, 0x370...0x3FF, 0x400...0x4FF,
        0x590...0x6FF, 0x900...0x97F, 0xE00...0xE7F, 0x2000...0x206F, 0x3040...0x30FF, 0x4E00...0x4EFF, 0xAC00...0xACFF,
        0xE000...0xE0FF, 0xFE00...0xFFFF, 0x1F300...0x1FAFF, 0x1_0000...0x1_FFFF, 0xE_0000...0xE_01FF,
        0x10_FF00...0x10_FFFF,
    ]

    private static func text(_ random: inout SeededRandom) -> String {
        let script = scripts[Int(random.next() % UInt64(scripts.count))]
        var text = String.UnicodeScalarView()
        for _ in 0..<random.next() % 8 {
            let range = random.next() % 3 == 0 ? scripts[Int(random.next() % UInt64(scripts.count))] : script
            if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) { text.append(scalar) }
        }
        return String(text)
    }

    /// Runs a Python program that reads a JSON document from its second argument, and reads the document that it
    /// prints.
    private static func python(_ program: String, _ input: JSONValue) async throws -> JSONValue {
        let path = TemporaryFolder.shared.uniquePath("python", suffix: ".json")
        var writer = JSONWriter()
        writer.value(input)
        try Data(writer.bytes).write(to: URL(filePath: path))
        let read =
            "import json, sys, hashlib, unicodedata, difflib\ninput = json.load(open(sys.argv[1], encoding='utf-8'))\n"
        let result = try await ChildProcess.run(
            "/usr/bin/python3",
            ["-c", read + program, path],
            timeout: .seconds(120)
        )
        try #require(result.exit == .exited(0), "python3 failed: \(result.standardError.suffix(400))")
        return try JSONValue.parse(result.standardOutput)
    }

    @Test func namesOfPatternsAreThoseOfPython() async throws {
        var random = SeededRandom(seed: SeededRandom.seed)
        let patterns = (0..<5_000).map { _ in
            (0..<1 + random.next() % 4).map { _ in (0..<1 + random.next() % 3).map { _ in Self.text(&random) } }
        }
        let answer = try await Self.python(
            "print(json.dumps([unicodedata.unidata_version] + [str(events) for events in input]))",
            .array(patterns.map { .array($0.map { .array($0.map(JSONValue.string)) }) })
        )
        let version = try Self.version(answer[0])
        for (position, events) in patterns.enumerated() {
            let ours = PythonText.representation(of: events, version)
            try #require(answer[position + 1]?.stringValue.map { Array($0.utf8) } == ours, "seed \(SeededRandom.seed)")
        }
    }

    /// Python 3.10, which KATO runs on, knows Unicode 13; what this Python knows beyond that is escaped in names.
    @Test func everyCharacterIsPrintableWhereItIsInPython() async throws {
        let answer = try await Self.python(
            "print(json.dumps([unicodedata.unidata_version, [c for c in range(0x110000) if chr(c).isprintable()]]))",
            .null
        )
        let version = try Self.version(answer[0])
        let printable = Set((answer[1]?.arrayValue ?? []).compactMap(\.intValue))
        #expect(printable.count > 100_000)
        let wrong = (UInt32(0)..<0x11_0000).filter { value in
            guard let scalar = Unicode.Scalar(value) else { return false }
            return PythonText.isPrintable(scalar, version) != printable.contains(Int(value))
        }
        #expect(wrong == [])
        #expect(PythonText.UnicodeVersion.python310 < PythonText.UnicodeVersion(14, 0))
        // U+061D came with Unicode 14.
        #expect(PythonText.representation(of: "\u{61D}") == "'\\u061d'")
        #expect(PythonText.representation(of: "\u{61D}", .init(14, 0)) == "'\u{61D}'")
    }

    @Test func namesAreTheHashesThatPythonMakes() async throws {
        let events = [["it's", "\"q\""], ["日本", "e\u{301}", "🙂"], ["\u{200B}\t\\"]]
        let answer = try await Self.python(
            "print(json.dumps(hashlib.sha1(('%s' % input).encode('utf-8')).hexdigest()))",
            .array(events.map { .array($0.map(JSONValue.string)) })
        )
        #expect(answer.stringValue == PatternName(of: events).hex)
    }

    @Test func textsOfMetadataAreThoseOfPython() async throws {
        var random = SeededRandom(seed: SeededRandom.seed)
        var values: [JSONValue] = [.null, .bool(true), .bool(false), .array([]), .object([:]), .int(-5)]
        for _ in 0..<2_000 {
            let exponent = Double(Int.random(in: -30...30, using: &random))
            values.append(.double(Double.random(in: -10...10, using: &random) * pow(10, exponent)))
            values.append(.double(Double(Int64.random(in: -(1 << 60)...(1 << 60), using: &random))))
            values.append(.array([.string(Self.text(&random)), .object(["k": .int(Int(random.next() % 100))])]))
        }
        // As texts, so that Python reads the very numbers.
        let answer = try await Self.python("print(json.dumps([str(value) for value in input]))", .array(values))
        let texts = (answer.arrayValue ?? []).compactMap(\.stringValue)
        try #require(texts.count == values.count)
        var writer = JSONWriter()
        writer.value(.array(values))
        let read = try JSONValue.parse(writer.bytes).arrayValue ?? []
        for (value, expected) in zip(read, texts) where PythonText.string(of: value) != expected {
            // A text with characters newer than Unicode 13 is written differently on purpose.
            let isNewer = expected.unicodeScalars.contains { !PythonText.isPrintable($0) && $0.value > 0x7F }
            #expect(isNewer, "\(PythonText.string(of: value)) is \(expected) in Python, seed \(SeededRandom.seed)")
        }
    }

    /// Blocks show in what a prediction says: matches, fragmentation, present.
    @Test func matchingBlocksAreThoseOfDifflib() async throws {
        var random = SeededRandom(seed: SeededRandom.seed)
        let pairs = (0..<3_000).map { round in
            let alphabet = UInt64([2, 3, 6, 20][round % 4])
            let count = round % 100 == 0 ? 90 : 12
            func symbols() -> [String] {
                (0..<1 + Int(random.next() % UInt64(count))).map { _ in "\(random.next() % alphabet)" }
            }
            return (pattern: symbols(), state: symbols())
        }
        let program = """
            def blocks(pattern, state):
                matcher = difflib.SequenceMatcher(a=pattern, b=state, autojunk=False)
                return [list(block) for block in matcher.get_matching_blocks()[:-1]]
            print(json.dumps([blocks(pattern, state) for pattern, state in input]))
            """
        let lists = pairs.map { pair in [pair.pattern, pair.state].map { JSONValue.array($0.map(JSONValue.string)) } }
        let answer = try await Self.python(program, .array(lists.map(JSONValue.array)))
        var configuration = SessionConfiguration()
        configuration.recallThreshold = 0
        for (position, pair) in pairs.enumerated() {
            let blocks = (answer[position]?.arrayValue ?? []).map { ($0.arrayValue ?? []).compactMap(\.intValue) }
            var index = PatternIndex()
            try index.upsert(Pattern(events: pair.pattern.map { [$0] }))
            let prediction = try #require(index.predict(state: [pair.state], configuration).predictions.first)
            try #require(prediction.matches == blocks.flatMap { Array(pair.state[$0[1]..<$0[1] + $0[2]]) })
            try #require(prediction.metrics.fragmentation == Double(blocks.count - 1))
            guard let first = blocks.first, let last = blocks.last else { continue }
            let movesBack = first[0] > 0 && pair.pattern[first[0] - 1] == pair.pattern[first[0]]
            let start = movesBack ? first[0] - 1 : first[0]
            try #require(prediction.present.joined().elementsEqual(pair.pattern[start..<last[0] + last[2]]))
        }
    }

    private static func version(_ value: JSONValue?) throws -> PythonText.UnicodeVersion {
        let numbers = (value?.stringValue ?? "").split(separator: ".").compactMap { Int($0) }
        try #require(numbers.count == 3)
        return PythonText.UnicodeVersion(numbers[0], numbers[1])
    }
}
