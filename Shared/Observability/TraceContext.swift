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
        var generator = SystemRandomNumberGenerator()
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
        TraceContext(high: traceIDHigh, low: traceIDLow, span: .random(in: 1...UInt64.max), isSampled: isSampled)
    }

    /// The `traceparent` header that hands this context on.
    package var traceparent: String {
        "00-\(traceIDHex)-\(spanIDHex)-\(isSampled ? "01" : "00")"
    }

    /// The trace's id in 32 hexadecimal digits.
    package var traceIDHex: String {
        Self.hex(traceIDHigh) + Self.hex(traceIDLow)
    }

    /// The span's id in 16 hexadecimal digits.
    package var spanIDHex: String {
        Self.hex(spanID)
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
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
