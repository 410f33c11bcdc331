/// The grammar of URIs and, with characters beyond ASCII, of IRIs (RFC 3986 appendix A, RFC 3987 §2.2).
enum URIFormat {
    typealias Bytes = Slice<UnsafeBufferPointer<UInt8>>

    static func isHexadecimal(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || (byte | 0x20) &- 97 < 6
    }

    static func isValid(_ text: Bytes, isRelativeAllowed: Bool, allowsUnicode: Bool) -> Bool {
        var rest = text
        if let hash = rest.firstIndex(of: UInt8(ascii: "#")) {
            guard consists(rest[(hash + 1)...], of: "!$&'()*+,;=:@/?", allowsUnicode) else { return false }
            rest = rest[..<hash]
        }
        if let mark = rest.firstIndex(of: UInt8(ascii: "?")) {
            guard consists(rest[(mark + 1)...], of: "!$&'()*+,;=:@/?", allowsUnicode) else { return false }
            rest = rest[..<mark]
        }
        var hasScheme = false
        if let colon = rest.firstIndex(of: UInt8(ascii: ":")), isScheme(rest[..<colon]) {
            hasScheme = true
            rest = rest[(colon + 1)...]
        }
        guard hasScheme || isRelativeAllowed else { return false }
        if rest.starts(with: "//".utf8) {
            let start = rest.startIndex + 2
            let end = rest[start...].firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
            guard isAuthority(rest[start..<end], allowsUnicode) else { return false }
            rest = rest[end...]
        } else if !hasScheme {
            // Without a scheme a colon in the first segment would make it one.
            let segment = rest.prefix { $0 != UInt8(ascii: "/") }
            guard !segment.contains(UInt8(ascii: ":")) else { return false }
        }
        return consists(rest, of: "!$&'()*+,;=:@/", allowsUnicode)
    }

    private static func isScheme(_ text: Bytes) -> Bool {
        guard let first = text.first, (first | 0x20) &- 97 < 26 else { return false }
        return text.allSatisfy { NetworkFormats.isAlphanumeric($0) || "+-.".utf8.contains($0) }
    }

    private static func isAuthority(_ text: Bytes, _ allowsUnicode: Bool) -> Bool {
        var host = text
        if let at = host.lastIndex(of: UInt8(ascii: "@")) {
            guard consists(host[..<at], of: "!$&'()*+,;=:", allowsUnicode) else { return false }
            host = host[(at + 1)...]
        }
        if host.first == UInt8(ascii: "[") {
            guard let close = host.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let literal = host[(host.startIndex + 1)..<close]
            guard NetworkFormats.isIPv6(literal) || isFutureAddress(literal) else { return false }
            return isPort(host[(close + 1)...])
        }
        let end = host.lastIndex(of: UInt8(ascii: ":")) ?? host.endIndex
        return consists(host[..<end], of: "!$&'()*+,;=", allowsUnicode) && isPort(host[end...])
    }

    private static func isPort(_ text: Bytes) -> Bool {
        guard let first = text.first else { return true }
        return first == UInt8(ascii: ":") && text.dropFirst().allSatisfy { $0 &- 48 < 10 }
    }

    /// `v1.x`: an address of a kind that is still to come.
    private static func isFutureAddress(_ text: Bytes) -> Bool {
        guard let first = text.first, first | 0x20 == UInt8(ascii: "v"),
            let dot = text.firstIndex(of: UInt8(ascii: "."))
        else { return false }
        let version = text[(text.startIndex + 1)..<dot]
        return !version.isEmpty && version.allSatisfy(isHexadecimal) && !text[(dot + 1)...].isEmpty
            && consists(text[(dot + 1)...], of: "!$&'()*+,;=:", false)
    }

    /// Whether a part has only unreserved characters, percent escapes and those of `others`.
    private static func consists(_ text: Bytes, of others: StaticString, _ allowsUnicode: Bool) -> Bool {
        let others = UnsafeBufferPointer(start: others.utf8Start, count: others.utf8CodeUnitCount)
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            if byte == UInt8(ascii: "%") {
                guard index + 2 < text.endIndex, isHexadecimal(text[index + 1]), isHexadecimal(text[index + 2]) else {
                    return false
                }
                index += 3
                continue
            }
            let isPlain =
                NetworkFormats.isAlphanumeric(byte) || "-._~".utf8.contains(byte) || others.contains(byte)
                || (allowsUnicode && byte >= 0x80)
            guard isPlain else { return false }
            index += 1
        }
        return true
    }
}
