import JSON
import TestKit
import Testing

/// Seeded: `SEED=n swift test --filter JSONFuzzTests` repeats a run.
struct JSONFuzzTests {
    static func text(_ generator: inout SeededRandom) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            let limit: UInt32 = [0x20, 0x80, 0x800, 0x10000, 0x110000][Int.random(in: 0...4, using: &generator)]
            if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &generator)) { text.append(scalar) }
        }
        return String(text)
    }

    static func value(depth: Int, _ generator: inout SeededRandom) -> JSONValue {
        switch Int.random(in: 0...(depth > 0 ? 7 : 5), using: &generator) {
        case 0: return nil
        case 1: return .bool(Bool.random(using: &generator))
        case 2: return .int(Int(truncatingIfNeeded: generator.next() >> UInt64.random(in: 0...63, using: &generator)))
        case 3:
            let double = Double(bitPattern: generator.next())
            return double.isFinite ? .double(double) : 0.5
        case 4: return .number(.literal("1e\(Int.random(in: 400...999, using: &generator))"))
        case 5: return .string(text(&generator))
        case 6:
            let count = Int.random(in: 0...6, using: &generator)
            return .array((0..<count).map { _ in value(depth: depth - 1, &generator) })
        default:
            var object = JSONObject()
            for _ in 0..<Int.random(in: 0...24, using: &generator) {
                object.append(text(&generator), value(depth: depth - 1, &generator))
            }
            return .object(object)
        }
    }

    @Test func whatIsWrittenReadsBackTheSame() throws {
        var generator = SeededRandom(seed: SeededRandom.seed)
        for round in 0..<1_500 {
            let value = Self.value(depth: 3, &generator)
            let bytes = value.serialized()
            let parsed = try JSONValue.parse(bytes)
            #expect(parsed == value, "seed \(SeededRandom.seed) round \(round)")
            #expect(parsed.serialized() == bytes, "seed \(SeededRandom.seed) round \(round)")
            #expect(parsed.hashValue == value.hashValue, "seed \(SeededRandom.seed) round \(round)")
        }
    }

    /// Mutated documents never crash; parser and reader agree on them; what is accepted round-trips.
    @Test func mutationsNeverCrashAndAgree() throws {
        var generator = SeededRandom(seed: SeededRandom.seed &+ 1)
        let alphabet = Array("{}[]\",:\\/0123456789eE+-.tfnu \u{1f}\n".utf8) + [0x80, 0xC3, 0xFF, 0xED, 0xF0]
        var accepted = 0
        for round in 0..<20_000 {
            var bytes = Self.value(depth: 2, &generator).serialized()
            for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
                let position = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...3, using: &generator) {
                case 0: bytes.remove(at: position)
                case 1: bytes.insert(alphabet.randomElement(using: &generator) ?? 0, at: position)
                case 2: bytes[position] = alphabet.randomElement(using: &generator) ?? 0
                default: bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator))
                }
            }
            let skipped = Result { () throws(JSONError) in
                try JSONReader.read(bytes) { (reader) throws(JSONError) in try reader.skipValue() }
            }
            switch Result(catching: { () throws(JSONError) in try JSONValue.parse(bytes) }) {
            case .success(let value):
                accepted += 1
                #expect(throws: Never.self, "seed \(SeededRandom.seed) round \(round)") { try skipped.get() }
                #expect(try JSONValue.parse(value.serialized()) == value, "seed \(SeededRandom.seed) round \(round)")
            case .failure(let error):
                if error.code == .duplicateKey { continue }
                #expect(throws: error, "seed \(SeededRandom.seed) round \(round)") { try skipped.get() }
            }
        }
        #expect(accepted > 100, "mutations that leave a valid document are part of the test")
    }

    @Test func randomBytesNeverCrash() {
        var generator = SeededRandom(seed: SeededRandom.seed &+ 2)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = try? JSONValue.parse(bytes)
        }
    }
}
