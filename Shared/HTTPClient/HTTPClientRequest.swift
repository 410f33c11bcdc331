/// One HTTP request.
package struct HTTPClientRequest: Sendable {
    /// The method, such as `GET`.
    package var method: String
    /// An absolute `http` or `https` URL without a user.
    package var url: String
    /// The header fields; the client adds `Host`, `Content-Length`, `Accept` and `User-Agent`.
    package var headers: HTTPClientHeaders
    /// The body, or nil for none.
    package var body: [UInt8]?
    /// The longest time for the whole exchange, body included; nil: the client's default.
    package var timeout: Duration?
    /// When the exchange must be over, if that is before `timeout` has passed.
    package var deadline: ContinuousClock.Instant?
    /// The longest time in which nothing arrives, counted from when the request has its connection; nil: no such limit.
    ///
    /// Time in which the reader of a stream does not read does not count.
    package var idleTimeout: Duration?
    /// Whether redirects are followed.
    ///
    /// Own authentication headers other than `Authorization` would go along.
    package var followsRedirects: Bool = false
    /// Whether a new connection is made for it.
    ///
    /// A request on a connection that was used before is sent once more when the peer closes that connection without a
    /// byte of response: no good for a request that must not be sent twice.
    package var usesFreshConnection: Bool = false
    /// An IP address to connect to in place of what the URL's host resolves to, such as one that was checked before.
    package var connectAddress: String?

    /// A request with the given parts.
    package init(
        method: String = "GET",
        url: String,
        headers: HTTPClientHeaders = [:],
        body: [UInt8]? = nil,
        timeout: Duration? = nil,
        idleTimeout: Duration? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.idleTimeout = idleTimeout
    }

    /// Scheme, host and port of the URL: what errors may name.
    package var origin: String {
        guard let scheme = url.range(ofScheme: ()) else { return "(no origin)" }
        let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" && $0 != "\\" }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        return url[..<scheme.upperBound].lowercased() + host.prefix(Self.originHostCharactersMax)
    }

    /// No host name is longer than 253 characters; the port and brackets come on top.
    private static let originHostCharactersMax = 270

    /// Throws what is wrong with the request, before anything is sent.
    package func validate() throws(HTTPClientError) {
        guard let scheme = url.range(ofScheme: ()) else {
            throw HTTPClientError(code: .badURL, message: "the URL must begin with http:// or https://")
        }
        let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.isEmpty, !authority.contains("@"), url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw HTTPClientError(
                code: .badURL,
                message: "the URL needs a host, no user and no spaces or control characters (\(origin))"
            )
        }
        guard !method.isEmpty, method.utf8.allSatisfy(HTTPClientHeaders.Field.isTokenByte) else {
            throw HTTPClientError(code: .badRequest, message: "the method is not a token")
        }
        for (index, field) in headers.fields.enumerated() {
            guard field.isValid else {
                throw HTTPClientError(code: .badRequest, message: "header field \(index) cannot be sent as it is")
            }
            guard !["content-length", "transfer-encoding"].contains(field.name.lowercased()) else {
                throw HTTPClientError(code: .badRequest, message: "\(field.name) is set by the client only")
            }
        }
    }
}

extension String {
    /// The range of `http://` or `https://` at the beginning, in any case.
    fileprivate func range(ofScheme: Void) -> Range<String.Index>? {
        for scheme in ["http://", "https://"] where prefix(scheme.count).lowercased() == scheme {
            return startIndex..<index(startIndex, offsetBy: scheme.count)
        }
        return nil
    }
}
