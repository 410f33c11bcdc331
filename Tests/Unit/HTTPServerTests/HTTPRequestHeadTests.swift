import Testing

@testable import HTTPServer

/// Heads of requests: what is understood, what is refused, and with which status.
struct HTTPRequestHeadTests {
    private let driver = ParserDriver()

    /// The status that a request is refused with; nil when it is not.
    private func status(_ text: String) -> Int? {
        driver.parse(text).status
    }

    @Test func aRequestIsReadAsItCame() throws {
        let outcome = driver.parse("PATCH /a%20b?c=d&e HTTP/1.1\r\nHost: h:80\r\nX-Two:\t words \t\r\nEmpty:\r\n\r\n")
        let request = try #require(outcome.requests.first)
        #expect(request.line == "PATCH /a%20b?c=d&e 1")
        // Names in lower case, values without the blanks around them.
        #expect(request.headers == ["host=h:80", "x-two=words", "empty="])
        #expect(request.isComplete && request.keepsAlive && request.body.isEmpty)
    }

    @Test(arguments: [
        "", "GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/11\r\nHost: h\r\n\r\n",
        "GET / http/1.1\r\nHost: h\r\n\r\n", "GET /\u{e9} HTTP/1.1\r\nHost: h\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /\t HTTP/1.1\r\nHost: h\r\n\r\n", "ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.1\r\nHost: h\r\n\r\n",
    ])
    func aBrokenRequestLineIsRefused(_ text: String) {
        if text.isEmpty {
            #expect(driver.parse(text) == ParserOutcome())
        } else {
            #expect(status(text) == 400, "\(text)")
        }
    }

    @Test func tokensAreMadeOfTheirCharacters() {
        let allowed = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(byte.isTokenCharacter == allowed.contains(byte), "\(byte)")
        }
    }

    @Test func otherVersionsAreRefused() {
        for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.1"] {
            #expect(status("GET / \(version)\r\nHost: h\r\n\r\n") == 505, "\(version)")
        }
        #expect(status("GET / HTTP/1.0\r\n\r\n") == nil)
    }

    @Test func whatIsNoHTTPIsRefusedBeforeItsEnd() {
        // The beginning of a TLS ClientHello.
        #expect(driver.parse([[0x16, 3, 1, 2, 0, 1]]).status == 400)
    }

    @Test(arguments: [
        "Name : value", "Na me: value", ": value", "Name", " Folded: value", "\tFolded: value", "Na\u{e9}me: value",
        "Name: a\u{0}b", "Name: a\u{1}b", "Name: a\u{7f}b", "Name: a\rb", "Name: a\nb: c", "Name: value\r\n folded",
        "Name: value\r\n\tfolded", "Na(me: value", "\u{0}Name: value",
    ])
    func aBrokenHeaderIsRefused(_ header: String) {
        #expect(status("GET / HTTP/1.1\r\nHost: h\r\n\(header)\r\n\r\n") == 400, "\(header)")
    }

    @Test func theHostIsThereOnceAndValid() {
        #expect(status("GET / HTTP/1.1\r\n\r\n") == 400)
        #expect(status("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400)
        #expect(status("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n") == 400)
        for host in ["a, b", "a b", "a/b", "user@a", "a?b", "a#b"] {
            #expect(status("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") == 400, "\(host)")
        }
        for host in ["a", "a.b:8010", "127.0.0.1", "[::1]:80", ""] {
            #expect(status("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n") == nil, "\(host)")
        }
    }

    @Test func emptyLinesBeforeARequestAreIgnored() {
        for (blank, status) in [("\r\n", nil), ("\r\n\r\n", nil), ("\r\n\r\n\r\n", 400)] as [(String, Int?)] {
            let bytes = Array("\(blank)GET / HTTP/1.1\r\nHost: h\r\n\r\n".utf8)
            // Twice, to see that each request may have them.
            #expect(driver.parse([bytes + bytes]).status == status)
            #expect(driver.parse((bytes + bytes).map { [$0] }).status == status)
        }
    }

    @Test func theConnectionHeaderDecidesWhetherItStays() throws {
        let cases: [(version: String, connection: String?, stays: Bool)] = [
            ("1.1", nil, true), ("1.1", "close", false), ("1.1", "Close", false), ("1.1", "keep-alive", true),
            ("1.1", "foo , close", false), ("1.1", "closed", true), ("1.0", nil, false), ("1.0", "keep-alive", true),
            ("1.0", "Keep-Alive", true), ("1.0", "close", false),
        ]
        for (version, connection, stays) in cases {
            let header = connection.map { "Connection: \($0)\r\n" } ?? ""
            let outcome = driver.parse("GET / HTTP/\(version)\r\nHost: h\r\n\(header)\r\n")
            #expect(outcome.requests.first?.keepsAlive == stays, "\(version) \(connection ?? "none")")
        }
    }

    @Test func anUpgradeMustBeNamedInConnection() {
        var parser = HTTPRequestParser(headBytesMax: 1000, headersMax: 10)
        var used = 0
        let asking = Array("GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n\r\n".utf8)
        #expect(asking.withUnsafeBufferPointer { parser.feed($0, used: &used) } == .head)
        #expect(parser.asksUpgrade)
        _ = asking.withUnsafeBufferPointer { parser.feed(UnsafeBufferPointer(rebasing: $0[used...]), used: &used) }
        let silent = Array("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n".utf8)
        #expect(silent.withUnsafeBufferPointer { parser.feed($0, used: &used) } == .head)
        #expect(!parser.asksUpgrade)
    }

    @Test func aHeadAtTheLimitAndOneOver() {
        let start = "GET / HTTP/1.1\r\nHost: h\r\nX: "
        let end = "\r\n\r\n"
        for (extra, status) in [(0, nil), (1, 431)] as [(Int, Int?)] {
            let filling = String(repeating: "x", count: 500 - start.utf8.count - end.utf8.count + extra)
            let whole = ParserDriver(headBytesMax: 500).parse(start + filling + end + "GET")
            #expect(whole.status == status)
            let single = Array((start + filling + end).utf8).map { [$0] }
            #expect(ParserDriver(headBytesMax: 500).parse(single).status == status)
        }
        // A head that has no end is refused as soon as it is too large.
        let endless = start + String(repeating: "x", count: 500 - start.utf8.count)
        #expect(ParserDriver(headBytesMax: 501).parse(endless).status == nil)
        #expect(ParserDriver(headBytesMax: 500).parse(endless).status == 431)
    }

    @Test func asManyHeadersAsAllowedAndOneMore() {
        for (count, status) in [(100, nil), (101, 431)] as [(Int, Int?)] {
            let headers = (1..<count).map { "X-\($0): y\r\n" }.joined()
            #expect(self.status("GET / HTTP/1.1\r\nHost: h\r\n\(headers)\r\n") == status)
        }
    }
}
