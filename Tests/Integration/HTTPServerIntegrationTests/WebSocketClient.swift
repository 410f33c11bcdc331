import TestKit
import Testing

/// A frame as it is on the wire.
struct RawFrame: Equatable {
    var opcode: UInt8
    var payload: [UInt8]
    var isFinal = true
    var reservedBits: UInt8 = 0
    var isMasked = true

    static func text(_ text: String, isFinal: Bool = true) -> RawFrame {
        RawFrame(opcode: 1, payload: Array(text.utf8), isFinal: isFinal)
    }

    static func continuation(_ text: String, isFinal: Bool) -> RawFrame {
        RawFrame(opcode: 0, payload: Array(text.utf8), isFinal: isFinal)
    }

    static func close(_ code: UInt16, _ reason: [UInt8] = []) -> RawFrame {
        RawFrame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
    }

    /// What a client sends.
    var bytes: [UInt8] {
        var bytes: [UInt8] = [(isFinal ? 0x80 : 0) | reservedBits << 4 | opcode]
        let maskBit: UInt8 = isMasked ? 0x80 : 0
        switch payload.count {
        case 0..<126: bytes.append(maskBit | UInt8(payload.count))
        case 126..<65_536: bytes += [maskBit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default:
            bytes.append(maskBit | 127)
            bytes += stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: payload.count >> $0) }
        }
        guard isMasked else { return bytes + payload }
        let mask: [UInt8] = [0x12, 0xF4, 0x56, 0x9A]
        return bytes + mask + payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
    }

    /// The code of a close frame.
    var closeCode: UInt16? {
        opcode == 8 && payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil
    }
}

extension RawSocket {
    /// The example of RFC 6455 §1.3.
    static func upgradeRequest(_ path: String = "/", _ headers: String = "Sec-WebSocket-Version: 13\r\n") -> String {
        "GET \(path) HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(headers)\r\n"
    }

    /// Opens a WebSocket.
    static func webSocket(port: UInt16, path: String = "/") async throws -> RawSocket {
        let socket = try await RawSocket.connect(port: port)
        try await socket.write(upgradeRequest(path))
        try #require(try await socket.readResponse(withoutBody: true).status == 101)
        return socket
    }

    func write(_ frame: RawFrame) async throws {
        try await write(frame.bytes)
    }

    /// Reads one frame of the server, which must not be masked.
    func readFrame() async throws -> RawFrame {
        let head = try await read(count: 2)
        #expect(head[1] & 0x80 == 0, "a server's frames are not masked")
        var count = Int(head[1] & 0x7F)
        if count >= 126 {
            count = try await read(count: count == 126 ? 2 : 8).reduce(0) { $0 << 8 | Int($1) }
        }
        return RawFrame(
            opcode: head[0] & 0x0F,
            payload: try await read(count: count),
            isFinal: head[0] & 0x80 != 0,
            reservedBits: head[0] >> 4 & 7
        )
    }
}
