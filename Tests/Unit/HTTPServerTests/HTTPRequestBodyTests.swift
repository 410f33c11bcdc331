import Testing

@testable import HTTPServer

/// Bodies of requests: where they end, and what could be read in two ways.
struct HTTPRequestBodyTests {
    private let driver = ParserDriver()

    private func post(_ headers: String, _ body: String = "") -> ParserOutcome {
        driver.parse("POST / HTTP/1.1\r\nHost: h\r\n\(headers)\r\n\r\n\(body)")
    }

    private func chunked(_ body: String) -> ParserOutcome {
        post("Transfer-Encoding: chunked", body)
    }

    private func text(_ outcome: ParserOutcome) -> String? {
        outcome.completeRequests.first.map { String(decoding: $0.body, as: UTF8.self) }
    }

    @Test func aLengthEndsTheBody() {
        let outcome = post("Content-Length: 5", "helloGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(text(outcome) == "hello")
        #expect(outcome.completeRequests.map(\.line) == ["POST / 1", "GET /next 1"])
        #expect(text(post("Content-Length: 0", "")) == "")
        #expect(text(post("Content-Length: 5", "hell")) == nil)
        #expect(text(post("Content-Length: 00005", "hello")) == "hello")
    }

    @Test(arguments: [
        "Content-Length: -1", "Content-Length: +5", "Content-Length: 5 5", "Content-Length: 5, 5",
        "Content-Length: 0x5",
        "Content-Length: ", "Content-Length: 5.0", "Content-Length: five", "Content-Length: 9999999999999999",
        "Content-Length: 18446744073709551617", "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6", "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ])
    func anAmbiguousLengthIsRefused(_ headers: String) {
        let outcome = post(headers, "0\r\n\r\n")
        #expect(outcome.status == 400, "\(headers)")
        #expect(outcome.requests == [])
    }

    @Test(arguments: ["gzip", "gzip, chunked", "chunked, gzip", "identity", "chunked, chunked", "xchunked", ""])
    func otherCodingsAreRefused(_ coding: String) {
        #expect(post("Transfer-Encoding: \(coding)").status == 501, "\(coding)")
    }

    @Test func chunkedIsNotForHTTP10() {
        #expect(driver.parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status == 400)
    }

    @Test func chunksAreJoined() {
        #expect(text(chunked("5\r\nhello\r\n1\r\n,\r\nA\r\n0123456789\r\n0\r\n\r\n")) == "hello,0123456789")
        #expect(text(chunked("0\r\n\r\n")) == "")
        #expect(text(chunked("00000a\r\n0123456789\r\n000\r\n\r\n")) == "0123456789")
        #expect(text(post("Transfer-Encoding: Chunked", "1\r\nx\r\n0\r\n\r\n")) == "x")
        let next = chunked("1\r\nx\r\n0\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(next.completeRequests.map(\.line) == ["POST / 1", "GET /next 1"])
    }

    @Test func extensionsAndTrailersAreReadOver() {
        #expect(text(chunked("1;name=value\r\nx\r\n0;last\r\n\r\n")) == "x")
        let outcome = chunked("1\r\nx\r\n0\r\nX-Check: 1\r\nX-More: 2\r\n\r\n")
        #expect(text(outcome) == "x")
        // A trailer must not become a header: it comes after what was decided by them.
        #expect(outcome.requests.first?.headers == ["host=h", "transfer-encoding=chunked"])
    }

    @Test(arguments: [
        "x\r\n", "-1\r\nx\r\n", "+1\r\nx\r\n", " 1\r\nx\r\n", "0x1\r\nx\r\n", "\r\n", "1\nx\r\n", "1\r\nxy\r\n",
        "1\r\nx\n0\r\n\r\n", "1\r\nx0\r\n\r\n", "80000000\r\nx", "fffffffffffffffff\r\nx", "1 2\r\nx\r\n",
        "1,\r\nx\r\n",
        "0\r\nX: y\n\r\n", "0\r\n\n", "1\r\r\nx\r\n",
    ])
    func aBrokenChunkIsRefused(_ body: String) {
        let outcome = chunked(body)
        #expect(outcome.status == 400, "\(body)")
        #expect(outcome.completeRequests == [])
    }

    @Test func aChunksLineAtTheLimitAndOneOver() {
        for (count, status) in [(256, nil), (257, 400)] as [(Int, Int?)] {
            let line = "1;" + String(repeating: "e", count: count - 4) + "\r\n"
            #expect(line.utf8.count == count)
            let outcome = chunked(line + "x\r\n0\r\n\r\n")
            #expect(outcome.status == status)
            #expect(text(outcome) == (status == nil ? "x" : nil))
        }
        // One that never ends is refused at the limit too.
        #expect(chunked("1;" + String(repeating: "e", count: 254)).status == 400)
    }

    @Test func trailersAtTheLimitAndOneOver() {
        let driver = ParserDriver(headBytesMax: 200)
        for (count, status) in [(200, nil), (201, 431)] as [(Int, Int?)] {
            let trailers = "A: " + String(repeating: "t", count: count - 7) + "\r\n\r\n"
            #expect(trailers.utf8.count == count)
            let body = Array("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\(trailers)".utf8)
            #expect(driver.parse([body]).status == status)
            #expect(driver.parse(body.map { [$0] }).status == status)
        }
    }
}
