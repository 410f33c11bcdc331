package import JSON

/// A session's events over a WebSocket (RFC 6455), which takes messages too.
package final class SessionWebSocket: Sendable {
    /// What came from the gateway.
    package enum Incoming: Sendable, Equatable {
        /// A text message; one that is no JSON comes as a string.
        case message(JSONValue)
        /// The end, with its code.
        case closed(Int)
    }

    private let socket: RawSocket

    private init(socket: RawSocket) {
        self.socket = socket
    }

    /// Opens a WebSocket.
    /// - Throws: When the gateway refuses.
    static func open(
        port: UInt16,
        path: String,
        key: String?,
        receiveBytes: Int32? = nil
    ) async throws -> SessionWebSocket {
        let socket = try await RawSocket.connect(port: port, receiveBytes: receiveBytes)
        let authorization = key.map { "Authorization: Bearer \($0)\r\n" } ?? ""
        try await socket.write(
            "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\(authorization)\r\n"
        )
        let head = String(decoding: try await socket.read(until: "\r\n\r\n"), as: UTF8.self)
        guard head.hasPrefix("HTTP/1.1 101 ") else {
            throw TestKitError(.socket, "no WebSocket: \(head.prefix { $0 != "\r\n" })")
        }
        return SessionWebSocket(socket: socket)
    }

    /// Sends a text message.
    package func send(_ text: String) async throws {
        try await write(opcode: 1, Array(text.utf8))
    }

    /// Sends JSON.
    package func send(_ json: JSONValue) async throws {
        try await send(json.string)
    }

    /// What comes next; pings are answered by the way.
    package func next(timeout: Duration = .seconds(45)) async throws -> Incoming {
        while true {
            let head = try await socket.read(count: 2, timeout: timeout)
            // The rest of a frame is on its way: giving it up here would leave the reader in its middle.
            let timeout = max(timeout, .seconds(45))
            var count = Int(head[1] & 0x7F)
            if count >= 126 {
                let length = try await socket.read(count: count == 126 ? 2 : 8, timeout: timeout)
                count = length.reduce(0) { $0 << 8 | Int($1) }
            }
            let payload = try await socket.read(count: count, timeout: timeout)
            switch head[0] & 0x0F {
            case 1:
                let json = try? JSONValue.parse(payload)
                return .message(json ?? .string(String(decoding: payload, as: UTF8.self)))
            case 8: return .closed(payload.count >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : 1005)
            case 9: try await write(opcode: 10, payload)
            default: throw TestKitError(.socket, "an unexpected frame: opcode \(head[0] & 0x0F)")
            }
        }
    }

    /// The events of the session up to and with the first that `isLast` says it of.
    ///
    /// Other messages, such as answers to what was sent, are skipped.
    package func events(through isLast: (StreamedEvent) -> Bool) async throws -> [StreamedEvent] {
        var events: [StreamedEvent] = []
        while case .message(let json) = try await next() {
            guard json["id"] != nil else { continue }
            events.append(StreamedEvent(json: json))
            if events.last.map(isLast) ?? false { return events }
        }
        throw TestKitError(.socket, "the WebSocket ended after \(events.map(\.id))")
    }

    /// Closes the connection.
    package func close() async throws {
        try await write(opcode: 8, [0x03, 0xE8])
        socket.close()
    }

    /// Leaves without a word, as a client does whose machine is gone.
    package func drop() {
        socket.close()
    }

    private func write(opcode: UInt8, _ payload: [UInt8]) async throws {
        var bytes: [UInt8] = [0x80 | opcode]
        switch payload.count {
        case 0..<126: bytes.append(0x80 | UInt8(payload.count))
        case 126..<65_536: bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default:
            bytes.append(0x80 | 127)
            bytes += stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: payload.count >> $0) }
        }
        let mask: [UInt8] = [0x12, 0xF4, 0x56, 0x9A]
        bytes += mask
        bytes += payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
        try await socket.write(bytes)
    }
}
