/// Checks bytes to be UTF-8 as Unicode defines it (no overlong forms, no surrogates, nothing above U+10FFFF).
enum UTF8Validation {
    /// Offset of the first byte of the first ill-formed sequence; nil when all is well.
    @inline(__always)
    static func firstInvalidByte(in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let start = asciiPrefix(base, from: 0, count: bytes.count)
        return start == bytes.count ? nil : firstInvalidByte(base, from: start, count: bytes.count)
    }

    /// Position of the first byte that is not ASCII, or `count`.
    @inline(__always)
    private static func asciiPrefix(_ base: UnsafePointer<UInt8>, from start: Int, count: Int) -> Int {
        var index = start
        while index &+ 8 <= count {
            let word = UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self)
            guard word & 0x8080_8080_8080_8080 == 0 else { break }
            index &+= 8
        }
        while index < count, base[index] < 0x80 { index &+= 1 }
        return index
    }

    @inline(never)
    private static func firstInvalidByte(_ base: UnsafePointer<UInt8>, from start: Int, count: Int) -> Int? {
        var index = start
        while index < count {
            let length = sequenceLength(base + index, available: count - index)
            guard length > 0 else { return index }
            index &+= length
            if length == 1 { index = asciiPrefix(base, from: index, count: count) }
        }
        return nil
    }

    /// Length of the sequence at `pointer`, 0 when it is ill-formed (table 3-7 of the Unicode standard).
    @inline(__always)
    private static func sequenceLength(_ pointer: UnsafePointer<UInt8>, available: Int) -> Int {
        let first = pointer[0]
        if first < 0x80 { return 1 }
        if first < 0xC2 || first > 0xF4 { return 0 }
        guard available >= 2 else { return 0 }
        let second = pointer[1]
        if first < 0xE0 { return second & 0xC0 == 0x80 ? 2 : 0 }
        guard available >= 3, pointer[2] & 0xC0 == 0x80 else { return 0 }
        if first < 0xF0 {
            let low: UInt8 = first == 0xE0 ? 0xA0 : 0x80
            let high: UInt8 = first == 0xED ? 0x9F : 0xBF
            return second >= low && second <= high ? 3 : 0
        }
        guard available >= 4, pointer[3] & 0xC0 == 0x80 else { return 0 }
        let low: UInt8 = first == 0xF0 ? 0x90 : 0x80
        let high: UInt8 = first == 0xF4 ? 0x8F : 0xBF
        return second >= low && second <= high ? 4 : 0
    }
}
