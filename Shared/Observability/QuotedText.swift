/// The one piece of JSON that this module needs: quoting text.
///
/// It has its own so that logging depends on nothing.
package enum QuotedText {
    private static let hexDigits: [UInt8] = Array("0123456789abcdef".utf8)
    private static let ellipsis: [UInt8] = Array("…".utf8)

    /// Appends `text` as a JSON string.
    ///
    /// What is longer than `bytesMax` bytes of UTF-8 is cut and ends in "…".
    ///
    /// Control characters and line separators are escaped: they could forge a line or steer an operator's terminal.
    package static func append(quoted text: String, bytesMax: Int, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        var taken = 0
        for scalar in text.unicodeScalars {
            taken += UTF8.width(scalar)
            if taken > bytesMax {
                bytes.append(contentsOf: ellipsis)
                break
            }
            append(escaped: scalar, to: &bytes)
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func append(escaped scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
        switch scalar {
        case "\"", "\\":
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(UInt8(truncatingIfNeeded: scalar.value))
        case "\n":
            bytes.append(contentsOf: "\\n".utf8)
        case "\0"..<" ", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}":
            bytes.append(contentsOf: "\\u".utf8)
            for shift in stride(from: 12, through: 0, by: -4) {
                bytes.append(hexDigits[Int(scalar.value >> UInt32(shift)) & 0xF])
            }
        default:
            bytes.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
        }
    }
}
