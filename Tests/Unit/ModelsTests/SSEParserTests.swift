import TestKit
import Testing

@testable import Models

struct SSEParserTests {
    private func parse(_ text: String, pieces: [Int] = []) throws -> [SSEEvent] {
        var parser = SSEParser()
        var events: [SSEEvent] = []
        var rest = Array(text.utf8)[...]
        for piece in pieces where !rest.isEmpty {
            events += try parser.receive(rest.prefix(piece))
            rest = rest.dropFirst(piece)
        }
        return events + (try parser.receive(rest))
    }

    private func data(_ text: String) -> SSEEvent { SSEEvent(name: "", data: Array(text.utf8)) }

    @Test(arguments: [
        ("data: a\n\n", ["a"]), ("data:a\r\n\r\n", ["a"]), ("data: a\r\rdata: b\r\r", ["a", "b"]),
        ("data: a\ndata: b\n\n", ["a\nb"]), ("data\n\n", [""]), ("data:\ndata:\n\n", ["\n"]), ("data:  a\n\n", [" a"]),
        (": comment\n\n\n\ndata: a\n\n", ["a"]), ("id: 1\nretry: 5\nother: x\ndata: a\n\n", ["a"]),
        ("\u{FEFF}data: a\n\n", ["a"]), ("data: a\n", []), ("data: a", []), ("event: x\n\ndata: a\n\n", ["a"]),
        (" data: a\n\n", []), ("", []), ("\n\n\n", []), ("data: é👋\n\n", ["é👋"]),
    ])
    func readsTheStandardsForms(_ text: String, _ expected: [String]) throws {
        #expect(try parse(text) == expected.map(data))
    }

    @Test func readsNames() throws {
        let events = try parse("event: ping\ndata: 1\n\ndata: 2\n\n")
        #expect(events == [SSEEvent(name: "ping", data: [49]), SSEEvent(name: "", data: [50])])
    }

    @Test func knowsWhetherItIsInsideAnEvent() throws {
        var parser = SSEParser()
        #expect(!parser.isInsideEvent)
        _ = try parser.receive(Array("data: a\n".utf8))
        #expect(parser.isInsideEvent)
        _ = try parser.receive(Array("\n".utf8))
        #expect(!parser.isInsideEvent)
    }

    @Test func limitsLinesAndEvents() throws {
        var line = SSEParser(lineBytesMax: 8, eventBytesMax: 100)
        #expect(try line.receive(Array("data: ab\n\n".utf8)) == [data("ab")])
        #expect(throws: SSEError.lineTooLong) { try line.receive(Array("data: abc".utf8)) }
        var event = SSEParser(lineBytesMax: 100, eventBytesMax: 3)
        #expect(try event.receive(Array("data: a\ndata: b\n\n".utf8)) == [data("a\nb")])
        #expect(throws: SSEError.eventTooLong) { try event.receive(Array("data: a\ndata: bc\n\n".utf8)) }
    }

    @Test func anySplitGivesTheSameEvents() throws {
        let seed = SeededRandom.seed
        var random = SeededRandom(seed: seed)
        let parts = [
            "data: a", "data:b", "\n", "\r", "\r\n", "\n\n", ": c", "event: e", "data", ":", " ", "é", "\u{FEFF}",
        ]
        for _ in 0..<2000 {
            let text = (0..<Int(random.next() % 30)).map { _ in parts[Int(random.next() % UInt64(parts.count))] }
                .joined()
            let whole = try parse(text)
            let pieces = (0..<40).map { _ in Int(random.next() % 4) }
            #expect(try parse(text, pieces: pieces) == whole, "seed \(seed)")
        }
    }

    @Test func anyBytesAreReadWithoutTrap() {
        let seed = SeededRandom.seed
        var random = SeededRandom(seed: seed)
        for _ in 0..<2000 {
            var parser = SSEParser(lineBytesMax: 64, eventBytesMax: 64)
            for _ in 0..<4 {
                let bytes = (0..<Int(random.next() % 100)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                guard let events = try? parser.receive(bytes) else { break }
                #expect(events.allSatisfy { $0.data.count <= 64 }, "seed \(seed)")
            }
        }
    }
}
