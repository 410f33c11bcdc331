/// A request, as a handler sees it.
package struct HTTPRequest: Sendable {
    /// The method, such as GET.
    package let method: String
    /// The target as it came: path and query.
    package let target: String
    /// The headers.
    package let headers: HTTPHeaders
    /// The body, which may still be on its way.
    package let body: HTTPRequestBody
    private let pathEnd: String.Index

    init(method: String, target: String, headers: HTTPHeaders, body: HTTPRequestBody) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        pathEnd = target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
    }

    /// The target without its query, still percent-encoded.
    package var path: String { String(target[..<pathEnd]) }

    /// The value of the first header of this name.
    /// - Parameter name: In lower case.
    package func header(_ name: String) -> String? { headers[name] }

    /// The value of the first item of this name in the query, decoded; nil when there is none, or it is not UTF-8.
    package func query(_ name: String) -> String? {
        guard pathEnd < target.endIndex else { return nil }
        for item in target[target.index(after: pathEnd)...].split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard Self.percentDecoded(parts[0], plusIsSpace: true) == name else { continue }
            return parts.count == 1 ? "" : Self.percentDecoded(parts[1], plusIsSpace: true)
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
        let bytes = Array(text.utf8)
        guard bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return String(text) }
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "%"):
                guard index + 2 < bytes.count, let high = bytes[index + 1].hexadecimalValue,
                    let low = bytes[index + 2].hexadecimalValue
                else { return nil }
                decoded.append(UInt8(high << 4 | low))
                index += 3
            case UInt8(ascii: "+") where plusIsSpace:
                decoded.append(.space)
                index += 1
            case let byte:
                decoded.append(byte)
                index += 1
            }
        }
        return String(validating: decoded, as: UTF8.self)
    }
}

/// Why a body could not be read, or an answer not be sent.
package enum HTTPConnectionError: Error, Sendable {
    /// The peer has gone, or the connection was ended.
    case closed
}

/// The body of a request.
package struct HTTPRequestBody: Sendable {
    let connection: HTTPConnection

    /// The whole body; the server's limit bounds it.
    /// - Throws: ``HTTPConnectionError/closed`` when it does not come; the server has then answered by itself.
    package func collect() async throws -> [UInt8] {
        try await connection.collectBody()
    }

    /// The next piece of the body; nil after the last.
    /// - Throws: ``HTTPConnectionError/closed`` when the rest does not come.
    package func next() async throws -> [UInt8]? {
        try await connection.nextBodyPiece()
    }
}
