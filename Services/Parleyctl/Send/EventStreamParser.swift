/// One event of a `text/event-stream`, with its id.
struct ServerEvent: Equatable {
    /// What the stream is resumed after; nil when the event has none.
    var id: String?
    /// The `data` lines, joined by line feeds.
    var data: [UInt8]
}

/// Takes the gateway's `text/event-stream` apart as its bytes arrive (WHATWG HTML §9.2.6).
///
/// It does no I/O. Lines end in LF or CRLF: the gateway writes no others. An event that has no blank line after it when
/// the stream ends was cut off, and comes again when the stream is resumed.
struct EventStreamParser {
    /// The longest event, in bytes: a final answer is no longer than a record of the bus may be, and its escapes.
    static let eventBytesMax = 8 << 20

    /// The stream has an event that is longer than the limit.
    struct TooLong: Error {}

    private var line: [UInt8] = []
    private var event = ServerEvent(id: nil, data: [])
    private var hasData = false

    /// Takes the next bytes and returns the events that are complete by them.
    mutating func receive(_ bytes: [UInt8]) throws(TooLong) -> [ServerEvent] {
        var events: [ServerEvent] = []
        for part in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            // Every part but the first begins behind a line's end.
            if part.offset > 0, let event = endLine() { events.append(event) }
            guard line.count + event.data.count + part.element.count <= Self.eventBytesMax else { throw TooLong() }
            line += part.element
        }
        return events
    }

    private mutating func endLine() -> ServerEvent? {
        defer { line = [] }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard !line.isEmpty else {
            defer {
                event = ServerEvent(id: nil, data: [])
                hasData = false
            }
            return hasData ? event : nil
        }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "id":
            event.id = String(decoding: value, as: UTF8.self)
        case "data":
            if hasData { event.data.append(UInt8(ascii: "\n")) }
            event.data += value
            hasData = true
        default: break
        }
        return nil
    }
}
