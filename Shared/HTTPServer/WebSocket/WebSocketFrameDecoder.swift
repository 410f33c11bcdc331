/// What a WebSocket's peer sent.
enum WebSocketInput: Equatable {
    /// A whole text message, valid UTF-8.
    case text([UInt8])
    /// A whole binary message.
    case binary([UInt8])
    /// A ping, to be answered with its payload.
    case ping([UInt8])
    /// A pong.
    case pong
    /// The peer's close, with its code if it gave one.
    case close(UInt16?)
    /// The peer broke the protocol: the connection must be ended with this code.
    case violation(WebSocketCloseCode)
}

/// The close codes that the server itself gives (RFC 6455 §7.4.1).
enum WebSocketCloseCode: UInt16 {
    /// The peer broke the protocol.
    case protocolError = 1002
    /// A text that is not UTF-8.
    case invalidPayload = 1007
    /// A message over the limit.
    case messageTooBig = 1009

    /// Whether a code may be sent in a close frame (RFC 6455 §7.4 and the IANA registry).
    static func isAllowed(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

/// Decodes the frames of a client (RFC 6455 §5), without I/O.
struct WebSocketFrameDecoder {
    private enum Opcode {
        static let continuation: UInt8 = 0
        static let text: UInt8 = 1
        static let binary: UInt8 = 2
        static let close: UInt8 = 8
        static let ping: UInt8 = 9
        static let pong: UInt8 = 10
    }

    private struct Frame {
        let opcode: UInt8
        let isFinal: Bool
        let mask: UInt32
        let payloadStart: Int
        let payloadCount: Int
        var end: Int { payloadStart + payloadCount }
        var isControl: Bool { opcode >= Opcode.close }
    }

    private enum Header {
        case incomplete
        case frame(Frame)
        case violation(WebSocketCloseCode)
    }

    private let messageBytesMax: Int
    private var pending: [UInt8] = []
    private var message: [UInt8] = []
    private var messageOpcode: UInt8 = 0
    private var isOver = false

    /// The largest payload of a control frame (§5.5).
    private static let controlBytesMax = 125

    /// Makes a decoder.
    init(messageBytesMax: Int) {
        self.messageBytesMax = messageBytesMax
    }

    /// Takes bytes and gives what they complete.
    ///
    /// After a close or a violation everything is ignored.
    mutating func feed(_ bytes: UnsafeBufferPointer<UInt8>) -> [WebSocketInput] {
        var inputs: [WebSocketInput] = []
        if pending.isEmpty {
            let used = decode(bytes, into: &inputs)
            if used < bytes.count, !isOver { pending = Array(bytes[used...]) }
            return inputs
        }
        pending.append(contentsOf: bytes)
        let waiting = pending
        let used = waiting.withUnsafeBufferPointer { decode($0, into: &inputs) }
        if used >= waiting.count || isOver {
            pending = []
        } else if used > 0 {
            pending.removeFirst(used)
        }
        return inputs
    }

    private mutating func decode(_ bytes: UnsafeBufferPointer<UInt8>, into inputs: inout [WebSocketInput]) -> Int {
        var index = 0
        while !isOver {
            switch header(UnsafeBufferPointer(rebasing: bytes[index...])) {
            case .incomplete:
                return index
            case .violation(let code):
                isOver = true
                inputs.append(.violation(code))
            case .frame(let frame):
                // Whole frames only: their size is bounded by the message's limit.
                guard bytes.count - index >= frame.end else { return index }
                var payload = Array(bytes[(index + frame.payloadStart)..<(index + frame.end)])
                Self.unmask(&payload, frame.mask)
                index += frame.end
                if let input = frame.isControl ? control(frame, payload) : data(frame, payload) {
                    if case .violation = input { isOver = true }
                    if case .close = input { isOver = true }
                    inputs.append(input)
                }
            }
        }
        return bytes.count
    }

    private func header(_ bytes: UnsafeBufferPointer<UInt8>) -> Header {
        guard bytes.count >= 2 else { return .incomplete }
        let (first, second) = (bytes[0], bytes[1])
        let opcode = first & 0x0F
        let isFinal = first & 0x80 != 0
        // No extension is spoken, so the reserved bits are 0; a client's frames are masked.
        guard first & 0x70 == 0, second & 0x80 != 0 else { return .violation(.protocolError) }
        var count = Int(second & 0x7F)
        if opcode >= Opcode.close {
            guard opcode <= Opcode.pong, isFinal, count <= Self.controlBytesMax else {
                return .violation(.protocolError)
            }
        } else {
            // A continuation needs a message that has begun, and a message must not begin inside another.
            guard opcode <= Opcode.binary, (opcode == Opcode.continuation) == (messageOpcode != 0) else {
                return .violation(.protocolError)
            }
        }
        var headerCount = 2
        if count >= 126 {
            headerCount = count == 126 ? 4 : 10
            guard bytes.count >= headerCount else { return .incomplete }
            var length: UInt64 = 0
            for byte in bytes[2..<headerCount] {
                length = length << 8 | UInt64(byte)
            }
            guard length <= UInt64(messageBytesMax) else { return .violation(.messageTooBig) }
            count = Int(length)
        }
        if opcode < Opcode.close, message.count + count > messageBytesMax { return .violation(.messageTooBig) }
        guard bytes.count >= headerCount + 4 else { return .incomplete }
        var mask: UInt32 = 0
        for offset in 0..<4 {
            mask |= UInt32(bytes[headerCount + offset]) << UInt32(8 * offset)
        }
        return .frame(
            Frame(
                opcode: opcode,
                isFinal: isFinal,
                mask: mask,
                payloadStart: headerCount + 4,
                payloadCount: count
            )
        )
    }

    private func control(_ frame: Frame, _ payload: [UInt8]) -> WebSocketInput {
        switch frame.opcode {
        case Opcode.ping: return .ping(payload)
        case Opcode.pong: return .pong
        default: break
        }
        if payload.isEmpty { return .close(nil) }
        guard payload.count >= 2 else { return .violation(.protocolError) }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        guard WebSocketCloseCode.isAllowed(code) else { return .violation(.protocolError) }
        guard String(validating: payload[2...], as: UTF8.self) != nil else { return .violation(.invalidPayload) }
        return .close(code)
    }

    private mutating func data(_ frame: Frame, _ payload: [UInt8]) -> WebSocketInput? {
        if frame.opcode != Opcode.continuation { messageOpcode = frame.opcode }
        if message.isEmpty {
            message = payload
        } else {
            message += payload
        }
        guard frame.isFinal else { return nil }
        let (whole, opcode) = (message, messageOpcode)
        message = []
        messageOpcode = 0
        if opcode == Opcode.binary { return .binary(whole) }
        return Self.isUTF8(whole) ? .text(whole) : .violation(.invalidPayload)
    }

    private static func isUTF8(_ bytes: [UInt8]) -> Bool {
        bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
    }

    private static func unmask(_ bytes: inout [UInt8], _ mask: UInt32) {
        let wide = UInt64(mask) | UInt64(mask) << 32
        bytes.withUnsafeMutableBytes { raw in
            var index = 0
            while index + 8 <= raw.count {
                let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                raw.storeBytes(of: word ^ wide, toByteOffset: index, as: UInt64.self)
                index += 8
            }
            while index < raw.count {
                raw[index] ^= UInt8(truncatingIfNeeded: mask >> UInt32(index % 4 * 8))
                index += 1
            }
        }
    }
}
