import TestKit
import Testing

@testable import HTTPServer

/// Seeded: `SEED=n swift test --filter WebSocketFrameFuzzTests` repeats a run.
struct WebSocketFrameFuzzTests {
    private static func bytes(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    private static func text(_ random: inout SeededRandom) -> [UInt8] {
        var text = ""
        for _ in 0..<Int.random(in: 0...80, using: &random) {
            text.append(["a", "\u{F6}", "\u{20AC}", "\u{1F600}"].randomElement(using: &random) ?? "a")
        }
        return Array(text.utf8)
    }

    /// One message in fragments, with control frames between them, and what they must lead to.
    private static func message(_ random: inout SeededRandom) -> (frames: [ClientFrame], expected: [WebSocketInput]) {
        let isText = Bool.random(using: &random)
        let length = [3, 200, 2000].randomElement(using: &random) ?? 3
        let payload = isText ? text(&random) : bytes(Int.random(in: 0...length, using: &random), &random)
        var pieces = Bool.random(using: &random) ? [payload] : random.cut(payload)
        if pieces.isEmpty { pieces = [[]] }
        var frames: [ClientFrame] = []
        var expected: [WebSocketInput] = []
        for (index, piece) in pieces.enumerated() {
            if index < 20, Int.random(in: 0...3, using: &random) == 0 {
                let ping = bytes(Int.random(in: 0...125, using: &random), &random)
                frames.append(.ping(ping))
                expected.append(.ping(ping))
            }
            let opcode: UInt8 = index > 0 ? 0 : isText ? 1 : 2
            frames.append(ClientFrame(opcode: opcode, payload: piece, isFinal: index == pieces.count - 1))
        }
        for index in frames.indices { frames[index].mask = bytes(4, &random) }
        return (frames, expected + [isText ? .text(payload) : .binary(payload)])
    }

    private static func conversation(_ random: inout SeededRandom) -> (bytes: [UInt8], expected: [WebSocketInput]) {
        var wire: [UInt8] = []
        var expected: [WebSocketInput] = []
        for _ in 0..<Int.random(in: 1...5, using: &random) {
            let message = message(&random)
            wire += message.frames.flatMap(\.bytes)
            expected += message.expected
        }
        if Bool.random(using: &random) {
            wire += ClientFrame.close(1000).bytes
            expected.append(.close(1000))
        }
        return (wire, expected)
    }

    @Test func validFramesAreReadHoweverTheyAreCut() {
        print("seed \(SeededRandom.seed)")
        var random = SeededRandom(seed: SeededRandom.seed)
        for round in 0..<60 {
            let (bytes, expected) = Self.conversation(&random)
            #expect(decode([bytes]) == expected, "seed \(SeededRandom.seed), round \(round)")
            #expect(decode(random.cut(bytes)) == expected, "seed \(SeededRandom.seed), round \(round)")
        }
    }

    @Test func brokenFramesMeanTheSameHoweverTheyAreCut() {
        var random = SeededRandom(seed: SeededRandom.seed &+ 1)
        let limit = 1000
        var violations = 0
        for round in 0..<300 {
            let valid = Self.conversation(&random).bytes
            let bytes = random.mutate(valid)
            let whole = decode([bytes], messageBytesMax: limit)
            #expect(
                decode(random.cut(bytes), messageBytesMax: limit) == whole,
                "seed \(SeededRandom.seed), round \(round)"
            )
            for input in whole {
                switch input {
                case .text(let payload):
                    #expect(payload.count <= limit && String(validating: payload, as: UTF8.self) != nil)
                case .binary(let payload): #expect(payload.count <= limit)
                case .ping(let payload): #expect(payload.count <= 125)
                case .violation: violations += 1
                case .pong, .close: break
                }
            }
        }
        // Else the mutations would not reach what refuses.
        #expect(violations > 30)
    }
}
