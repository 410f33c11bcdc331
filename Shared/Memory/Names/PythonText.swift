package import JSON

/// Texts as Python writes them, because pattern names and metadata of KATO are made of them.
///
/// `str.__repr__` as in CPython's `Objects/unicodeobject.c` (`unicode_repr`): single quotes unless the text has one and
/// has no double quote; `\t`, `\n`, `\r`, the backslash and the quote are escaped, everything that `str.isprintable`
/// refuses becomes `\xNN`, `\uNNNN` or `\UNNNNNNNN`.
package enum PythonText {
    /// The version of Unicode whose characters Python knows.
    package struct UnicodeVersion: Sendable, Hashable, Comparable {
        /// The number in front of the point.
        package let major: Int
        /// The number behind the point.
        package let minor: Int

        /// Makes a version.
        package init(_ major: Int, _ minor: Int) {
            self.major = major
            self.minor = minor
        }

        /// Unicode 13.0, which Python 3.10 has: the Python that KATO's image runs.
        ///
        /// Characters that came later are not printable there, and are escaped in its pattern names.
        package static let python310 = UnicodeVersion(13, 0)

        /// Whether one version is older than another.
        package static func < (left: UnicodeVersion, right: UnicodeVersion) -> Bool {
            (left.major, left.minor) < (right.major, right.minor)
        }
    }

    /// `repr(text)`.
    package static func representation(of text: String, _ version: UnicodeVersion = .python310) -> String {
        var bytes: [UInt8] = []
        append(text, to: &bytes, version)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `repr(events)` of a list of lists of strings, in UTF-8.
    package static func representation(of events: [[String]], _ version: UnicodeVersion = .python310) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(UInt8(ascii: "["))
        for (position, event) in events.enumerated() {
            if position > 0 { bytes.append(contentsOf: ", ".utf8) }
            bytes.append(UInt8(ascii: "["))
            for (place, symbol) in event.enumerated() {
                if place > 0 { bytes.append(contentsOf: ", ".utf8) }
                append(symbol, to: &bytes, version)
            }
            bytes.append(UInt8(ascii: "]"))
        }
        bytes.append(UInt8(ascii: "]"))
        return bytes
    }

    /// `str(value)` of what Python's `json` reads: a string is itself, anything else its `repr`.
    package static func string(of value: JSONValue) -> String {
        if case .string(let text) = value { return text }
        var bytes: [UInt8] = []
        append(value, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends `repr(text)`.
    static func append(_ text: String, to bytes: inout [UInt8], _ version: UnicodeVersion) {
        let quote = quotationMark(for: text)
        bytes.append(quote)
        for scalar in text.unicodeScalars {
            append(scalar, quote: quote, to: &bytes, version)
        }
        bytes.append(quote)
    }

    private static func quotationMark(for text: String) -> UInt8 {
        let single = UInt8(ascii: "'")
        let double = UInt8(ascii: "\"")
        return text.utf8.contains(single) && !text.utf8.contains(double) ? double : single
    }

    private static func append(
        _ scalar: Unicode.Scalar,
        quote: UInt8,
        to bytes: inout [UInt8],
        _ version: UnicodeVersion
    ) {
        switch scalar.value {
        case 0x20..<0x7F:
            let byte = UInt8(scalar.value)
            if byte == quote || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
            bytes.append(byte)
        case 0x09: bytes.append(contentsOf: "\\t".utf8)
        case 0x0A: bytes.append(contentsOf: "\\n".utf8)
        case 0x0D: bytes.append(contentsOf: "\\r".utf8)
        case 0..<0x80: appendEscape("\\x", scalar.value, digits: 2, to: &bytes)
        default:
            if isPrintable(scalar, version) {
                bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            } else if scalar.value < 0x100 {
                appendEscape("\\x", scalar.value, digits: 2, to: &bytes)
            } else if scalar.value < 0x1_0000 {
                appendEscape("\\u", scalar.value, digits: 4, to: &bytes)
            } else {
                appendEscape("\\U", scalar.value, digits: 8, to: &bytes)
            }
        }
    }

    private static func appendEscape(_ mark: StaticString, _ value: UInt32, digits: Int, to bytes: inout [UInt8]) {
        mark.withUTF8Buffer { bytes.append(contentsOf: $0) }
        for place in (0..<digits).reversed() {
            let nibble = UInt8((value >> (4 * UInt32(place))) & 15)
            bytes.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
        }
    }

    /// `str.isprintable` of one character: not of the categories Cc, Cf, Cs, Co, Cn, Zl, Zp, Zs, except the space.
    package static func isPrintable(_ scalar: Unicode.Scalar, _ version: UnicodeVersion = .python310) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
            return false
        case .spaceSeparator:
            return scalar == " "
        default:
            guard let age = scalar.properties.age else { return false }
            return UnicodeVersion(age.major, age.minor) <= version
        }
    }

    private static func append(_ value: JSONValue, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes.append(contentsOf: "None".utf8)
        case .bool(let flag): bytes.append(contentsOf: (flag ? "True" : "False").utf8)
        case .number(let number): bytes.append(contentsOf: string(of: number).utf8)
        case .string(let text): append(text, to: &bytes, .python310)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (position, element) in elements.enumerated() {
                if position > 0 { bytes.append(contentsOf: ", ".utf8) }
                append(element, to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (position, member) in object.enumerated() {
                if position > 0 { bytes.append(contentsOf: ", ".utf8) }
                append(member.key, to: &bytes, .python310)
                bytes.append(contentsOf: ": ".utf8)
                append(member.value, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// `repr` of a number: integers as they are, however long, others as Python's shortest `float`, which has an
    /// exponent below 1e-4 and from 1e16 on.
    private static func string(of number: JSONNumber) -> String {
        if case .integer(let value) = number { return String(value) }
        if case .literal(let text) = number, text.utf8.allSatisfy({ $0 != 0x2E && $0 | 0x20 != 0x65 }) { return text }
        let value = number.doubleValue
        guard value.isFinite else { return value < 0 ? "-inf" : "inf" }
        // Swift writes an exponent from 2^53 on; up to 10^16, where Python begins, each of these is a whole number.
        return (0x1p53..<1e16).contains(value.magnitude) ? "\(Int64(value)).0" : value.description
    }
}
