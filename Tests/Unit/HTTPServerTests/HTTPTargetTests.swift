import Testing

@testable import HTTPServer

struct HTTPTargetTests {
    static let paths: [(target: String, path: String)] = [
        ("/", "/"), ("/a/b", "/a/b"), ("/a?b=c", "/a"), ("/?", "/"), ("/a%2Fb?c", "/a%2Fb"), ("*", "*"),
        ("/a://b/c", "/a://b/c"), ("/a?b=http://c/d", "/a"),
        // Absolute URLs, as proxies get them.
        ("http://host", "/"), ("http://host/", "/"), ("https://host:8010/a/b?c=d", "/a/b"), ("http://host?a=/b", "/"),
        ("http:?//a/b", "http:"),
    ]

    @Test(arguments: paths.indices)
    func findsThePath(_ position: Int) {
        #expect(HTTPTarget(Self.paths[position].target).path == Self.paths[position].path)
    }

    @Test func findsTheItemsOfTheQuery() {
        let items = HTTPTarget("/a?b=c&&d&=e&f==g&b=%41?/").queryItems.map { "\($0.name)|\($0.value)" }
        #expect(items == ["b|c", "d|", "|e", "f|=g", "b|%41?/"])
        #expect(HTTPTarget("/a").queryItems.isEmpty)
        #expect(HTTPTarget("/a?").queryItems.isEmpty)
        #expect(HTTPTarget("http://host?a=b").queryItems.map(\.name) == ["a"])
    }

    static let decoded: [(text: String, path: String?, query: String?)] = [
        ("", "", ""), ("abc", "abc", "abc"), ("a+b", "a+b", "a b"), ("%41%62", "Ab", "Ab"), ("%e2%82%AC", "€", "€"),
        ("€", "€", "€"), ("%2b", "+", "+"), ("%00", "\0", "\0"),
        ("%", nil, nil), ("%4", nil, nil), ("%4g", nil, nil), ("%g4", nil, nil), ("a%", nil, nil), ("%+1", nil, nil),
        ("%ff", nil, nil), ("%c0%80", nil, nil), ("%ed%a0%80", nil, nil),
    ]

    @Test(arguments: decoded.indices)
    func undoesPercentEncoding(_ position: Int) {
        let (text, path, query) = Self.decoded[position]
        #expect(HTTPRequest.percentDecoded(text) == path)
        #expect(HTTPRequest.percentDecoded(text, plusIsSpace: true) == query)
    }
}
