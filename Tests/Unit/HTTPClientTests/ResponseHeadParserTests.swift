import Testing

@testable import HTTPClient

struct ResponseHeadParserTests {
    private func feed(_ parser: inout ResponseHeadParser, _ lines: [String]) -> [ResponseHeadParser.Action] {
        lines.map { line in
            Array((line + "\r\n").utf8).withUnsafeBytes { parser.receive($0) }
        }
    }

    @Test func dropsInterimResponses() {
        var parser = ResponseHeadParser(bytesMax: 1000, countMax: 10, followsRedirects: false)
        let actions = feed(&parser, ["HTTP/1.1 100 Continue", "A: b", "", "HTTP/1.1 200", "C:d", ""])
        #expect(actions == [.none, .none, .none, .none, .none, .complete])
        #expect(parser.head == HTTPClientResponseHead(status: 200, headers: ["C": "d"]))
        #expect(feed(&parser, ["Trailer: x"]) == [.none])
        #expect(parser.head.headers.count == 1)
    }

    @Test func aRedirectIsFinalOnlyWhenItIsNotFollowed() {
        let lines = ["HTTP/1.1 302 Found", "Location: /x", ""]
        var staying = ResponseHeadParser(bytesMax: 1000, countMax: 10, followsRedirects: false)
        #expect(feed(&staying, lines).last == .complete)
        var following = ResponseHeadParser(bytesMax: 1000, countMax: 10, followsRedirects: true)
        #expect(feed(&following, lines).last == ResponseHeadParser.Action.none)
        #expect(following.finish() == .complete)
        #expect(following.finish() == .none)
    }

    @Test func limitsBytesAndLines() {
        let line = "HTTP/1.1 200 OK"
        var atBytes = ResponseHeadParser(bytesMax: line.count + 2, countMax: 1, followsRedirects: false)
        #expect(feed(&atBytes, [line]) == [.none])
        var overBytes = ResponseHeadParser(bytesMax: line.count + 1, countMax: 1, followsRedirects: false)
        #expect(feed(&overBytes, [line]) == [.tooLarge])
        var count = ResponseHeadParser(bytesMax: 1000, countMax: 1, followsRedirects: false)
        #expect(feed(&count, [line, "A: 1", "B: 2"]) == [.none, .none, .tooLarge])
    }

    @Test func aStrangeStatusLineIsNoHead() {
        for line in ["HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 99999 x", "HTTP/1.1 2x0"] {
            var parser = ResponseHeadParser(bytesMax: 1000, countMax: 1, followsRedirects: false)
            #expect(feed(&parser, [line, ""]) == [.none, .none])
            #expect(parser.finish() == .none)
        }
    }
}
