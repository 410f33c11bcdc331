/// Where a service is: scheme, host, port and path.
///
/// It holds no user and no password.
package struct ServiceURL: Sendable, Hashable, CustomStringConvertible {
    /// The scheme in small letters.
    package let scheme: String
    /// The host's name or address, IPv6 without brackets.
    package let host: String
    /// The port; nil when it is not written.
    package let port: UInt16?
    /// The path with its leading slash, or empty; no slash at its end.
    package let path: String

    /// Stands where a URL could not be read.
    static let placeholder = ServiceURL(scheme: "http", host: "", port: nil, path: "")

    private init(scheme: String, host: String, port: UInt16?, path: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
    }

    /// Reads a URL; nil when it is not one, or has a user, a query, a fragment, or characters that need escaping.
    package init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return nil }
        let scheme = text[..<colon].lowercased()
        guard let first = scheme.first, first.isASCII, first.isLetter,
            scheme.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !text.contains(where: { "@?#\\\"<>".contains($0) })
        else { return nil }
        let rest = text[colon...].dropFirst(3)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let (host, port) = Self.authority(rest[..<slash]) else { return nil }
        let path = rest[slash...]
        let trimmed = path.hasSuffix("/") ? path.dropLast() : path
        self.init(scheme: scheme, host: host, port: port, path: String(trimmed))
    }

    private static func authority(_ text: Substring) -> (String, UInt16?)? {
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard !host.isEmpty, text.hasPrefix("[") || !host.contains(where: { ":[]".contains($0) }) else { return nil }
        guard let port else { return (String(host), nil) }
        guard let number = UInt16(port), number > 0 else { return nil }
        return (String(host), number)
    }

    /// The URL as text.
    package var description: String {
        let host = host.contains(":") ? "[\(host)]" : host
        return "\(scheme)://\(host)\(port.map { ":\($0)" } ?? "")\(path)"
    }
}
