import HTTPClient
package import JSON

/// One event of a session, as a client gets it.
package struct StreamedEvent: Sendable, Equatable {
    /// The event's id, to resume after.
    package let id: String
    /// What happened, such as `delta`.
    package let type: String
    /// The whole event.
    package let json: JSONValue

    /// The turn that it belongs to.
    package var turnID: String? { json["turn_id"]?.stringValue }
    /// Whether its turn is over with it.
    package var isFinal: Bool { ["message", "turn.failed", "turn.cancelled"].contains(type) }
    /// The place of its turn in the session, and its own in the turn.
    package var position: [Int] { id.split(separator: "-").compactMap { Int($0) } }

    /// Reads an event as it came.
    package init(json: JSONValue) {
        id = json["id"]?.stringValue ?? ""
        type = json["type"]?.stringValue ?? ""
        self.json = json
    }
}

/// A session's events over server-sent events.
package struct SessionStream: Sendable {
    let stream: HTTPClientStream

    /// Ends the stream from this side.
    package func cancel() {
        stream.cancel()
    }

    /// The reader; a stream has one.
    package func makeIterator() -> Iterator {
        Iterator(pieces: stream.body.makeAsyncIterator())
    }

    /// The events up to and with the first that `isLast` says it of.
    /// - Throws: When the stream ends before it.
    package func events(through isLast: (StreamedEvent) -> Bool) async throws -> [StreamedEvent] {
        var iterator = makeIterator()
        return try await iterator.events(through: isLast)
    }

    /// Reads events out of the pieces of the body.
    package struct Iterator {
        var pieces: HTTPClientBody.AsyncIterator
        private var buffer: [UInt8] = []
        private var ready: [StreamedEvent] = []
        private var mismatch: String?

        init(pieces: HTTPClientBody.AsyncIterator) {
            self.pieces = pieces
        }

        /// The next event; nil when the gateway has ended the stream.
        package mutating func next() async throws -> StreamedEvent? {
            while true {
                if let mismatch { throw TestKitError(.socket, mismatch) }
                if !ready.isEmpty { return ready.removeFirst() }
                guard let piece = try await pieces.next() else { return nil }
                take(piece)
            }
        }

        /// The events up to and with the first that `isLast` says it of.
        /// - Throws: When the stream ends before it.
        package mutating func events(through isLast: (StreamedEvent) -> Bool) async throws -> [StreamedEvent] {
            var events: [StreamedEvent] = []
            while let event = try await next() {
                events.append(event)
                if isLast(event) { return events }
            }
            throw TestKitError(.socket, "the stream ended after \(events.map(\.id)) \(events.map(\.type))")
        }

        private mutating func take(_ piece: [UInt8]) {
            buffer += piece
            let text = String(decoding: buffer, as: UTF8.self)
            var blocks = text.split(separator: "\n\n", omittingEmptySubsequences: false)
            buffer = Array((blocks.popLast() ?? "").utf8)
            for block in blocks {
                var fields: [Substring: String] = [:]
                for line in block.split(separator: "\n") where !line.hasPrefix(":") {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    fields[parts[0], default: ""] += String(parts.last?.dropFirst() ?? "")
                }
                guard let data = fields["data"] else { continue }
                let event = StreamedEvent(json: (try? JSONValue.parse(data)) ?? .null)
                if fields["id"] != event.id || fields["event"] != event.type {
                    mismatch = "an event's id and type differ from its data's: \(block)"
                }
                ready.append(event)
            }
        }
    }
}
