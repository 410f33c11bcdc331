import Testing

@testable import HTTPClient

struct HTTPClientRequestTests {
    private func code(_ request: HTTPClientRequest) -> HTTPClientError.Code? {
        do {
            try request.validate()
            return nil
        } catch {
            return error.code
        }
    }

    @Test(arguments: [
        "", "x", "ftp://h/", "file:///etc/passwd", "http://", "http:///x", "http://u@h/", "http://u:p@h/",
        "http://h/a b",
        "http://h/\r\nX: y", "//h/", "http:h",
    ])
    func refusesURL(_ url: String) {
        #expect(code(HTTPClientRequest(url: url)) == .badURL)
    }

    @Test(arguments: ["http://h", "HTTPS://h:1/x?y@z", "http://[::1]:80/"])
    func acceptsURL(_ url: String) {
        #expect(code(HTTPClientRequest(url: url)) == nil)
    }

    @Test func refusesWhatWouldBreakTheFraming() {
        let url = "http://h"
        #expect(code(HTTPClientRequest(method: "GET /", url: url)) == .badRequest)
        #expect(code(HTTPClientRequest(url: url, headers: ["A": "b\r\nC: d"])) == .badRequest)
        #expect(code(HTTPClientRequest(url: url, headers: ["A": "b\u{0}"])) == .badRequest)
        #expect(code(HTTPClientRequest(url: url, headers: ["A b": "c"])) == .badRequest)
        #expect(code(HTTPClientRequest(url: url, headers: ["": "c"])) == .badRequest)
        #expect(code(HTTPClientRequest(url: url, headers: ["Content-Length": "1"])) == .badRequest)
        #expect(code(HTTPClientRequest(url: url, headers: ["transfer-ENCODING": "chunked"])) == .badRequest)
        #expect(code(HTTPClientRequest(url: url, headers: ["X-A": "b \t c~é"])) == nil)
    }

    @Test func originHoldsNeitherUserNorPath() {
        #expect(HTTPClientRequest(url: "HTTP://u:p@h:8/p?q").origin == "http://h:8")
        #expect(HTTPClientRequest(url: "secret").origin == "(no origin)")
    }

    @Test func durationsAreClamped() {
        #expect(Duration.milliseconds(2).clampedNanoseconds == 2_000_000)
        #expect(Duration.seconds(-1).clampedNanoseconds == 0)
        #expect(Duration.seconds(Int64.max).clampedNanoseconds == UInt64(Int64.max / 2))
    }

    @Test func headersAreFoundInAnyCaseAndReplaced() {
        var headers: HTTPClientHeaders = ["A": "1", "a": "2"]
        #expect(headers.all("A") == ["1", "2"])
        headers["A"] = "3"
        #expect(headers.fields == [.init(name: "A", value: "3")])
        headers["a"] = nil
        #expect(headers.count == 0)
    }
}
