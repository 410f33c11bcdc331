import Testing

@testable import HTTPServer

struct HTTPResponseHeadTests {
    private func head(_ response: HTTPResponse, _ framing: HTTPResponseHead.Framing) -> String {
        let bytes = HTTPResponseHead.bytes(of: response, framing, dateLine: Array("date: now\r\n".utf8))
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func anAnswerTellsItsLength() {
        #expect(
            head(HTTPResponse(status: 200, headers: [("a", "b"), ("c", "d: e")]), .init(length: 1_234_567_890))
                == "HTTP/1.1 200 OK\r\ndate: now\r\na: b\r\nc: d: e\r\ncontent-length: 1234567890\r\n\r\n"
        )
        #expect(
            head(HTTPResponse(status: 404), .init(length: 0))
                == "HTTP/1.1 404 Not Found\r\ndate: now\r\ncontent-length: 0\r\n\r\n"
        )
        #expect(head(HTTPResponse(status: 299), .init(length: 0)).hasPrefix("HTTP/1.1 299 Status\r\n"))
    }

    @Test func withoutALengthTheBodyComesInChunks() {
        #expect(head(HTTPResponse(status: 200), .init()).hasSuffix("date: now\r\ntransfer-encoding: chunked\r\n\r\n"))
        #expect(
            head(HTTPResponse(status: 200), .init(isHTTP10: true, keepsAlive: false))
                .hasSuffix("date: now\r\nconnection: close\r\n\r\n")
        )
    }

    @Test(arguments: [101, 204, 304])
    func anAnswerWithoutABodyHasNoFraming(_ status: Int) {
        for framing in [HTTPResponseHead.Framing(length: 5), .init()] {
            #expect(head(HTTPResponse(status: status), framing).hasSuffix("date: now\r\n\r\n"))
        }
    }

    @Test func theConnectionsFateIsTold() {
        let response = HTTPResponse(status: 200)
        #expect(!head(response, .init(length: 0)).contains("connection"))
        #expect(head(response, .init(length: 0, keepsAlive: false)).contains("\r\nconnection: close\r\n"))
        #expect(head(response, .init(length: 0, isHTTP10: true)).contains("\r\nconnection: keep-alive\r\n"))
    }

    @Test func controlCharactersInAValueAreBlanks() {
        let response = HTTPResponse(status: 200, headers: [("a", "b\r\nc: d\0e\u{7f}€")])
        #expect(head(response, .init(length: 0)).contains("\r\na: b  c: d e €\r\n"))
    }

    @Test func whatIsNoNameOrTheServersIsLeftOut() {
        let headers = [
            ("x\r\nset-cookie", "1"), ("", "2"), ("a b", "3"), ("a:", "4"), ("Content-Length", "5"), ("date", "6"),
            ("Transfer-Encoding", "7"), ("Connection", "8"), ("x-y", "9"),
        ]
        #expect(
            head(HTTPResponse(status: 200, headers: headers), .init(length: 0))
                == "HTTP/1.1 200 OK\r\ndate: now\r\nx-y: 9\r\ncontent-length: 0\r\n\r\n"
        )
    }

    @Test func numbersAreWrittenInDigits() {
        for number in [0, 9, 10, 15, 16, 255, 256, 1 << 20, Int.max] {
            var decimal: [UInt8] = [1]
            decimal.append(decimal: number)
            #expect(String(decoding: decimal.dropFirst(), as: UTF8.self) == String(number))
            var hexadecimal: [UInt8] = [1]
            hexadecimal.append(hexadecimal: number)
            #expect(String(decoding: hexadecimal.dropFirst(), as: UTF8.self) == String(number, radix: 16))
        }
    }

    @Test func aProblemIsJSON() {
        guard case .bytes(let body) = HTTPResponse.problem(status: 413, detail: "Too much.").body else { return }
        let members =
            #""type":"about:blank","title":"Content Too Large","status":413,"code":"too_large","detail":"Too much.""#
        #expect(String(decoding: body, as: UTF8.self) == "{\(members)}")
    }
}
