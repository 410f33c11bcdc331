/// One event of a server-sent stream (https://html.spec.whatwg.org/multipage/server-sent-events.html).
package struct ServerSentEvent: Sendable {
    /// What the client sends as Last-Event-ID when it comes back.
    package var id: String?
    /// The event's type.
    package var event: String?
    /// The data; each of its lines goes on a line of its own.
    package var data: String
    /// How long the client is to wait before it comes back, when the connection is lost.
    package var retry: Duration?

    /// Makes an event.
    ///
    /// What follows a line break in `id` or `event` is left out: it would be a field of its own.
    package init(id: String? = nil, event: String? = nil, data: String, retry: Duration? = nil) {
        self.id = id
        self.event = event
        self.data = data
        self.retry = retry
    }

    /// The event as it goes over the wire.
    package func serialized() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(data.utf8.count + 64)
        if let id { Self.append("id: ", Self.lines(id)[0], to: &bytes) }
        if let event { Self.append("event: ", Self.lines(event)[0], to: &bytes) }
        if let retry {
            bytes.append("retry: ")
            let (seconds, attoseconds) = retry.components
            bytes.append(decimal: max(0, Int(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)))
            bytes.append(.lineFeed)
        }
        for line in Self.lines(data) { Self.append("data: ", line, to: &bytes) }
        bytes.append(.lineFeed)
        return bytes
    }

    /// A comment, which clients ignore: it keeps a quiet connection from being taken for dead.
    package static func comment(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for line in lines(text) { append(": ", line, to: &bytes) }
        bytes.append(.lineFeed)
        return bytes
    }

    private static func append(_ field: StaticString, _ value: Substring.UTF8View, to bytes: inout [UInt8]) {
        bytes.append(field)
        bytes += value
        bytes.append(.lineFeed)
    }

    /// A text's lines: the standard knows CR LF, LF and CR as ends.
    private static func lines(_ text: String) -> [Substring.UTF8View] {
        guard text.utf8.contains(where: { $0 == .carriageReturn || $0 == .lineFeed }) else {
            return [text[...].utf8]
        }
        var lines: [Substring.UTF8View] = []
        var rest = text[...].utf8
        while let end = rest.firstIndex(where: { $0 == .carriageReturn || $0 == .lineFeed }) {
            lines.append(rest[..<end])
            let isPair = rest[end] == .carriageReturn && rest[rest.index(after: end)...].first == .lineFeed
            rest = rest[rest.index(end, offsetBy: isPair ? 2 : 1)...]
        }
        lines.append(rest)
        return lines
    }
}
