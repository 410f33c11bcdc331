#if canImport(Glibc)
import Glibc
#endif

/// A cursor over the bytes of a JSON document: tokens only, no structure.
///
/// Parser and reader share it.
///
/// The document is checked to be UTF-8 as a whole before the first token, so that scanning a string only has to look
/// for its end. The memory belongs to the caller of `init` and must outlive the scanner.
struct JSONScanner {
    let base: UnsafePointer<UInt8>
    let count: Int
    let limits: JSONLimits
    var index = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) throws(JSONError) {
        guard bytes.count <= limits.bytesMax else { throw JSONError(.documentTooLarge, at: limits.bytesMax) }
        guard let base = bytes.baseAddress, !bytes.isEmpty else { throw JSONError(.unexpectedEnd, at: 0) }
        self.base = base
        self.count = bytes.count
        self.limits = limits
        if let offset = UTF8Validation.firstInvalidByte(in: bytes) { throw JSONError(.invalidUTF8, at: offset) }
    }

    @inline(__always)
    mutating func skipWhitespace() {
        while index < count {
            let byte = base[index]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return }
            index &+= 1
        }
    }

    /// The byte at the cursor; throws at the end.
    @inline(__always)
    func peek() throws(JSONError) -> UInt8 {
        guard index < count else { throw JSONError(.unexpectedEnd, at: index) }
        return base[index]
    }

    @inline(__always)
    mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard try peek() == byte else { throw JSONError(.unexpectedByte, at: index) }
        index &+= 1
    }

    @inline(__always)
    mutating func literal(_ text: StaticString) throws(JSONError) {
        let length = text.utf8CodeUnitCount
        guard index + length <= count else { throw JSONError(.unexpectedEnd, at: count) }
        guard memcmp(base + index, text.utf8Start, length) == 0 else { throw JSONError(.unexpectedByte, at: index) }
        index &+= length
    }

    /// Skips white space up to the end of the document; throws when something else is there.
    mutating func finish() throws(JSONError) {
        skipWhitespace()
        guard index == count else { throw JSONError(.trailingBytes, at: index) }
    }

    /// Steps over the four digits of a `\u` escape.
    private mutating func hexadecimal4() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            let byte = try peek()
            switch byte {
            case 48...57: value = value << 4 | UInt32(byte &- 48)
            case 65...70: value = value << 4 | UInt32(byte &- 55)
            case 97...102: value = value << 4 | UInt32(byte &- 87)
            default: throw JSONError(.invalidEscape, at: index)
            }
            index &+= 1
        }
        return value
    }

    /// Reads what follows a backslash; the cursor stands behind the backslash.
    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        let byte = try peek()
        index &+= 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw JSONError(.invalidEscape, at: index - 1)
        }
    }

    private mutating func unicodeEscape() throws(JSONError) -> Unicode.Scalar {
        let start = index
        var value = try hexadecimal4()
        if value >= 0xD800, value < 0xDC00 {
            guard index + 1 < count, base[index] == UInt8(ascii: "\\"), base[index + 1] == UInt8(ascii: "u") else {
                throw JSONError(.loneSurrogate, at: start)
            }
            index &+= 2
            let low = try hexadecimal4()
            guard low >= 0xDC00, low < 0xE000 else { throw JSONError(.loneSurrogate, at: start) }
            value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { throw JSONError(.loneSurrogate, at: start) }
        return scalar
    }

    /// Moves to the next quote, backslash or control character of a string, eight bytes at a time.
    @inline(__always)
    private mutating func skipPlain() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while index &+ 8 <= count {
            let word = UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5c)
            let found =
                ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
                | ((word &- ones &* 0x20) & ~word)
            // The subtraction may flag bytes above the first hit too, never below: the lowest flag is exact.
            let flags = found & highs
            if flags != 0 {
                index &+= flags.littleEndian.trailingZeroBitCount >> 3
                return
            }
            index &+= 8
        }
        while index < count {
            let byte = base[index]
            if byte == 0x22 || byte == 0x5c || byte < 0x20 { return }
            index &+= 1
        }
    }

    /// Steps over a string whose opening quote is at the cursor.
    ///
    /// Returns the range of its raw content and whether it has escapes.
    @inline(__always)
    mutating func rawString() throws(JSONError) -> (start: Int, end: Int, hasEscapes: Bool) {
        index &+= 1
        let start = index
        var hasEscapes = false
        while true {
            skipPlain()
            switch try peek() {
            case UInt8(ascii: "\""):
                index &+= 1
                return (start, index - 1, hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                index &+= 1
                _ = try escape()
            default: throw JSONError(.controlCharacter, at: index)
            }
        }
    }

    /// Reads a string whose opening quote is at the cursor.
    @inline(__always)
    mutating func string() throws(JSONError) -> String {
        let (start, end, hasEscapes) = try rawString()
        guard hasEscapes else { return plainString(start, end) }
        return try unescaped(start, end)
    }

    @inline(__always)
    func plainString(_ start: Int, _ end: Int) -> String {
        // The document is known to be UTF-8, so nothing is repaired here; this initialiser is the fastest there is.
        String(unsafeUninitializedCapacity: end - start) { buffer in
            guard let target = buffer.baseAddress, end > start else { return 0 }
            memcpy(target, base + start, end - start)
            return end - start
        }
    }

    /// Unescapes raw content that ``rawString()`` has accepted.
    @inline(never)
    func unescaped(_ start: Int, _ end: Int) throws(JSONError) -> String {
        var cursor = self
        cursor.index = start
        var bytes: [UInt8] = []
        bytes.reserveCapacity(end - start)
        while cursor.index < end {
            let byte = base[cursor.index]
            cursor.index &+= 1
            if byte == UInt8(ascii: "\\") {
                bytes.append(contentsOf: Unicode.UTF8.encode(try cursor.escape()) ?? .init())
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
