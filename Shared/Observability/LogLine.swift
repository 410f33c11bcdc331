/// Puts one log line together as JSON.
///
/// It writes the JSON itself, so that a line costs one array.
struct LogLine {
    private static let truncatedMark: [UInt8] = Array(",\"truncated\":true".utf8)
    /// What must stay free for the mark, the brace and the newline.
    private static let tailBytes = truncatedMark.count + 2

    private var bytes: [UInt8] = []
    private var isTruncated = false

    init(capacity: Int) {
        bytes.reserveCapacity(capacity)
    }

    mutating func begin(level: LogLevel, service: String, message: StaticString, at time: WallClock) {
        bytes.append(contentsOf: "{\"ts\":\"".utf8)
        time.appendISO8601(to: &bytes)
        bytes.append(contentsOf: "\",\"level\":\"".utf8)
        bytes.append(contentsOf: level.name.utf8)
        bytes.append(contentsOf: "\",\"service\":".utf8)
        append(quoted: service)
        bytes.append(contentsOf: ",\"message\":".utf8)
        append(quoted: "\(message)")
    }

    mutating func append(trace: TraceContext) {
        bytes.append(contentsOf: ",\"trace_id\":\"".utf8)
        bytes.append(contentsOf: trace.traceIDHex.utf8)
        bytes.append(contentsOf: "\",\"span_id\":\"".utf8)
        bytes.append(contentsOf: trace.spanIDHex.utf8)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Adds a field, or nothing but the mark when the line would be too long with it.
    mutating func append(_ field: LogMetadata.Field) {
        let before = bytes.count
        bytes.append(UInt8(ascii: ","))
        append(quoted: field.key.name)
        bytes.append(UInt8(ascii: ":"))
        switch field.value {
        case .string(let text): append(quoted: text)
        case .int(let number): bytes.append(contentsOf: String(number).utf8)
        case .double(let number): bytes.append(contentsOf: (number.isFinite ? "\(number)" : "null").utf8)
        case .bool(let truth): bytes.append(contentsOf: (truth ? "true" : "false").utf8)
        }
        if bytes.count + Self.tailBytes > Logger.lineBytesMax {
            bytes.removeSubrange(before...)
            isTruncated = true
        }
    }

    mutating func finish() -> [UInt8] {
        if isTruncated {
            bytes.append(contentsOf: Self.truncatedMark)
        }
        bytes.append(UInt8(ascii: "}"))
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private mutating func append(quoted text: String) {
        QuotedText.append(quoted: text, bytesMax: Logger.valueBytesMax, to: &bytes)
    }
}
