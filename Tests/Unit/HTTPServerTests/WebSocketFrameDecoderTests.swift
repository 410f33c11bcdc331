import Testing

@testable import HTTPServer

struct WebSocketFrameDecoderTests {
    @Test(arguments: [0, 1, 7, 8, 9, 125, 126, 127, 65_535, 65_536, 100_000])
    func messagesOfEveryLengthAreRead(_ count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(decode(.binary(payload)) == [.binary(payload)])
        let text = String(repeating: "x", count: count)
        #expect(decode(.text(text)) == [.text(Array(text.utf8))])
    }

    @Test func theFrameOfTheStandardIsRead() {
        // RFC 6455 §5.7: a single-frame masked text message, "Hello".
        let bytes: [UInt8] = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
        #expect(decode([bytes]) == [.text(Array("Hello".utf8))])
    }

    @Test func fragmentsAreJoinedAndControlFramesMayComeBetween() {
        let inputs = decode(
            .text("one ", isFinal: false),
            .ping([1, 2]),
            .continuation(Array("two ".utf8), isFinal: false),
            ClientFrame(opcode: 10, payload: []),
            .continuation([], isFinal: false),
            .continuation(Array("three".utf8), isFinal: true),
            .binary([9])
        )
        #expect(inputs == [.ping([1, 2]), .pong, .text(Array("one two three".utf8)), .binary([9])])
    }

    @Test func aCharacterMayBeCutByFragments() {
        let euro = Array("\u{20AC}".utf8)
        let inputs = decode(
            ClientFrame(opcode: 1, payload: [euro[0]], isFinal: false),
            .continuation([euro[1]], isFinal: false),
            .continuation([euro[2]], isFinal: true)
        )
        #expect(inputs == [.text(euro)])
    }

    @Test func brokenFramesAreViolations() {
        let broken: [(String, ClientFrame)] = [
            ("not masked", ClientFrame(opcode: 1, payload: [65], mask: nil)),
            ("first reserved bit", ClientFrame(opcode: 1, payload: [65], reserved: 4)),
            ("second reserved bit", ClientFrame(opcode: 2, payload: [65], reserved: 2)),
            ("third reserved bit", ClientFrame(opcode: 9, payload: [], reserved: 1)),
            ("continuation of nothing", .continuation([65], isFinal: true)),
            ("fragmented ping", ClientFrame(opcode: 9, payload: [], isFinal: false)),
            ("fragmented close", ClientFrame(opcode: 8, payload: [], isFinal: false)),
            ("ping of 126 bytes", .ping([UInt8](repeating: 0, count: 126))),
            ("close of 126 bytes", .close(1000, [UInt8](repeating: 65, count: 124))),
            ("close of one byte", ClientFrame(opcode: 8, payload: [3])),
        ]
        for (name, frame) in broken {
            #expect(decode(frame) == [.violation(.protocolError)], "\(name)")
        }
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8] {
            #expect(
                decode(ClientFrame(opcode: opcode, payload: [])) == [.violation(.protocolError)],
                "opcode \(opcode)"
            )
        }
        #expect(decode(.text("a", isFinal: false), .text("b")) == [.violation(.protocolError)])
        #expect(decode(.ping([UInt8](repeating: 0, count: 125))) == [.ping([UInt8](repeating: 0, count: 125))])
    }

    @Test func violationsAreSeenBeforeThePayload() {
        // The header alone is enough: a client that breaks the protocol is not waited for.
        #expect(decode([[0xC1, 0x85]]) == [.violation(.protocolError)])
        #expect(decode([[0x81, 0x05]]) == [.violation(.protocolError)])
        #expect(decode([[0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 1]]) == [.violation(.messageTooBig)])
        #expect(decode([[0x82, 0xFF] + [UInt8](repeating: 0xFF, count: 8)]) == [.violation(.messageTooBig)])
    }

    @Test func aMessageAtTheLimitAndOneOver() {
        for limit in [0, 1, 100, 125, 126, 300, 65_536] {
            let full = [UInt8](repeating: 7, count: limit)
            #expect(decode(.binary(full), messageBytesMax: limit) == [.binary(full)])
            #expect(decode(.binary(full + [7]), messageBytesMax: limit) == [.violation(.messageTooBig)])
            // Fragments count together.
            let first = ClientFrame.binary(full, isFinal: false)
            #expect(decode(first, .continuation([], isFinal: true), messageBytesMax: limit) == [.binary(full)])
            let over = ClientFrame.continuation([7], isFinal: true)
            #expect(decode(first, over, messageBytesMax: limit) == [.violation(.messageTooBig)])
        }
        // A message's limit is not one for control frames, and what was before does not count.
        #expect(decode(.ping([1, 2, 3]), .binary([1]), .binary([2]), messageBytesMax: 1).count == 3)
    }

    @Test func textIsUTF8() {
        let broken: [[UInt8]] = [
            [0xFF], [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80],
            [0xE2, 0x82],
        ]
        for bytes in broken {
            #expect(decode(ClientFrame(opcode: 1, payload: bytes)) == [.violation(.invalidPayload)], "\(bytes)")
            #expect(decode(.close(1000, bytes)) == [.violation(.invalidPayload)], "\(bytes)")
            #expect(decode(.binary(bytes)) == [.binary(bytes)])
        }
        let text = Array("k\u{F6}\u{20AC}\u{1F600}\u{0}".utf8)
        #expect(decode(ClientFrame(opcode: 1, payload: text)) == [.text(text)])
    }

    @Test func onlySomeCodesMayBeSent() {
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999] as [UInt16] {
            #expect(decode(.close(code)) == [.close(code)], "\(code)")
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] as [UInt16] {
            #expect(decode(.close(code)) == [.violation(.protocolError)], "\(code)")
        }
        #expect(decode(ClientFrame(opcode: 8, payload: [])) == [.close(nil)])
        #expect(decode(.close(1000, [UInt8](repeating: 65, count: 123))) == [.close(1000)])
    }

    @Test func nothingIsReadAfterTheEnd() {
        #expect(decode(.close(1000), .text("late")) == [.close(1000)])
        #expect(decode(ClientFrame(opcode: 3, payload: []), .text("late")) == [.violation(.protocolError)])
        let pieces = [ClientFrame.close(1000).bytes, ClientFrame.text("late").bytes]
        #expect(decode(pieces) == [.close(1000)])
    }
}
