/// Where in a distributed trace the work stands: W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/).
package struct TraceContext: Sendable, Hashable {
    /// The trace of the current task; log lines of the task carry it.
    @TaskLocal package static var current: TraceContext?

    /// The upper half of the trace's 128-bit id.
    package let traceIDHigh: UInt64
    /// The lower half of the trace's 128-bit id.
    package let traceIDLow: UInt64
    /// The id of the current span.
    package let spanID: UInt64
    /// Whether the caller recorded its span.
    package let isSampled: Bool

    /// Makes a context out of its parts; nil when an id is all zero, which the standard forbids.
    package init?(traceIDHigh: UInt64, traceIDLow: UInt64, spanID: UInt64, isSampled: Bool) {
        guard traceIDHigh | traceIDLow != 0, spanID != 0 else { return nil }
        self.init(high: traceIDHigh, low: traceIDLow, span: spanID, isSampled: isSampled)
    }

    private init(high: UInt64, low: UInt64, span: UInt64, isSampled: Bool) {
        traceIDHigh = high
        traceIDLow = low
        spanID = span
        self.isSampled = isSampled
    }

    /// Reads a `traceparent` header; nil when it is not valid, whereupon the standard says to begin a new trace.
    ///
    /// A version above 00 may carry more fields after the known ones; version ff is never valid.
    package init?(traceparent: some StringProtocol) {
        let bytes = Array(traceparent.utf8.prefix(56))
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Self.hex(bytes[0..<2]), version != 0xFF,
            version == 0 ? bytes.count == 55 : bytes.count == 55 || bytes[55] == dash,
            let high = Self.hex(bytes[3..<19]), let low = Self.hex(bytes[19..<35]),
            let span = Self.hex(bytes[36..<52]), let flags = Self.hex(bytes[53..<55])
        else { return nil }
        self.init(traceIDHigh: high, traceIDLow: low, spanID: span, isSampled: flags & 1 == 1)
    }

    /// Begins a new trace.
    package static func generate(isSampled: Bool = true) -> TraceContext {
        var generator = PooledRandomNumberGenerator()
        return generate(isSampled: isSampled, using: &generator)
    }

    /// Begins a new trace with ids from `generator`.
    package static func generate(
        isSampled: Bool = true,
        using generator: inout some RandomNumberGenerator
    ) -> TraceContext {
        TraceContext(
            high: generator.next(),
            low: .random(in: 1...UInt64.max, using: &generator),
            span: .random(in: 1...UInt64.max, using: &generator),
            isSampled: isSampled
        )
    }

    /// A span under this one, in the same trace.
    package func child() -> TraceContext {
        var generator = PooledRandomNumberGenerator()
        let span = UInt64.random(in: 1...UInt64.max, using: &generator)
        return TraceContext(high: traceIDHigh, low: traceIDLow, span: span, isSampled: isSampled)
    }

    /// The `traceparent` header that hands this context on.
    package var traceparent: String {
        String(unsafeUninitializedCapacity: 55) { text in
            text[0] = UInt8(ascii: "0")
            text[1] = UInt8(ascii: "0")
            text[2] = UInt8(ascii: "-")
            Self.writeHex(traceIDHigh, to: text, at: 3)
            Self.writeHex(traceIDLow, to: text, at: 19)
            text[35] = UInt8(ascii: "-")
            Self.writeHex(spanID, to: text, at: 36)
            text[52] = UInt8(ascii: "-")
            text[53] = UInt8(ascii: "0")
            text[54] = UInt8(ascii: "0") + (isSampled ? 1 : 0)
            return 55
        }
    }

    /// The trace's id in 32 hexadecimal digits.
    package var traceIDHex: String {
        String(unsafeUninitializedCapacity: 32) { text in
            Self.writeHex(traceIDHigh, to: text, at: 0)
            Self.writeHex(traceIDLow, to: text, at: 16)
            return 32
        }
    }

    /// The span's id in 16 hexadecimal digits.
    package var spanIDHex: String {
        String(unsafeUninitializedCapacity: 16) { text in
            Self.writeHex(spanID, to: text, at: 0)
            return 16
        }
    }

    /// Writes 16 digits; every request has its trace written several times.
    private static func writeHex(_ number: UInt64, to text: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
        for digit in 0..<16 {
            let nibble = UInt8(truncatingIfNeeded: number >> UInt64(60 - 4 * digit)) & 15
            text[start + digit] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
        }
    }

    /// Reads lower-case hexadecimal digits, the only ones that the standard allows; nil for anything else.
    private static func hex(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}
