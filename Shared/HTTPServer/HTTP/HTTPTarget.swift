/// The target of a request, taken apart (RFC 9112 §3.2).
struct HTTPTarget {
    /// The target as it came.
    let text: String
    private let pathRange: Range<String.Index>

    init(_ text: String) {
        self.text = text
        pathRange = Self.pathRange(of: text)
    }

    /// The path without its query, still percent-encoded.
    var path: String {
        pathRange.isEmpty ? "/" : String(text[pathRange])
    }

    /// The names and values of the query, still encoded, in the order they came.
    var queryItems: [(name: Substring, value: Substring)] {
        guard pathRange.upperBound < text.endIndex else { return [] }
        return text[text.index(after: pathRange.upperBound)...].split(separator: "&").map { item in
            let end = item.firstIndex(of: "=") ?? item.endIndex
            return (item[..<end], item[end...].dropFirst())
        }
    }

    /// Where the path stands: behind the authority of an absolute URL, before the query.
    private static func pathRange(of text: String) -> Range<String.Index> {
        let bytes = text.utf8
        let end = bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex
        guard bytes.first != UInt8(ascii: "/"), let colon = bytes[..<end].firstIndex(of: UInt8(ascii: ":")),
            bytes[colon..<end].starts(with: "://".utf8)
        else { return bytes.startIndex..<end }
        let authority = bytes.index(colon, offsetBy: 3)
        return (bytes[authority..<end].firstIndex(of: UInt8(ascii: "/")) ?? end)..<end
    }

    /// Undoes percent-encoding (RFC 3986 §2.1); nil when an escape is broken or the result is not UTF-8.
    static func percentDecoded(_ text: some StringProtocol, plusIsSpace: Bool) -> String? {
        let bytes = Array(text.utf8)
        guard bytes.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return String(text) }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
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
