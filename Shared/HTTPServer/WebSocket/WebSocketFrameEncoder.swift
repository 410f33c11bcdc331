/// Encodes the frames of a server, which are never masked (RFC 6455 §5.2).
enum WebSocketFrameEncoder {
    static let text: UInt8 = 1
    static let binary: UInt8 = 2
    static let close: UInt8 = 8
    static let ping: UInt8 = 9
    static let pong: UInt8 = 10

    /// The longest reason of a close: a control frame's 125 bytes without the code's two (§5.5).
    static let reasonBytesMax = 123

    /// One unfragmented frame.
    static func frame(opcode: UInt8, payload: some Collection<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        let count = payload.count
        bytes.reserveCapacity(count + 10)
        bytes.append(0x80 | opcode)
        if count < 126 {
            bytes.append(UInt8(count))
        } else if count < 65_536 {
            bytes.append(126)
            bytes.append(UInt8(count >> 8))
            bytes.append(UInt8(count & 0xFF))
        } else {
            bytes.append(127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: count >> shift))
            }
        }
        bytes += payload
        return bytes
    }

    /// A close frame; the reason is cut to what fits, between two characters.
    static func close(code: UInt16?, reason: String) -> [UInt8] {
        guard let code else { return frame(opcode: close, payload: []) }
        var payload = [UInt8(code >> 8), UInt8(code & 0xFF)]
        for character in reason.unicodeScalars {
            let encoded = UTF8.encode(character).map(Array.init) ?? []
            if payload.count - 2 + encoded.count > reasonBytesMax { break }
            payload += encoded
        }
        return frame(opcode: close, payload: payload)
    }
}
