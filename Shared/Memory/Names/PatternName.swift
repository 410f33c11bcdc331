import OpenSSL

/// The name of a pattern: the SHA-1 of what it holds.
///
/// The bytes that are hashed are the events written as Python writes a list of lists of strings
/// (`[['a', 'b'], ['c']]`), in UTF-8, so that names are the same as the ones that KATO stored.
package struct PatternName: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The first eight bytes of the digest, the most significant first.
    private let high: UInt64
    /// The next eight.
    private let middle: UInt64
    /// The last four.
    private let low: UInt32

    /// Names a list of events.
    package init(of events: [[String]]) {
        self.init(digest: Digest.sha1(PythonText.representation(of: events)))
    }

    /// Reads a name: 40 hexadecimal digits, with or without `PTRN|` in front; nil for anything else.
    package init?(_ text: String) {
        var digits = Substring(text)
        if digits.hasPrefix(Self.prefix) { digits = digits.dropFirst(Self.prefix.count) }
        guard digits.utf8.count == 40 else { return nil }
        var digest: [UInt8] = []
        var high: UInt8?
        for digit in digits.utf8 {
            guard let nibble = Self.nibble(digit) else { return nil }
            if let first = high {
                digest.append(first << 4 | nibble)
                high = nil
            } else {
                high = nibble
            }
        }
        self.init(digest: digest)
    }

    private init(digest: [UInt8]) {
        high = digest[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
        middle = digest[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
        low = digest[16..<20].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// What stands in front of the digits where a pattern is a symbol among others.
    package static let prefix = "PTRN|"

    /// 40 lower-case hexadecimal digits, as predictions have it.
    package var hex: String {
        Self.hex(high, digits: 16) + Self.hex(middle, digits: 16) + Self.hex(UInt64(low), digits: 8)
    }

    /// `PTRN|` and the digits, as learning answers it.
    package var qualified: String { Self.prefix + hex }

    /// The digits.
    package var description: String { hex }

    /// The order of the digits.
    @inline(__always)
    package static func < (left: PatternName, right: PatternName) -> Bool {
        if left.high != right.high { return left.high < right.high }
        if left.middle != right.middle { return left.middle < right.middle }
        return left.low < right.low
    }

    private static func hex(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: digits - text.utf8.count) + text
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
