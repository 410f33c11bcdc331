/// A request, as a handler sees it.
package struct HTTPRequest: Sendable {
    /// The method, such as GET.
    package let method: String
    /// The target as it came: path and query, or an absolute URL (RFC 9112 §3.2).
    package let target: String
    /// The headers.
    package let headers: HTTPHeaders
    /// The body, which may still be on its way.
    package let body: HTTPRequestBody
    /// The numeric address of the other end of the connection, which may be a proxy's; empty when it is not known.
    package let remoteAddress: String
    private let pathRange: Range<String.Index>

    init(method: String, target: String, headers: HTTPHeaders, body: HTTPRequestBody, remoteAddress: String) {
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.remoteAddress = remoteAddress
        pathRange = Self.pathRange(of: target)
    }

    /// The target's path without its query, still percent-encoded.
    package var path: String {
        pathRange.isEmpty ? "/" : String(target[pathRange])
    }

    /// The value of the first header of this name, whatever its case.
    package func header(_ name: String) -> String? { headers[name] }

    /// The items of the query, decoded, in the order they came; those that are not UTF-8 are left out.
    package var queryItems: [(name: String, value: String)] {
        rawQueryItems.compactMap { item in
            guard let name = Self.percentDecoded(item.name, plusIsSpace: true),
                let value = Self.percentDecoded(item.value, plusIsSpace: true)
            else { return nil }
            return (name, value)
        }
    }

    /// The value of the first item of this name in the query, decoded; nil when there is none, or it is not UTF-8.
    package func query(_ name: String) -> String? {
        for item in rawQueryItems where Self.percentDecoded(item.name, plusIsSpace: true) == name {
            return Self.percentDecoded(item.value, plusIsSpace: true)
        }
        return nil
    }

    private var rawQueryItems: [(name: Substring, value: Substring)] {
        guard pathRange.upperBound < target.endIndex else { return [] }
        return target[target.index(after: pathRange.upperBound)...].split(separator: "&").map { item in
            let end = item.firstIndex(of: "=") ?? item.endIndex
            return (item[..<end], item[end...].dropFirst())
        }
    }

    /// Where the path stands: behind the authority of an absolute URL, before the query.
    private static func pathRange(of target: String) -> Range<String.Index> {
        let bytes = target.utf8
        let end = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        guard bytes.first != UInt8(ascii: "/"),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8)
        else { return bytes.startIndex..<end }
        let authority = bytes.index(colon, offsetBy: 3)
        guard authority <= end else { return bytes.startIndex..<end }
        return (bytes[authority..<end].firstIndex(of: UInt8(ascii: "/")) ?? end)..<end
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

/// The body of a request.
package struct HTTPRequestBody: Sendable {
    let connection: HTTPConnection

    /// The whole body; the server's limit bounds it.
    /// - Parameter limit: A smaller limit, in bytes; default none.
    /// - Returns: The bytes.
    /// - Throws: ``HTTPConnectionError/closed`` when the body does not come (the server has then answered by itself, or
    ///   there is nobody to answer), ``HTTPConnectionError/bodyTooLarge(bytesMax:)`` over `limit`.
    package func collect(_ limit: Int = .max) async throws -> [UInt8] {
        try await connection.collectBody(bytesMax: limit)
    }

    /// The next piece of the body; nil after the last.
    /// - Returns: What has come since the last call; while nobody asks the client is made to wait.
    /// - Throws: ``HTTPConnectionError/closed`` when the rest does not come.
    package func next() async throws -> [UInt8]? {
        try await connection.nextBodyPiece()
    }
}
