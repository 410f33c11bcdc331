@testable import HTTPServer

/// A frame as a client sends it: masked (RFC 6455 §5.3), unless a test wants it broken.
struct ClientFrame {
    var opcode: UInt8
    var payload: [UInt8]
    var isFinal = true
    var reserved: UInt8 = 0
    var mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]

    static func text(_ text: String, isFinal: Bool = true) -> ClientFrame {
        ClientFrame(opcode: 1, payload: Array(text.utf8), isFinal: isFinal)
    }

    static func binary(_ payload: [UInt8], isFinal: Bool = true) -> ClientFrame {
        ClientFrame(opcode: 2, payload: payload, isFinal: isFinal)
    }

    static func continuation(_ payload: [UInt8], isFinal: Bool) -> ClientFrame {
        ClientFrame(opcode: 0, payload: payload, isFinal: isFinal)
    }

    static func ping(_ payload: [UInt8] = []) -> ClientFrame {
        ClientFrame(opcode: 9, payload: payload)
    }

    static func close(_ code: UInt16, _ reason: [UInt8] = []) -> ClientFrame {
        ClientFrame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)] + reason)
    }

    /// The bytes on the wire.
    var bytes: [UInt8] {
        var bytes = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
        let masked: UInt8 = mask == nil ? 0 : 0x80
        switch payload.count {
        case 0..<126: bytes.append(masked | UInt8(payload.count))
        case 126..<65_536: bytes += [masked | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default:
            bytes.append(masked | 127)
            bytes += (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $0.element ^ mask[$0.offset % 4] }
    }
}

/// Feeds pieces to a decoder and gives all that they led to.
func decode(_ pieces: [[UInt8]], messageBytesMax: Int = 1 << 20) -> [WebSocketInput] {
    var decoder = WebSocketFrameDecoder(messageBytesMax: messageBytesMax)
    return pieces.flatMap { piece in piece.withUnsafeBufferPointer { decoder.feed($0) } }
}

/// Feeds frames in one piece.
func decode(_ frames: ClientFrame..., messageBytesMax: Int = 1 << 20) -> [WebSocketInput] {
    decode([frames.flatMap(\.bytes)], messageBytesMax: messageBytesMax)
}
