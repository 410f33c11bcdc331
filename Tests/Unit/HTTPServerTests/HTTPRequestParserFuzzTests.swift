import TestKit
import Testing

@testable import HTTPServer

/// Seeded: `SEED=n swift test --filter HTTPRequestParserFuzzTests` repeats a run.
struct HTTPRequestParserFuzzTests {
    /// A valid request, and what a parser must make of it.
    private struct Sample {
        var bytes: [UInt8]
        var expected: ParserOutcome.Request
    }

    private static func word(_ random: inout SeededRandom, _ counts: ClosedRange<Int> = 1...12) -> String {
        let letters = Array("abcXYZ019-_.~!*")
        let count = Int.random(in: counts, using: &random)
        return String((0..<count).map { _ in letters.randomElement(using: &random) ?? "a" })
    }

    private static func sample(_ random: inout SeededRandom) -> Sample {
        let method = ["GET", "POST", "PUT", "DELETE", "OPTIONS"].randomElement(using: &random) ?? "GET"
        let target = "/\(word(&random))?\(word(&random))=%2F\(word(&random))"
        var body = (0..<Int.random(in: 0...600, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        var fields = [("Host", "h:1")]
        for _ in 0..<Int.random(in: 0...8, using: &random) {
            fields.append(("X-\(word(&random))", "\(word(&random)) \(word(&random))"))
        }
        var payload: [UInt8] = []
        switch Int.random(in: 0...2, using: &random) {
        case 0:
            body = []
        case 1:
            fields.append(("Content-Length", "\(body.count)"))
            payload = body
        default:
            fields.append(("Transfer-Encoding", "chunked"))
            payload = chunks(of: body, &random)
        }
        fields.shuffle(using: &random)
        let blanks = ["", " ", " \t "]
        let lines = fields.map { "\($0.0):\(blanks.randomElement(using: &random) ?? "")\($0.1)\r\n" }.joined()
        return Sample(
            bytes: Array("\(method) \(target) HTTP/1.1\r\n\(lines)\r\n".utf8) + payload,
            expected: ParserOutcome.Request(
                line: "\(method) \(target) 1",
                headers: fields.map { "\($0.0.lowercased())=\($0.1)" },
                body: body,
                keepsAlive: true,
                isComplete: true
            )
        )
    }

    private static func chunks(of body: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes: [UInt8] = []
        for piece in random.cut(body) {
            let size = String(piece.count, radix: 16, uppercase: Bool.random(using: &random))
            bytes += "\(size)\(Bool.random(using: &random) ? "" : ";e=\(word(&random))")\r\n".utf8
            bytes += piece + [13, 10]
        }
        let trailer = Bool.random(using: &random) ? "" : "X-Trailer: \(word(&random))\r\n"
        return bytes + "0\r\n\(trailer)\r\n".utf8
    }

    private static func conversation(_ random: inout SeededRandom) -> (bytes: [UInt8], expected: ParserOutcome) {
        let samples = (0..<Int.random(in: 1...4, using: &random)).map { _ in sample(&random) }
        return (samples.flatMap(\.bytes), ParserOutcome(requests: samples.map(\.expected)))
    }

    @Test func validRequestsAreReadHoweverTheyAreCut() {
        print("seed \(SeededRandom.seed)")
        var random = SeededRandom(seed: SeededRandom.seed)
        for round in 0..<80 {
            let (bytes, expected) = Self.conversation(&random)
            #expect(ParserDriver().parse([bytes]) == expected, "seed \(SeededRandom.seed), round \(round)")
            let cut = random.cut(bytes)
            #expect(ParserDriver().parse(cut) == expected, "seed \(SeededRandom.seed), round \(round)")
        }
    }

    @Test func brokenRequestsMeanTheSameHoweverTheyAreCut() {
        var random = SeededRandom(seed: SeededRandom.seed &+ 1)
        var refused = 0
        for round in 0..<500 {
            let bytes = random.mutate(Self.conversation(&random).bytes)
            let whole = ParserDriver(headBytesMax: 400, headersMax: 8).parse([bytes])
            let cut = ParserDriver(headBytesMax: 400, headersMax: 8).parse(random.cut(bytes))
            // In how many ways a request is broken may differ, but not whether it is, or what came before it.
            let seed = "seed \(SeededRandom.seed), round \(round)"
            #expect((whole.failure == nil) == (cut.failure == nil), "\(seed)")
            #expect(whole.completeRequests == cut.completeRequests, "\(seed)")
            for request in whole.requests {
                #expect(request.headers.count <= 8, "\(seed)")
            }
            if whole.failure != nil { refused += 1 }
        }
        // Else the mutations would not reach what refuses.
        #expect(refused > 80)
    }

    @Test func anyBytesAreSurvived() {
        var random = SeededRandom(seed: SeededRandom.seed &+ 2)
        for _ in 0..<200 {
            let count = Int.random(in: 0...300, using: &random)
            let noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(ParserDriver().parse(random.cut(noise)).completeRequests == [])
        }
    }
}
