import Glibc

/// Why a request cannot be served, before any handler sees it.
enum HTTPParseFailure: Equatable {
    /// It is not HTTP, or could be read in two ways.
    case malformed(String)
    /// The head is larger than it may be.
    case headTooLarge
    /// There are more headers than there may be.
    case tooManyHeaders
    /// Another version than 1.0 or 1.1.
    case versionNotSupported
    /// A transfer coding other than chunked.
    case codingNotSupported

    /// The status of the answer.
    var status: Int {
        switch self {
        case .malformed: 400
        case .headTooLarge, .tooManyHeaders: 431
        case .versionNotSupported: 505
        case .codingNotSupported: 501
        }
    }

    /// What the peer is told.
    var detail: String {
        switch self {
        case .malformed(let reason): "The request is malformed: \(reason)."
        case .headTooLarge: "The request's head is too large."
        case .tooManyHeaders: "The request has too many headers."
        case .versionNotSupported: "Only HTTP/1.0 and HTTP/1.1 are spoken here."
        case .codingNotSupported: "The only transfer coding understood here is chunked."
        }
    }
}

extension UInt8 {
    static let carriageReturn: UInt8 = 13
    static let lineFeed: UInt8 = 10
    static let space: UInt8 = 32
    static let tab: UInt8 = 9

    /// A character of a method or a header's name (RFC 9110 §5.6.2, tchar): !#$%&'*+-.^_`|~, digits and letters.
    ///
    /// A bit for each of them: a table would be made at its first use, which is asked for at each character.
    var isTokenCharacter: Bool {
        let bits: UInt64 = self < 64 ? 0x03FF_6CFA_0000_0000 : self < 128 ? 0x57FF_FFFF_C7FF_FFFE : 0
        return bits >> UInt64(self & 63) & 1 != 0
    }

    /// A decimal digit.
    var isDigit: Bool { self &- 48 < 10 }

    /// A character of a host and port; enough to keep out lists, paths and control characters.
    var isHostCharacter: Bool {
        switch self {
        case UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"): true
        // Of a token but not of a host (RFC 3986 §3.2.2).
        case UInt8(ascii: "#"), UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"): false
        default: isTokenCharacter
        }
    }

    /// The value of a hexadecimal digit.
    var hexadecimalValue: Int? {
        switch self {
        case 48...57: Int(self) - 48
        case 65...70: Int(self) - 55
        case 97...102: Int(self) - 87
        default: nil
        }
    }
}

/// Reads the lines of a complete head, each of which ends in CRLF.
struct HTTPHeadReader {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let end: Int
    private var index: Int

    /// The longest method.
    private static let methodBytesMax = 24

    /// Makes a reader.
    /// - Parameters:
    ///   - bytes: The bytes that the head is in.
    ///   - index: Where it begins.
    ///   - end: Where its blank line begins.
    init(bytes: UnsafeBufferPointer<UInt8>, index: Int, end: Int) {
        self.bytes = bytes
        self.index = index
        self.end = end
    }

    /// Whether every line has been read.
    var isAtEnd: Bool { index >= end }

    /// Reads `METHOD TARGET HTTP/1.1`; nil when the line is something else.
    mutating func requestLine() -> (method: String, target: String, major: Int, minor: Int)? {
        let methodStart = index
        while index < end, bytes[index].isTokenCharacter { index += 1 }
        guard index > methodStart, index - methodStart <= Self.methodBytesMax, index < end, bytes[index] == .space
        else {
            return nil
        }
        let method = text(methodStart, index)
        index += 1
        let targetStart = index
        while index < end, bytes[index] > .space, bytes[index] < 127 { index += 1 }
        guard index > targetStart, index < end, bytes[index] == .space else { return nil }
        let target = text(targetStart, index)
        index += 1
        guard index + 10 <= end, text(index, index + 5) == "HTTP/", bytes[index + 5].isDigit,
            bytes[index + 6] == UInt8(ascii: "."), bytes[index + 7].isDigit, bytes[index + 8] == .carriageReturn,
            bytes[index + 9] == .lineFeed
        else { return nil }
        defer { index += 10 }
        return (method, target, Int(bytes[index + 5]) - 48, Int(bytes[index + 7]) - 48)
    }

    /// Reads `NAME: VALUE`, the name in lower case; nil when the line is something else, a folded one included.
    mutating func field() -> (name: String, value: String)? {
        let nameStart = index
        while index < end, bytes[index].isTokenCharacter { index += 1 }
        guard index > nameStart, index < end, bytes[index] == UInt8(ascii: ":") else { return nil }
        let name = lowercased(nameStart, index)
        index += 1
        while index < end, bytes[index] == .space || bytes[index] == .tab { index += 1 }
        let valueStart = index
        while index < end, bytes[index] >= .space && bytes[index] != 127 || bytes[index] == .tab { index += 1 }
        guard index + 1 < bytes.count, bytes[index] == .carriageReturn, bytes[index + 1] == .lineFeed else {
            return nil
        }
        var valueEnd = index
        while valueEnd > valueStart, bytes[valueEnd - 1] == .space || bytes[valueEnd - 1] == .tab { valueEnd -= 1 }
        index += 2
        return (name, text(valueStart, valueEnd))
    }

    private func text(_ start: Int, _ end: Int) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
    }

    private func lowercased(_ start: Int, _ end: Int) -> String {
        String(unsafeUninitializedCapacity: end - start) { target in
            for offset in 0..<(end - start) {
                let character = bytes[start + offset]
                target[offset] = character &- 65 < 26 ? character | 0x20 : character
            }
            return end - start
        }
    }
}
