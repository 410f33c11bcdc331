/// Names and addresses of hosts and mailboxes.
enum NetworkFormats {
    typealias Bytes = Slice<UnsafeBufferPointer<UInt8>>

    /// Four decimal numbers without leading zeros.
    static func isIPv4(_ text: some Collection<UInt8>) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                guard (1...3).contains(part.count), part.allSatisfy({ $0 &- 48 < 10 }) else { return false }
                guard part.count == 1 || part.first != UInt8(ascii: "0") else { return false }
                return part.reduce(0) { $0 * 10 + Int($1 &- 48) } <= 255
            }
    }

    /// Eight groups of hexadecimal digits, with `::` for zeros once, the last two perhaps as IPv4.
    static func isIPv6(_ text: some Collection<UInt8>) -> Bool {
        var groups = 0
        var hasGap = false
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return false }
        for (position, part) in parts.enumerated() {
            let isLast = position == parts.count - 1
            if part.isEmpty {
                // `::` at either end gives two empty parts there; elsewhere one.
                if position == 0 || isLast {
                    let neighbour = position == 0 ? parts[1] : parts[position - 1]
                    guard neighbour.isEmpty else { return false }
                    continue
                }
                guard !hasGap else { return false }
                hasGap = true
            } else if isLast, part.contains(UInt8(ascii: ".")) {
                guard isIPv4(part) else { return false }
                groups += 2
            } else {
                guard part.count <= 4, part.allSatisfy(URIFormat.isHexadecimal) else { return false }
                groups += 1
            }
        }
        return hasGap ? groups <= 7 : groups == 8
    }

    /// Labels of letters, digits and inner hyphens, up to 63 bytes each and 253 together.
    static func isHostname(_ text: some Collection<UInt8>) -> Bool {
        guard !text.isEmpty, text.count <= 253 else { return false }
        return text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy {
            isLabel(Array($0))
        }
    }

    private static func isLabel(_ bytes: [UInt8]) -> Bool {
        guard (1...63).contains(bytes.count), bytes.first != UInt8(ascii: "-") else { return false }
        guard bytes.last != UInt8(ascii: "-"), bytes.allSatisfy({ isAlphanumeric($0) || $0 == UInt8(ascii: "-") })
        else {
            return false
        }
        // Two hyphens in the third and fourth place are kept for encodings (RFC 5891 §4.2.3.1).
        guard bytes.count >= 4, bytes[2] == UInt8(ascii: "-"), bytes[3] == UInt8(ascii: "-") else { return true }
        return bytes.count > 4 && bytes[0] | 0x20 == UInt8(ascii: "x") && bytes[1] | 0x20 == UInt8(ascii: "n")
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || (byte | 0x20) &- 97 < 26
    }

    /// A local part, dotted or quoted, and a host name or an address in brackets.
    static func isMailbox(_ text: Bytes, allowsUnicode: Bool) -> Bool {
        guard let at = text.lastIndex(of: UInt8(ascii: "@")) else { return false }
        return isLocalPart(text[..<at], allowsUnicode) && isMailDomain(text[(at + 1)...], allowsUnicode)
    }

    private static func isLocalPart(_ text: Bytes, _ allowsUnicode: Bool) -> Bool {
        guard let first = text.first, text.count <= 64 else { return false }
        if first == UInt8(ascii: "\"") { return isQuoted(text, allowsUnicode) }
        return text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty && atom.allSatisfy { isAtomText($0) || (allowsUnicode && $0 >= 0x80) }
        }
    }

    private static func isAtomText(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
    }

    private static func isQuoted(_ text: Bytes, _ allowsUnicode: Bool) -> Bool {
        guard text.count >= 2, text.last == UInt8(ascii: "\"") else { return false }
        var isEscaped = false
        for byte in text.dropFirst().dropLast() {
            if isEscaped {
                guard byte >= 0x20, byte < 0x7F else { return false }
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else {
                let isPlain = byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"")
                guard isPlain || (allowsUnicode && byte >= 0x80) else { return false }
            }
        }
        return !isEscaped
    }

    private static func isMailDomain(_ text: Bytes, _ allowsUnicode: Bool) -> Bool {
        if text.first == UInt8(ascii: "[") {
            guard text.last == UInt8(ascii: "]") else { return false }
            let literal = text.dropFirst().dropLast()
            let prefix = literal.prefix(5).map { $0 | 0x20 }
            if prefix == Array("ipv6".utf8) + [UInt8(ascii: ":") | 0x20] { return isIPv6(literal.dropFirst(5)) }
            return isIPv4(literal)
        }
        guard allowsUnicode else { return isHostname(text) }
        return !text.isEmpty && !text.contains(UInt8(ascii: " "))
    }
}
