import Testing

@testable import HTTPServer

struct WebSocketFrameEncoderTests {
    @Test func theShortestLengthIsUsed() {
        for (count, head) in [
            (0, [0x82, 0]), (125, [0x82, 125]), (126, [0x82, 126, 0, 126]), (65_535, [0x82, 126, 255, 255]),
            (65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] as [(Int, [UInt8])] {
            let frame = WebSocketFrameEncoder.frame(opcode: 2, payload: [UInt8](repeating: 7, count: count))
            #expect(Array(frame.prefix(head.count)) == head)
            #expect(frame.count == head.count + count)
        }
    }

    @Test func aReasonIsCutBetweenCharacters() {
        #expect(WebSocketFrameEncoder.close(code: nil, reason: "x") == [0x88, 0])
        #expect(WebSocketFrameEncoder.close(code: 1000, reason: "ab") == [0x88, 4, 3, 232, 97, 98])
        let whole = String(repeating: "x", count: 123)
        #expect(WebSocketFrameEncoder.close(code: 1000, reason: whole).count == 2 + 125)
        #expect(WebSocketFrameEncoder.close(code: 1000, reason: whole + "y").count == 2 + 125)
        // 41 characters of 3 bytes are 123 bytes; behind one more byte only 40 fit.
        let euros = WebSocketFrameEncoder.close(code: 1000, reason: "x" + String(repeating: "€", count: 41))
        #expect(euros.count == 2 + 2 + 1 + 40 * 3)
        #expect(String(validating: euros.dropFirst(4), as: UTF8.self) == "x" + String(repeating: "€", count: 40))
    }

    @Test func onlySomeKeysAreValid() {
        // The example of RFC 6455 §1.3.
        #expect(WebSocketHandshake.accept(key: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(WebSocketHandshake.isValid(key: "dGhlIHNhbXBsZSBub25jZQ=="))
        #expect(WebSocketHandshake.isValid(key: "++++//////////////////=="))
        for key in ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=a", "dGhlIHNhbXBsZSBub25j===="] {
            #expect(!WebSocketHandshake.isValid(key: key))
        }
        #expect(!WebSocketHandshake.isValid(key: "dGhl\u{e9}HNhbXBsZSBub25jZQ=="))
    }
}
