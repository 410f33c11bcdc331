/// An answer.
package struct HTTPResponse: Sendable {
    /// What follows the head.
    package enum Body: Sendable {
        /// Bytes, announced with their length.
        case bytes([UInt8])
        /// Pieces, written as they come; the connection's pace is the writer's.
        ///
        /// When the client goes, the task is cancelled and writing throws.
        case stream(@Sendable (HTTPBodyWriter) async throws -> Void)
        /// A WebSocket, where the client has asked for one in the right way; else the answer is 426 or 400.
        ///
        /// The connection ends when the closure returns. A handler refuses an upgrade by any other answer.
        case webSocket(@Sendable (WebSocketConnection) async -> Void)
    }

    /// The status.
    package var status: Int
    /// The headers, without those that the server sets: content-length, transfer-encoding, connection, date.
    package var headers: [(String, String)]
    /// What follows the head.
    package var body: Body

    /// Makes an answer.
    package init(status: Int, headers: [(String, String)] = [], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The standard's word for a status (RFC 9110 §15).
    package static func reason(of status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 425: "Too Early"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }

    /// What programs go by in a problem document of the server's own.
    private static func code(of status: Int) -> String {
        switch status {
        case 408: "request_timeout"
        case 413: "too_large"
        case 426: "upgrade_required"
        case 431: "headers_too_large"
        case 500: "internal"
        case 501: "not_implemented"
        case 503: "unavailable"
        case 505: "http_version_not_supported"
        default: "bad_request"
        }
    }

    /// A problem document (RFC 9457) with nothing but status, title, code and detail.
    static func problem(status: Int, detail: String) -> HTTPResponse {
        let (title, code) = (reason(of: status), code(of: status))
        let text =
            #"{"type":"about:blank","title":"\#(title)","status":\#(status),"code":"\#(code)","detail":"\#(detail)"}"#
        return HTTPResponse(
            status: status,
            headers: [("content-type", "application/problem+json")],
            body: .bytes(Array(text.utf8))
        )
    }
}

/// An error that knows the answer it leads to; any other one becomes a bare 500.
package protocol HTTPErrorConvertible: Error {
    /// The answer.
    var response: HTTPResponse { get }
}

/// Answers a request.
///
/// It runs on the connection's event loop: what blocks or computes for long belongs elsewhere.
package typealias HTTPHandler = @Sendable (HTTPRequest) async throws -> HTTPResponse

/// Where a streamed body goes.
package struct HTTPBodyWriter: Sendable {
    let connection: HTTPConnection
    let exchange: Int

    /// Sends a piece; waits while the client is slow.
    /// - Throws: ``HTTPConnectionError/closed`` when the client has gone.
    package func write(_ bytes: [UInt8]) async throws {
        try await connection.writeBodyPiece(bytes, exchange: exchange)
    }
}
