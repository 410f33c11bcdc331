import HTTPServer

/// What the servers of these tests serve.
enum TestApplication {
    /// An error that knows its answer.
    struct Teapot: HTTPErrorConvertible {
        var response: HTTPResponse { HTTPResponse(status: 418, body: .bytes(Array("short and stout".utf8))) }
    }

    /// An error that no client must learn of.
    struct Secret: Error {
        let text = "hunter2"
    }

    static func handle(_ request: HTTPRequest) async throws -> HTTPResponse {
        switch request.path {
        case "/echo": return HTTPResponse(status: 200, body: .bytes(try await request.body.collect()))
        case "/pieces": return try await pieces(request)
        case "/ignore": return text("ignored")
        case "/target": return text("\(request.method) \(request.target)")
        case "/slow":
            try? await Task.sleep(for: .milliseconds(300))
            return text("slow")
        case "/teapot": throw Teapot()
        case "/secret": throw Secret()
        case "/empty": return HTTPResponse(status: 204, body: .bytes(Array("must not be sent".utf8)))
        case "/inject": return HTTPResponse(status: 200, headers: [("x-value", "a\r\nx-injected: b")])
        case "/events": return events()
        case "/broken-stream":
            return HTTPResponse(
                status: 200,
                body: .stream { writer in
                    try await writer.write(Array("half".utf8))
                    throw Secret()
                }
            )
        default: return HTTPResponse(status: 404)
        }
    }

    static func text(_ text: String) -> HTTPResponse {
        HTTPResponse(status: 200, headers: [("content-type", "text/plain")], body: .bytes(Array(text.utf8)))
    }

    /// Reads the body piece by piece, and tells its size.
    private static func pieces(_ request: HTTPRequest) async throws -> HTTPResponse {
        var size = 0
        while let piece = try await request.body.next() { size += piece.count }
        return text("\(size)")
    }

    private static func events() -> HTTPResponse {
        HTTPResponse(
            status: 200,
            headers: [("content-type", "text/event-stream")],
            body: .stream { writer in
                try await writer.write(ServerSentEvent.comment("hello"))
                for index in 0..<3 {
                    try await writer.write(
                        ServerSentEvent(id: "\(index)", event: "tick", data: "line\n\(index)").serialized()
                    )
                }
            }
        )
    }
}
