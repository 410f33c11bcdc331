import HTTPServer
import Testing

@testable import parley_gateway

struct RouterTests {
    private let router = Router([
        .init("POST", "/v1/session/message") { _ in HTTPResponse(status: 201) },
        .init("GET", "/v1/session/{id}/stream") { _ in HTTPResponse(status: 202) },
        .init("GET", "/v1/things/{id}") { _ in HTTPResponse(status: 203) },
        .init("DELETE", "/v1/things/{id}") { _ in HTTPResponse(status: 204) },
        .init("GET", "/livez", needsCredential: false) { _ in HTTPResponse(status: 205) },
        .init("GET", "/") { _ in HTTPResponse(status: 206) },
    ])

    private func found(_ method: String, _ path: String) -> (method: String, parameters: [String: String])? {
        guard case .route(let route, let parameters) = router.match(method: method, path: path) else { return nil }
        return (route.method, parameters)
    }

    private func isNothing(_ method: String, _ path: String) -> Bool {
        if case .nothing = router.match(method: method, path: path) { true } else { false }
    }

    @Test func pathsAreMatchedPartByPart() {
        #expect(found("POST", "/v1/session/message")?.parameters == [:])
        #expect(found("GET", "/v1/session/abc/stream")?.parameters == ["id": "abc"])
        #expect(found("GET", "/v1/things/7")?.parameters == ["id": "7"])
        #expect(found("GET", "/")?.parameters == [:])
        for path in ["/v1", "/v1/session", "/v1/session/message/more", "/v1/session/a/b/stream", "/V1/things/7", "v2"] {
            #expect(isNothing("GET", path), "\(path)")
        }
    }

    @Test func credentialsAreNeededUnlessTheRouteSaysOtherwise() {
        guard case .route(let open, _) = router.match(method: "GET", path: "/livez"),
            case .route(let closed, _) = router.match(method: "GET", path: "/v1/things/7")
        else {
            Issue.record("no route")
            return
        }
        #expect(!open.needsCredential)
        #expect(closed.needsCredential)
    }

    @Test(arguments: [
        ("a%20b", "a b"), ("%C3%A9", "é"), ("a%2Fb", "a/b"), ("a+b", "a+b"), ("%7Bid%7D", "{id}"), ("%25", "%"),
    ])
    func partsAreDecoded(encoded: String, decoded: String) {
        #expect(found("GET", "/v1/things/\(encoded)")?.parameters == ["id": decoded])
    }

    @Test(arguments: ["%", "%2", "%zz", "%C3", "%FF"])
    func whatCannotBeDecodedIsNotThere(encoded: String) {
        #expect(isNothing("GET", "/v1/things/\(encoded)"))
    }

    @Test func methods() {
        #expect(found("DELETE", "/v1/things/7")?.method == "DELETE")
        #expect(found("HEAD", "/v1/things/7")?.method == "GET")
        guard case .otherMethods(let methods) = router.match(method: "PUT", path: "/v1/things/7") else {
            Issue.record("PUT is not known here")
            return
        }
        #expect(Set(methods) == ["GET", "DELETE"])
        guard case .otherMethods(let posts) = router.match(method: "HEAD", path: "/v1/session/message") else {
            Issue.record("HEAD goes where GET goes only")
            return
        }
        #expect(posts == ["POST"])
        // Methods are case-sensitive (RFC 9110 §9.1).
        #expect(found("get", "/livez") == nil)
    }

    @Test func theTableNamesEveryRoute() {
        let table = router.table.map { "\($0.method) \($0.path)" }
        #expect(
            Set(table) == [
                "POST /v1/session/message", "GET /v1/session/{id}/stream", "GET /v1/things/{id}",
                "DELETE /v1/things/{id}", "GET /livez", "GET /",
            ]
        )
        #expect(table.count == 6)
    }
}
