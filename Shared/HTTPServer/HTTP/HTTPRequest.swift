/// A request, as a handler sees it.
package struct HTTPRequest: Sendable {
    /// The method, such as GET.
    package let method: String
    /// The headers.
    package let headers: HTTPHeaders
    /// The body, which may still be on its way.
    package let body: HTTPRequestBody
    /// The numeric address of the other end of the connection, which may be a proxy's; empty when it is not known.
    package let remoteAddress: String
    private let parsedTarget: HTTPTarget

    init(method: String, target: String, headers: HTTPHeaders, body: HTTPRequestBody, remoteAddress: String) {
        self.method = method
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
        parsedTarget = HTTPTarget(target)
    }

    /// The target as it came: path and query, or an absolute URL (RFC 9112 §3.2).
    package var target: String { parsedTarget.text }

    /// The target's path without its query, still percent-encoded.
    package var path: String { parsedTarget.path }

    /// The value of the first header of this name, whatever its case.
    package func header(_ name: String) -> String? { headers[name] }

    /// The items of the query, decoded, in the order they came; those that are not UTF-8 are left out.
    package var queryItems: [(name: String, value: String)] {
        parsedTarget.queryItems.compactMap { item in
            guard let name = Self.percentDecoded(item.name, plusIsSpace: true),
                let value = Self.percentDecoded(item.value, plusIsSpace: true)
            else { return nil }
            return (name, value)
        }
    }

    /// The value of the first item of this name in the query, decoded; nil when there is none, or it is not UTF-8.
    package func query(_ name: String) -> String? {
        for item in parsedTarget.queryItems where Self.percentDecoded(item.name, plusIsSpace: true) == name {
            return Self.percentDecoded(item.value, plusIsSpace: true)
        }
        return nil
    }

    /// Whether the client asks for a WebSocket; the server answers with one where the handler's response is one.
    package var isWebSocketUpgrade: Bool {
        headers["upgrade"]?.lowercased() == "websocket"
    }

    /// Undoes percent-encoding (RFC 3986 §2.1).
    /// - Parameters:
    ///   - text: A part of a path, or of a query.
    ///   - plusIsSpace: Whether a plus stands for a space, as in a query.
    /// - Returns: nil when an escape is broken or the result is not UTF-8.
    package static func percentDecoded(_ text: some StringProtocol, plusIsSpace: Bool = false) -> String? {
        HTTPTarget.percentDecoded(text, plusIsSpace: plusIsSpace)
    }
}

/// The body of a request.
package struct HTTPRequestBody: Sendable {
    let connection: HTTPConnection
    let exchange: Int

    /// The whole body; the server's limit bounds it.
    /// - Parameter limit: A smaller limit, in bytes; default none.
    /// - Returns: The bytes.
    /// - Throws: ``HTTPConnectionError/closed`` when the body does not come (the server has then answered by itself, or
    ///   there is nobody to answer), ``HTTPConnectionError/bodyTooLarge(bytesMax:)`` over `limit`.
    package func collect(_ limit: Int = .max) async throws -> [UInt8] {
        try await connection.collectBody(bytesMax: limit, exchange: exchange)
    }

    /// The next piece of the body; nil after the last.
    /// - Returns: What has come since the last call; while nobody asks the client is made to wait.
    /// - Throws: ``HTTPConnectionError/closed`` when the rest does not come.
    package func next() async throws -> [UInt8]? {
        try await connection.nextBodyPiece(exchange: exchange)
    }
}
