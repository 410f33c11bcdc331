/// One event of a `text/event-stream`.
struct SSEEvent: Equatable {
    /// The `event` field, or empty.
    var name: String
    /// The `data` lines, joined by line feeds.
    var data: [UInt8]
}

/// Why a stream of events was given up.
enum SSEError: Error, Equatable {
    /// A line is longer than the limit.
    case lineTooLong
    /// The data of an event is longer than the limit.
    case eventTooLong
}

/// Takes a `text/event-stream` apart as its bytes arrive (WHATWG HTML §9.2.6).
///
/// No I/O.
///
/// `id` and `retry` fields are read over: a model call is never resumed. An event that has no blank line after it when
/// the stream ends is not an event.
struct SSEParser {
    let lineBytesMax: Int
    let eventBytesMax: Int
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var name = ""
    private var endedWithReturn = false
    private var isAtStart = true

    init(lineBytesMax: Int = 1 << 20, eventBytesMax: Int = 1 << 20) {
        self.lineBytesMax = lineBytesMax
        self.eventBytesMax = eventBytesMax
    }

    /// Whether bytes have come that no event has taken: then the end of the stream is a cut.
    var isInsideEvent: Bool { hasData || !line.isEmpty || !name.isEmpty }

    /// Takes the next bytes and returns the events that are complete by them.
    mutating func receive(_ bytes: some Collection<UInt8>) throws(SSEError) -> [SSEEvent] {
        var events: [SSEEvent] = []
        var rest = bytes[...]
        if endedWithReturn, rest.first == UInt8(ascii: "\n") {
            rest.removeFirst()
        }
        if !bytes.isEmpty {
            endedWithReturn = false
        }
        while let end = rest.firstIndex(where: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            try append(rest[..<end])
            let isReturn = rest[end] == UInt8(ascii: "\r")
            rest = rest[rest.index(after: end)...]
            if isReturn {
                if rest.first == UInt8(ascii: "\n") {
                    rest.removeFirst()
                } else {
                    endedWithReturn = rest.isEmpty
                }
            }
            if let event = try endLine() {
                events.append(event)
            }
        }
        try append(rest)
        return events
    }

    private mutating func append(_ bytes: some Collection<UInt8>) throws(SSEError) {
        guard line.count + bytes.count <= lineBytesMax else { throw .lineTooLong }
        line.append(contentsOf: bytes)
    }

    private mutating func endLine() throws(SSEError) -> SSEEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        var text = line[...]
        if isAtStart, text.starts(with: [0xEF, 0xBB, 0xBF]) {
            text = text.dropFirst(3)
        }
        isAtStart = false
        guard !text.isEmpty else { return dispatch() }
        let colon = text.firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex
        let field = text[..<colon]
        var value = text[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") {
            value.removeFirst()
        }
        if field.elementsEqual("data".utf8) {
            guard data.count + value.count + (hasData ? 1 : 0) <= eventBytesMax else { throw .eventTooLong }
            if hasData {
                data.append(UInt8(ascii: "\n"))
            }
            data.append(contentsOf: value)
            hasData = true
        } else if field.elementsEqual("event".utf8) {
            name = String(decoding: value, as: UTF8.self)
        }
        return nil
    }

    private mutating func dispatch() -> SSEEvent? {
        defer {
            data = []
            hasData = false
            name = ""
        }
        return hasData ? SSEEvent(name: name, data: data) : nil
    }
}
